"""Slot 650: lines that a source sets before or behind the text of every release, known from many of its releases.

What one page alone can't tell, many can: a line that opens or ends texts which have nothing else in common is furniture
of the source. Learning looks at articles that went through the whole chain, so it finds what all other rules left. The
rules are made to err on the side of keeping: what recurs within a series of releases (a weekly market, obituaries), a
sentence at the beginning, and whatever stands between text and text is never learned.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from math import ceil
from typing import Literal

from archive_pipeline.clean.boilerplate import is_sentence
from archive_pipeline.clean.press import MIN_DESCRIPTION, is_reachable
from archive_pipeline.clean.spans import Line, cut_lines, lines, plain
from archive_pipeline.language.identify import is_stop_word
from archive_pipeline.model import Article, LearnedLine, Source
from archive_pipeline.protocols import Page

__all__ = ["LearnedBoilerplate", "learn"]

HEAD, TAIL = 5, 12
"""Lines at the beginning and at the end of a text that can be learned."""
MINIMUM = 3
"""Releases that have nothing else in common in which a line must stand."""
SHARE, PARAGRAPH_SHARE, STATEMENT_SHARE = 0.1, 0.25, 0.5
"""Share of such releases: of a few words without number or full stop, of a long paragraph, of anything else."""
PARAGRAPH = 160
"""Characters from which on a paragraph that recurs word for word describes the source: statements are shorter."""
WORDS_A_LABEL = 8
ALIKE = 0.2
"""Words two texts share, as part of all their words, from which on they are of one series. Releases of one office about
different things share a tenth at most, obituaries and market notices a fourth and more (own generated sources)."""

_STATEMENT = re.compile(
    r"\d|:\s*\S|[.!?…]$|\b(?:eintritt|anmeldung|beginn|treffpunkt|uhr|kosten|kostenlos|frei|termin|einlass|teilnahme)\b",
    re.I,
)
"""What a line says of the release it stands in, though many end alike: "Der Eintritt ist frei.", "Ort: Rathaus"."""
_KEPT = re.compile(r"""es gilt das gesprochene wort|sperrfrist|[„“”»«"]""", re.I)
"""Never learned: what tells how a release may be used, and direct speech."""

Place = Literal["head", "tail"]
Key = tuple[Place, str]
"""Where a line stands, and its words in comparable form."""


