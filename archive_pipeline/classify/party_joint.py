"""Parties that speak with one voice: joint releases, and what several say in one sentence."""

import re
from bisect import bisect_right
from functools import lru_cache

from archive_pipeline.classify.names import EntryName
from archive_pipeline.classify.party_mentions import DISTINCT, PartyMention, parties_of, party_mentions
from archive_pipeline.classify.quotes import marked_spans
from archive_pipeline.classify.reading import Passage, Reading
from archive_pipeline.classify.stance import OFFICE_OR_BRANCH, Stance, stance_at
from archive_pipeline.model import Axis

__all__ = ["is_quoted", "sending_parties", "speaking_together"]

_JOINING_WORDS = frozenset({"und", "sowie", "der", "die", "den", "von"})
_JOINED = re.compile(r"^[\s/&+,-]*$")
_MAX_BETWEEN = 5


@lru_cache(maxsize=8)
def _quoted_spans(reading: Reading) -> tuple[tuple[int, int], ...]:
    return tuple((span.start, span.end) for span in marked_spans(reading.text.grid.text))


def is_quoted(reading: Reading, offset: int) -> bool:
    """Whether a place of the text stands between quotation marks."""
    spans = _quoted_spans(reading)
    place = bisect_right(spans, offset, key=lambda span: span[0]) - 1
    return place >= 0 and offset < spans[place][1]


def _are_joined(passage: Passage, last: int, first: int) -> bool:
    """Whether "und" or a comma joins the party that ends at token `last` to the one at `first`, words of level and
    article between them: "CDU-Fraktion und die FDP-Fraktion"."""
    grid = passage.grid
    if not 0 < first - last <= _MAX_BETWEEN:
        return False
    between = grid.tokens[last + 1 : first]
    gaps = [grid.text[grid.ends[i - 1] : grid.starts[i]] for i in range(last + 1, first + 1)]
    links = "und" in between or "sowie" in between or any(set(gap) & set("/&+,") for gap in gaps)
    words = all(token in _JOINING_WORDS or OFFICE_OR_BRANCH.match(token) for token in between)
    return links and words and all(_JOINED.match(gap) and "\n\n" not in gap for gap in gaps)


def sending_parties(reading: Reading) -> tuple[str, ...]:
    """The first party in the lines that name who sends a release, and those joined to it."""
    senders: list[str] = []
    previous = 0
    for match in reading.sender.matches:
        for name in match.names:
            if isinstance(name, EntryName) and name.axis is Axis.PARTY and (not name.weak or name.value in DISTINCT):
                parties = parties_of(reading.lexicon, name)
                if parties and senders and not _are_joined(reading.sender, previous, match.first):
                    return tuple(senders)
                senders += parties
                previous = match.last
    return tuple(senders)


def speaking_together(reading: Reading) -> tuple[frozenset[str], ...]:
    """Parties that send a release together, or that title or lead name as one subject where they come up first: "Volt
    und FDP fordern …". "Anträge von Grünen und SPD" are no such pair, nor are parties of which one spoke before."""
    groups: list[set[str]] = [set(sending_parties(reading))]
    named: set[str] = set()
    previous: PartyMention | None = None
    for mention in party_mentions(reading):
        passage = mention.passage
        joined = (
            previous is not None and previous.passage is passage and _are_joined(passage, previous.last, mention.first)
        )
        if not joined:
            groups.append({mention.party} if mention.party not in named and _speaks_first(reading, mention) else set())
        elif groups[-1] and mention.party not in named:
            groups[-1].add(mention.party)
        named.add(mention.party)
        previous = mention
    return tuple(frozenset(group) for group in groups if len(group) > 1)


def _speaks_first(reading: Reading, mention: PartyMention) -> bool:
    """Whether a party acts in title or lead, in the writer's own words."""
    passage = mention.passage
    if passage.field == "text" and (
        mention.first >= passage.lead or is_quoted(reading, passage.grid.starts[mention.first])
    ):
        return False
    return stance_at(passage, mention.first, mention.last) in (Stance.SUBJECT, Stance.SENDER, Stance.VIEW)
