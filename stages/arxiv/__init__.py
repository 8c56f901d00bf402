"""Papers of arXiv: from the TeX of a submission to one text."""