class LearnedBoilerplate:
    """Slot 650: removes the lines of the source's learned profile from both ends of the text.

    Addresses among them go to the contact, descriptions to the boilerplate field. Every cut is named `learned:<number
    of the profile>`.
    """

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article without the lines of the profile; unchanged where the source has none."""
        profile = source.profile
        if profile is None:
            return article
        article = replace(article, profile=profile.number)
        known: set[Key] = {(line.place, plain(line.text)) for line in profile.lines}
        found = lines(article.text)
        head, tail = _edges(_keys(article), known)
        kept = {(line.place, plain(line.text)) for line in profile.lines if line.stays}
        before = [line for line in found[:head] if ("head", plain(line.text)) not in kept]
        behind = [line for line in found[len(found) - tail :] if ("tail", plain(line.text)) not in kept]
        contact, description = _sorted(behind)
        if contact:
            article = replace(article, contact="\n".join(filter(None, (contact, article.contact))))
        if description:
            article = replace(article, boilerplate="\n".join(filter(None, (article.boilerplate, description))))
        return cut_lines(article, f"learned:{profile.number}", (*before, *behind))


def learn(
    articles: Iterable[Article], *, stays: Callable[[str], bool] = lambda text: False
) -> tuple[tuple[LearnedLine, ...], int]:
    """The lines that recur at the ends of these texts, and how many different texts there are.

    The articles are those of one source, the newest first, cleaned without a profile. `stays` says which lines a person
    wants to keep where they are.
    """
    texts = list({tuple(_keys(article)): _Text(article) for article in articles}.values())
    counts = Counter(key for text in texts for key in text.candidates)
    known = {key for key, count in counts.items() if count >= MINIMUM}
    series = _series(texts, known)
    while True:
        seen: dict[Key, set[int]] = {key: set() for key in known}
        for text, number in zip(texts, series, strict=True):
            for key in text.edges(known):
                seen[key].add(number)
        kept = {key for key in known if len(seen[key]) >= _needed(_shown(key, texts), len(set(series)))}
        if kept == known:
            break
        known = kept
    places = {key: [place for text in texts if (place := text.place(key)) is not None] for key in known}
    ordered = sorted(known, key=lambda key: (key[0], sum(places[key]) / len(places[key]), key[1]))
    found = (
        LearnedLine(text=shown, place=key[0], releases=len(places[key]), stays=stays(shown))
        for key in ordered
        if (shown := _shown(key, texts))
    )
    return tuple(found), len(texts)


def _keys(article: Article) -> list[str]:
    """The lines of a text in comparable form; empty for those that show the title, which no rule may take."""
    titles = {plain(text) for text in (article.title, article.subtitle) if text}
    return [key if (key := plain(line.text)) not in titles else "" for line in lines(article.text)]


def _edges(keys: Sequence[str], known: set[Key]) -> tuple[int, int]:
    """How many lines at the beginning and at the end are known without a gap; none when nothing else would be left."""
    head = next((number for number, key in enumerate(keys[:HEAD]) if ("head", key) not in known), len(keys[:HEAD]))
    behind = keys[::-1][:TAIL]
    tail = next((number for number, key in enumerate(behind) if ("tail", key) not in known), len(behind))
    return (head, tail) if head + tail < len(keys) else (0, 0)


def _sorted(block: Sequence[Line]) -> tuple[str, str]:
    """Of lines at the end those that are an address, with up to three short ones before, and those that are prose."""
    addresses: set[int] = set()
    for number, line in enumerate(block):
        if is_reachable(line.text):
            addresses.add(number)
            for before in range(number - 1, max(-1, number - 4), -1):
                if is_sentence(block[before].text) or len(block[before].text) >= MIN_DESCRIPTION:
                    break
                addresses.add(before)
    contact = [line.text for number, line in enumerate(block) if number in addresses]
    prose = [
        line.text
        for number, line in enumerate(block)
        if number not in addresses and (is_sentence(line.text) or len(line.text) >= MIN_DESCRIPTION)
    ]
    return "\n".join(contact), "\n".join(prose)


@dataclass(frozen=True)
class _Text:
    """One article as learning sees it."""

    article: Article

    @cached_property
    def keys(self) -> list[str]:
        return _keys(self.article)

    @cached_property
    def shown(self) -> dict[str, str]:
        """Lines as they stand in the text, by their comparable form."""
        return dict(zip(self.keys, (line.text.strip() for line in lines(self.article.text)), strict=True))

    @cached_property
    def candidates(self) -> frozenset[Key]:
        """The lines at the ends that may be learned."""
        found: set[Key] = {
            ("head", key) for key in self.keys[:HEAD] if key and _may_open(self.shown[key], self.article)
        }
        found |= {("tail", key) for key in self.keys[-TAIL:] if key and not _KEPT.search(self.shown[key])}
        return frozenset(found)

    def edges(self, known: set[Key]) -> list[Key]:
        """The known lines at both ends."""
        head, tail = _edges(self.keys, known)
        return [
            *(("head", key) for key in self.keys[:head]),
            *(("tail", key) for key in self.keys[len(self.keys) - tail :]),
        ]

    def place(self, key: Key) -> int | None:
        """How far from the beginning the line stands, None when the text does not have it at this end."""
        if key not in self.candidates:
            return None
        number = self.keys.index(key[1]) if key[0] == "head" else self.keys[::-1].index(key[1])
        return number if key[0] == "head" else -number

    def words(self, known: set[Key]) -> frozenset[str]:
        """The words of the text that mean something, title included, lines that may be learned left out."""
        own = [key for key in self.keys if ("head", key) not in known and ("tail", key) not in known]
        every = " ".join((plain(self.article.title or ""), *own)).split()
        return frozenset(word for word in every if not is_stop_word(word) and not word.isdigit())


def _may_open(text: str, article: Article) -> bool:
    """Whether a first line can be furniture: a few words without a full stop, which a place before the text has."""
    return (
        len(text.split()) <= WORDS_A_LABEL
        and not text.endswith((".", ":", "!", "?", ","))
        and plain(text) != plain(article.dateline or "")
        and not _KEPT.search(text)
    )


def _needed(text: str, count: int) -> int:
    """In how many of so many different releases a line must stand to be learned."""
    if len(text) >= PARAGRAPH:
        share = PARAGRAPH_SHARE
    elif len(text.split()) <= WORDS_A_LABEL and not _STATEMENT.search(text):
        share = SHARE
    else:
        share = STATEMENT_SHARE
    return max(MINIMUM, ceil(share * count))


def _shown(key: Key, texts: Sequence[_Text]) -> str:
    """The line as it stands in the newest text that has it."""
    return next(text.shown[key[1]] for text in texts if key in text.candidates)


def _series(texts: Sequence[_Text], known: set[Key]) -> list[int]:
    """A number for each text, the same for texts of one series: texts alike, and what is like one of them."""
    words = [text.words(known) for text in texts]
    series = list(range(len(texts)))
    for first, second in combinations(range(len(texts)), 2):
        one, other = series[first], series[second]
        if one != other and _alike(words[first], words[second]):
            series = [one if number == other else number for number in series]
    return series


def _alike(first: frozenset[str], second: frozenset[str]) -> bool:
    shared = len(first & second)
    return shared > 0 and shared >= ALIKE * (len(first) + len(second) - shared)
