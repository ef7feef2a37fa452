"""How many releases fall on each year or month, as bars that a page draws."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Bar", "Timeline", "make_timeline"]

MOST_MONTHS = 36
MOST_YEARS = 60
WIDTH, HEIGHT = 720.0, 96.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: `period` is `2021` or `2021-05`; the rest are coordinates within `Timeline.width` and `height`."""

    period: str
    count: int
    x: float
    y: float
    width: float
    height: float
    is_labelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Bars from left to right without gaps in time; `most` is the highest count. `left_out` counts releases of earlier
    years that would make the bars too thin."""

    unit: str
    bars: tuple[Bar, ...]
    most: int
    left_out: int
    width: float = WIDTH
    height: float = HEIGHT


def make_timeline(years: Mapping[str, int], months: Mapping[str, int]) -> Timeline | None:
    """Months where all fall within three years, else years; None where nothing has a date."""
    known = sorted(year for year in years if year.isdigit())
    if not known:
        return None
    dated = sorted(month for month in months if len(month) == 7)
    span = _months_between(dated[0], dated[-1]) if dated else []
    if dated and len(span) <= MOST_MONTHS:
        return _drawn("month", {month: months.get(month, 0) for month in span}, 0)
    last = int(known[-1])
    first = max(int(known[0]), last - MOST_YEARS + 1)
    counts = {str(year): years.get(str(year), 0) for year in range(first, last + 1)}
    return _drawn("year", counts, sum(count for year, count in years.items() if year.isdigit() and int(year) < first))


def _months_between(first: str, last: str) -> list[str]:
    start, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(start, end + 1)]


def _drawn(unit: str, counts: Mapping[str, int], left_out: int) -> Timeline:
    most = max(counts.values(), default=0) or 1
    step = min(WIDTH / max(len(counts), 1), 64.0)
    every = max(1, -(-len(counts) * 2 // 24))
    bars = []
    for number, (period, count) in enumerate(counts.items()):
        height = max(2.0, HEIGHT * count / most) if count else 0.0
        bars.append(
            Bar(
                period=period,
                count=count,
                x=round(number * step, 1),
                y=round(HEIGHT - height, 1),
                width=round(step - min(4.0, step * 0.2), 1),
                height=round(height, 1),
                is_labelled=number % every == 0,
            )
        )
    return Timeline(unit=unit, bars=tuple(bars), most=most, left_out=left_out, width=round(step * len(counts), 1))
