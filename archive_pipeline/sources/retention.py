"""How long the releases of a source are kept: `10y`, `18m`, or `forever`."""

import re
from datetime import date

__all__ = ["FOREVER", "kept_since", "parse_retention"]

FOREVER = "forever"
WRITTEN = re.compile(r"([1-9][0-9]{0,3})([ym])")


def parse_retention(text: str) -> int | None:
    """The months that a written period has; None for what is no period."""
    found = WRITTEN.fullmatch(text)
    return int(found[1]) * (12 if found[2] == "y" else 1) if found else None


def kept_since(retention: str | None, today: date) -> date | None:
    """The first day whose captures are still within the period; what was captured before is due. None where nothing
    ever is. A day that a month does not have counts as its last."""
    months = parse_retention(retention) if retention else None
    if months is None:
        return None
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    if year < 1:
        return date.min
    for day in (today.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day, today.day))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
