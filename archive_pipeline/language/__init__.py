"""German language: the one analysis shared by cleaning, classifying, indexing and search; language identification."""
