"""`curate label`: a sample, a file of requirements, a chat model's answers, a label set."""
