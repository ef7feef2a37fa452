"""One article read once for all classifiers: its tokens, the names in it, and what host and source suggest."""

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from archive_pipeline.classify.hosts import district_of_host, organisation_of_host, party_of_host
from archive_pipeline.classify.matcher import Grid, Match, tokenise
from archive_pipeline.classify.names import Lexicon, Name
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Article, Evidence, Source

__all__ = ["LEAD", "Passage", "Reading", "read", "sender_lines"]

LEAD = 300
"""Length of the lead in code points: dateline and first sentences."""

MAX_TEXT = 100_000
"""Code points read of a text; a press release of this length is a document, its beginning says what it is about."""

_GERMAN = cue_words("german")
_GERMAN_SHARE = 0.12
"""Least share of function words in German running text; German releases have 0.25 to 0.45, Dutch ones 0.04 to 0.08."""

_TAIL = re.compile(
    r"^[ \t]*(?:Presse-?[Kk]ontakt|Kontakt|Rückfragen|Ansprechpartner(?:in)?|V\.i\.S\.d\.P|Herausgeber|Impressum|"
    r"Über uns|Weitere Informationen|Pressestelle|Quelle|Fotos?|Bild|Text)[^\n]{0,80}?(?::|\n)",
    re.MULTILINE,
)


_HEADING = re.compile(
    r"^(?:(?:Presse|Medien)?-?(?:[Kk]ontakt|[Aa]nsprech\w+|[Rr]ückfragen|[Ss]telle|[Aa]mt|[Ii]nfo\w*)?(?:daten)?"
    r"(?: (?:für|an|bei|der|die|den|bitte|Rückfragen|Medien|Presse|Journalist\w*|Redaktionen|zur))*|"
    r"Presse|V\.? ?i\.? ?S\.? ?d\.? ?P\.?|Herausgeber(?:in)?|Absender(?:in)?|Verantwortlich\w*|Impressum|Quelle|Text|"
    r"Original-Content von)(?::\s*|$)"
)
_ADDRESS = re.compile(
    r"@|\(at\)|www\.|https?:|^\W*(?:Tel|Fax|E-?Mail|Mobil|Telefon|Internet)|\b\d{5}\b|\w \d+[a-z]?$|\d{3}"
)
_ABOUT_VERB = re.compile(r" (?:ist|hat|sind|berät|vertritt|setzt|engagiert|unterstützt|hilft|bietet|besteht|macht)\b")


_ANNOUNCED = re.compile(
    r"^(?:Gemeinsame )?"
    r"(?:(?:Presse|Medien)-?(?:[Mm]itteilung|[Ii]nformation|[Ee]rklärung|[Ii]nfo|[Mm]eldung|[Dd]ienst)|Stellungnahme)"
    r"(?: Nr\. ?\S+)? (?:der|des|von|vom)(?: (?:der|dem))? (?P<name>[A-ZÄÖÜ][^.!?:\n]{2,80}?)(?:,? (?:vom|am) \d.*)?$"
)
"""A heading that says whose release it is: "Pressemitteilung der SPD-Ratsfraktion Musterstadt"."""

_HEADING_LINES = 3


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Passage:
    """Title or text with the names in it. Tokens before `lead` stand in the lead (of a title: all), tokens from
    `body_end` on in the contact block at the end."""

    field: Literal["text", "title"]
    grid: Grid
    matches: tuple[Match[Name], ...]
    lead: int
    body_end: int

    def evidence(self, first: int, last: int) -> Evidence:
        """The span from token `first` to token `last`, both included."""
        start, end = self.grid.starts[first], self.grid.ends[last]
        return Evidence(start=start, end=end, text=self.grid.text[start:end], field=self.field)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Reading:
    """An article with its names, and the priors for it. `german` is False when tags would be guesses. Subtitle and
    `sender` (the lines that name who sends the release) add weight, but no evidence: spans point to title and text
    only."""

    article: Article
    lexicon: Lexicon
    text: Passage
    title: Passage
    subtitle: Passage
    sender: Passage
    words: frozenset[str]
    german: bool
    host_district: str | None
    host_party: str | None
    host_organisation: str | None
    source_district: str | None
    source_party: str | None
    source_organisation: str | None

    @property
    def passages(self) -> tuple[Passage, Passage]:
        """Title, then text."""
        return (self.title, self.text)

    def fallback_evidence(self) -> tuple[Evidence, ...]:
        """The title, or else the first words of the text, for what only host or source tell."""
        for passage in self.passages:
            if len(passage.grid):
                return (passage.evidence(0, min(7, len(passage.grid) - 1)),)
        return ()


