"""Legislative periods of the Bundestag and of the parliaments of the Länder, for `wahlperiode:nrw-18`."""

import csv
import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from archive_pipeline.language.folding import fold
from archive_pipeline.query import Range

__all__ = ["known_periods", "parse_period"]

_NAMES = {
    "bt": ("bundestag",),
    "bw": ("baden-württemberg",),
    "by": ("bayern", "bay"),
    "be": ("berlin",),
    "bb": ("brandenburg",),
    "hb": ("bremen",),
    "hh": ("hamburg",),
    "he": ("hessen",),
    "mv": ("mecklenburg-vorpommern",),
    "ni": ("niedersachsen", "nds"),
    "nrw": ("nordrhein-westfalen", "nw"),
    "rlp": ("rheinland-pfalz", "rp"),
    "sl": ("saarland",),
    "sn": ("sachsen",),
    "st": ("sachsen-anhalt", "lsa"),
    "sh": ("schleswig-holstein",),
    "th": ("thüringen",),
}
"""Names people type for a parliament, beside its key in the table."""

_KEYS = {fold(name): key for key, names in _NAMES.items() for name in (key, *names)}
_PERIOD = re.compile(r"(.*?[^\W\d_])[-–.\s]*(\d{1,2})\.?", re.DOTALL)


def parse_period(text: str) -> Range | None:
    """The days of publication in a legislative period (`bt-20`, `NRW-18`, `Bayern 19`), or None when the table has no
    such period. The newest period of a parliament is open to the future."""
    match = _PERIOD.fullmatch(text.strip())
    starts = _starts().get(_KEYS.get(fold(match[1].strip()), "")) if match else None
    if match is None or starts is None or int(match[2]) not in starts:
        return None
    number = int(match[2])
    following = starts.get(number + 1)
    return Range("published", start=starts[number], end=following - timedelta(days=1) if following else None)


def known_periods(text: str) -> str:
    """What may be asked for, in words: the periods of the parliament the text names, else the parliaments."""
    match = re.match(r"[^\W\d_]+(?:-[^\W\d_]+)*", text.strip())
    key = _KEYS.get(fold(match[0])) if match else None
    if key is None:
        return f"Parlamente: {', '.join(_NAMES)}, z. B. bt-20 oder nrw-18"
    return f"bekannt sind {key}-{min(_starts()[key])} bis {key}-{max(_starts()[key])}"


@cache
def _starts() -> Mapping[str, Mapping[int, date]]:
    """The first day of each period by parliament and number."""
    found: dict[str, dict[int, date]] = {}
    table = files("archive_pipeline.search").joinpath("data", "legislative_period.csv").read_text("utf-8")
    for row in csv.DictReader(table.splitlines()):
        found.setdefault(row["parliament"], {})[int(row["number"])] = date.fromisoformat(row["start"])
    return found
