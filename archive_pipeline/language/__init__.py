"""German language: the one analysis shared by cleaning, classifying, indexing and search; written days; language
identification.
"""
