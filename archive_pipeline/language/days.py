"""Reading German and machine-written days, without guessing and without a clock."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

__all__ = ["BERLIN", "EARLIEST", "days_in", "parse_day", "parse_iso"]

BERLIN = ZoneInfo("Europe/Berlin")

EARLIEST = date(1990, 1, 1)
"""No day before this is taken for a publication date: the web is younger."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "januar jan jänner jän january",
            "februar feb feber february",
            "märz mär mrz maerz march mar",
            "april apr",
            "mai may",
            "juni jun june",
            "juli jul july",
            "august aug",
            "september sep sept",
            "oktober okt october oct",
            "november nov",
            "dezember dez december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ISO = re.compile(r"(?<!\d)((?:19|20)\d\d)[-/.]?(0[1-9]|1[0-2])[-/.]?(0[1-9]|[12]\d|3[01])(?!\d)")
_ANY_DAY = re.compile(
    rf"(?<![\d.])(?P<d1>\d{{1,2}})\.\s?(?P<m1>\d{{1,2}})\.\s?(?P<y1>(?:19|20)\d\d|\d\d)(?![\d])"
    rf"|(?<!\d)(?P<d2>\d{{1,2}})\.?\s(?P<m2>{_MONTH})\.?,?\s(?P<y2>(?:19|20)\d\d)(?!\d)"
    rf"|\b(?P<m3>{_MONTH})\.?\s(?P<d3>\d{{1,2}}),?\s(?P<y3>(?:19|20)\d\d)(?!\d)"
    r"|(?<!\d)(?P<y4>(?:19|20)\d\d)-(?P<m4>\d\d)-(?P<d4>\d\d)(?!\d)"
    r"|(?<!\d)(?P<d5>\d{1,2})/(?P<m5>\d{1,2})/(?P<y5>(?:19|20)\d\d)(?!\d)",
    re.I,
)


def parse_iso(text: str) -> date | None:
    """The day at the start of a machine-written date ("2018-12-10T08:00:00+01:00", "20181210", "2018/12/10").

    A moment with its offset from UTC counts as the day it is in Berlin.
    """
    text = text.strip()
    match = _ISO.match(text)
    if not match:
        return None
    if len(text) > 16:
        try:
            moment = datetime.fromisoformat(text.replace(" ", "T", 1) if text[10] == " " else text)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            try:
                local = moment.astimezone(BERLIN)
            except OverflowError:
                return None
            return _day(local.year, local.month, local.day)
    return _day(int(match.group(1)), int(match.group(2)), int(match.group(3)))


def days_in(text: str) -> Iterator[tuple[date, int, int]]:
    """Every full day named in a text with its span: "10.12.2018", "10. Dezember 2018", "2018-12-10"."""
    for match in _ANY_DAY.finditer(text):
        form = next(number for number in "12345" if match.group(f"y{number}"))
        year, month, day = (match.group(f"{part}{form}") for part in "ymd")
        month_number = _MONTHS[month.lower()] if not month.isdigit() else int(month)
        year_number = int(year) + 2000 if len(year) == 2 else int(year)
        if form == "5" and month_number > 12:
            month_number, day = int(day), month
        found = _day(year_number, month_number, int(day))
        if found:
            yield found, match.start(), match.end()


def parse_day(text: str) -> date | None:
    """The first full day named in a text, or None."""
    return next((day for day, _, _ in days_in(text)), None)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        found = date(year, month, day)
    except ValueError:
        return None
    return found if found >= EARLIEST else None
