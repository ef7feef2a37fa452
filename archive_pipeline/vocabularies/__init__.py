"""An archive's own names: kept, checked, imported."""
