"""The form of a source's `schedule`."""

import re

__all__ = ["is_schedule"]

_INTERVAL = re.compile(r"[1-9][0-9]{0,3}[mhd]")
_NAMES = {
    3: ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    4: ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""Minute, hour, day of month, month, day of week (0 and 7 are Sunday), as in POSIX crontab."""


def is_schedule(text: str) -> bool:
    """Whether `text` is an interval (`30m`, `6h`, `1d`) or a cron line of five fields (`15 6 * * mon-fri`)."""
    if _INTERVAL.fullmatch(text):
        return True
    fields = text.split()
    return len(fields) == len(_BOUNDS) and all(_is_field(field, number) for number, field in enumerate(fields))


def _is_field(field: str, number: int) -> bool:
    return all(_is_part(part, number) for part in field.split(","))


def _is_part(part: str, number: int) -> bool:
    span, slash, step = part.partition("/")
    if slash and not re.fullmatch(r"[1-9][0-9]?", step):
        return False
    if span == "*":
        return True
    first, dash, last = span.partition("-")
    low = _number(first, number)
    high = _number(last, number) if dash else low
    return low is not None and high is not None and low <= high


def _number(text: str, number: int) -> int | None:
    low, high = _BOUNDS[number]
    if re.fullmatch(r"[0-9]{1,2}", text):
        return int(text) if low <= int(text) <= high else None
    names = _NAMES.get(number, ())
    return names.index(text.lower()) + low if text.lower() in names else None
