"""Export formats: JSON Lines, tables, citations, BagIt, and the manifest that proves them."""
