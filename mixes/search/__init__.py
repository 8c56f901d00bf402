"""Mix search: small models on several mixes tell which mix the large one should be trained on (`curate mix search`)."""
