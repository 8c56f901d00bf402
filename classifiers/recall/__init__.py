"""`curate recall`: from a seed set to all pages of a corpus that are like it, in rounds (DeepSeekMath)."""
