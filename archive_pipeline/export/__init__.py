"""Export formats: JSON Lines and CSV."""
