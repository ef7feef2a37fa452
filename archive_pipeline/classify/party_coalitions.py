"""Coalitions by their nicknames and the day of a release: "Ampel", "GroKo", "NRW-Koalition".

A nickname names no party in words, and readers differ on whether it mentions one: so the parties behind it are
suggestions for people to decide on, never tags. Periods in data/coalition.csv run from the government's first day in
office to the last; a release without a date is taken to be of the time when the name was in use.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from archive_pipeline.classify.reading import Reading
from archive_pipeline.classify.vocabulary import read_table
from archive_pipeline.model import Evidence

__all__ = ["Coalition", "coalitions_named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coalition:
    """A coalition named in a release, with the parties that governed together on its day."""

    parties: tuple[str, ...]
    evidence: Evidence


@cache
def _periods() -> dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]]:
    """First day, last day and parties by nickname."""
    found: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {}
    for row in read_table("coalition"):
        period = (row["since"], row["until"], tuple(row["parties"].split("|")))
        found[row["name"]] = (*found.get(row["name"], ()), period)
    return found


@cache
def _names() -> re.Pattern[str]:
    longest_first = sorted(_periods(), key=lambda name: -len(name))
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")


def coalitions_named(reading: Reading) -> Iterator[Coalition]:
    """Every coalition that title or text name by a nickname of the time, at its first place."""
    published = reading.article.published
    day = published.isoformat() if published else None
    seen: set[str] = set()
    for passage in reading.passages:
        for match in _names().finditer(passage.grid.text):
            name = match.group()
            for since, until, parties in _periods()[name]:
                if name not in seen and (day is None or (since <= day and (not until or day <= until))):
                    seen.add(name)
                    evidence = Evidence(start=match.start(), end=match.end(), text=name, field=passage.field)
                    yield Coalition(parties=parties, evidence=evidence)
