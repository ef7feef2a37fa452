"""Tables for spreadsheet programs."""

from archive_pipeline.export.table import plain_cell

__all__ = ["plain_cell"]