def _is_german(article: Article, grid: Grid) -> bool:
    if article.language is not None:
        return article.language.startswith("de")
    sample = grid.tokens[:400]
    if len(sample) < 25:
        return True
    return sum(token in _GERMAN for token in sample) >= _GERMAN_SHARE * len(sample)


def _passage(field: Literal["text", "title"], text: str, lexicon: Lexicon, day: date | None) -> Passage:
    grid = tokenise(text)
    lead = len(grid) if field == "title" else sum(1 for start in grid.starts[:120] if start < LEAD)
    body_end = len(grid)
    if field == "text":
        tails = [m.start() for m in _TAIL.finditer(text, len(text) // 2)]
        if tails:
            body_end = sum(1 for start in grid.starts if start < tails[0])
    return Passage(field=field, grid=grid, matches=lexicon.find(grid, day), lead=lead, body_end=max(body_end, lead))


def sender_lines(article: Article) -> tuple[str, ...]:
    """The lines that say who sends a release: issuer line, heading, the names in the contact block, author,
    "Über uns"."""
    lines = [article.source_line or ""]
    opening = [article.title or "", *article.text[:LEAD].split("\n")[:_HEADING_LINES]]
    lines += [found["name"] for line in opening if (found := _ANNOUNCED.match(line.strip()))]
    names = [_HEADING.sub("", line).strip() for line in (article.contact or "").split("\n")]
    lines += [line for line in names if line and line[-1] != ":" and not _ADDRESS.search(line)][:2]
    about = (article.boilerplate or "").split("\n")
    if len(about) > 1 and about[0].startswith("Über "):
        lines.append(_ABOUT_VERB.split(about[1], maxsplit=1)[0])
    lines.append(article.author or "")
    return tuple(line for line in lines if line)


@lru_cache(maxsize=8)
def _read(
    article: Article, lexicon: Lexicon, district: str | None, party: str | None, organisation: str | None
) -> Reading:
    day = article.published
    group, at, place = (party or "").partition("@")
    if at and party not in lexicon.parties:  # a voter group by its type and place, "uwg@05370"
        party, district = group, district or place
    text = _passage("text", article.text[:MAX_TEXT], lexicon, day)
    title = _passage("title", article.title or "", lexicon, day)
    return Reading(
        article=article,
        lexicon=lexicon,
        text=text,
        title=title,
        subtitle=_passage("title", article.subtitle or "", lexicon, day),
        sender=_passage("title", "\n\n".join(sender_lines(article)), lexicon, day),
        words=frozenset(text.grid.tokens) | frozenset(title.grid.tokens),
        german=_is_german(article, text.grid),
        host_district=district_of_host(article.url, lexicon.gazetteer),
        host_party=party_of_host(article.url),
        host_organisation=organisation_of_host(article.url, lexicon.host_organisations),
        source_district=lexicon.gazetteer.today(district)[0] if district else None,
        source_party=party,
        source_organisation=organisation,
    )


def read(article: Article, source: Source, lexicon: Lexicon) -> Reading:
    """The reading of an article; the classifiers of one article share it through a small cache."""
    return _read(article, lexicon, source.district, source.party, source.organisation)
