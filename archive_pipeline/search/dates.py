"""Days as people write them in queries: 2016, 2016-05, 03.05.2016, 2015..2017, 30t."""

import re
from calendar import monthrange
from datetime import date, timedelta

from archive_pipeline.query import Range

__all__ = ["parse_range", "parse_since"]

_UNKNOWN = {"unbekannt", "unknown", "ohne", "keins", "none"}
_ISO = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?")
_GERMAN = re.compile(r"(?:(\d{1,2})\.)?(\d{1,2})\.(\d{4})")
_AGO = re.compile(r"(\d{1,4})\s*(t|tage?|d|days?|w|wochen?|weeks?|m|monate?|months?|j|jahre?|y|years?)", re.IGNORECASE)
_YEARS = re.compile(r"(\d{4})\s*[-–]\s*(\d{4})")
_MONTHS_A_YEAR = 12


def parse_range(field: str, text: str) -> Range | None:
    """The days a value names, or None when it names none."""
    value = text.strip()
    if value.casefold() in _UNKNOWN:
        return Range(field, unknown=True)
    years = _YEARS.fullmatch(value)
    if years:
        value = f"{years[1]}..{years[2]}"
    first, dots, last = value.partition("..")
    if not dots:
        last = first
    start, end = _span(first), _span(last.strip("."))
    if (first and not start) or (last and not end) or not (start or end):
        return None
    if start and end and start[0] > end[1]:
        start, end = end, start
    return Range(field, start=start[0] if start else None, end=end[1] if end else None)


def parse_since(text: str, today: date) -> Range | None:
    """From a day, or from some days, weeks, months or years before `today`, until now."""
    match = _AGO.fullmatch(text.strip())
    if not match:
        span = _span(text.strip())
        return Range("published", start=span[0]) if span else None
    count, unit = int(match[1]), match[2][0].lower()
    if unit in "tdw":
        days = min(count * (7 if unit == "w" else 1), (today - date.min).days)
        return Range("published", start=today - timedelta(days=days))
    months = today.year * _MONTHS_A_YEAR + today.month - 1 - count * (1 if unit == "m" else _MONTHS_A_YEAR)
    year, month = divmod(max(months, _MONTHS_A_YEAR), _MONTHS_A_YEAR)
    return Range("published", start=date(year, month + 1, min(today.day, monthrange(year, month + 1)[1])))


def _span(text: str) -> tuple[date, date] | None:
    """First and last day of a year, a month or a day."""
    if match := _ISO.fullmatch(text.strip()):
        year, month, day = match.groups()
    elif match := _GERMAN.fullmatch(text.strip()):
        day, month, year = match.groups()
    else:
        return None
    try:
        start = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    if day:
        return start, start
    last_month = int(month) if month else _MONTHS_A_YEAR
    return start, date(start.year, last_month, monthrange(start.year, last_month)[1])
