"""Cleaning and classifying one capture after the other, in this process or in a pool."""
