"""Tables for spreadsheet programs."""

__all__ = ["plain_cell"]


def plain_cell(text: str) -> str:
    """Text that no spreadsheet program takes for a formula: one that begins like it gets an apostrophe before
    (OWASP, CSV injection). Texts of strangers are opened in such programs."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
