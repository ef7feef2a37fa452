"""Releases as lists show them: title, date, source, passages and the tags that say most."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from archive_pipeline.archive.reading import load_releases
from archive_pipeline.archive.visibility import Visibility
from archive_pipeline.model import Axis, Release, Role, Tag
from archive_pipeline.search.service import Hit
from archive_pipeline.web.marking import Mark, Piece, marked_pieces
from archive_pipeline.web.rendering import Site

__all__ = ["Card", "Passage", "cards_of", "releases_as_cards", "source_titles"]

TAGS = 4
TEASER = 220


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A passage of a hit, and the page of its document on which it stands."""

    pieces: tuple[Piece, ...]
    page: int | None
    is_beginning: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One release in a list. `tags` are the issuer and the main subjects."""

    id: str
    title: tuple[Piece, ...]
    published: date | None
    source_id: str
    source: str
    passages: tuple[Passage, ...]
    tags: tuple[Tag, ...]
    state: str | None


def source_titles(site: Site) -> dict[str, str]:
    """The names of the sources that sources.toml lists."""
    return {source.id: source.title or source.id for source in site.workspace.config.sources}


def cards_of(site: Site, hits: Sequence[Hit], visibility: Visibility) -> tuple[Card, ...]:
    """The hits of a search, with their tags."""
    titles = source_titles(site)
    with site.workspace.reading() as db:
        releases = {release.id: release for release in load_releases(db, [hit.id for hit in hits], visibility)}
    found = []
    for hit in hits:
        release = releases.get(hit.id)
        if release is None:
            continue  # taken out between the two looks
        marks = [Mark(start=one.start, end=one.end, kind="hit") for one in hit.title_highlights]
        passages = tuple(
            Passage(
                pieces=marked_pieces(
                    one.text, [Mark(start=mark.start, end=mark.end, kind="hit") for mark in one.highlights]
                ),
                page=one.page,
                is_beginning=one.start == 0,
            )
            for one in hit.snippets
        )
        found.append(
            Card(
                id=hit.id,
                title=marked_pieces(hit.title, marks) if hit.title else marked_pieces(hit.heading, []),
                published=hit.published,
                source_id=hit.source_id,
                source=titles.get(hit.source_id, hit.source_id),
                passages=passages,
                tags=_telling(release.tags),
                state=hit.state,
            )
        )
    return tuple(found)


def releases_as_cards(site: Site, releases: Sequence[Release]) -> tuple[Card, ...]:
    """Releases that no search found, with the beginning of their texts."""
    titles = source_titles(site)
    return tuple(
        Card(
            id=release.id,
            title=marked_pieces(release.article.heading, []),
            published=release.article.published,
            source_id=release.source_id,
            source=titles.get(release.source_id, release.source_id),
            passages=(Passage(pieces=(Piece(text=_beginning(release.article.text)),), page=None, is_beginning=True),),
            tags=_telling(release.tags),
            state=release.article.state,
        )
        for release in releases
    )


def _beginning(text: str) -> str:
    return text if len(text) <= TEASER else text[:TEASER].rpartition(" ")[0]


def _telling(tags: Sequence[Tag]) -> tuple[Tag, ...]:
    """Party and district that speak or are the subject, the main topic, the organisation that issued."""
    shown = [
        tag
        for axis in (Axis.PARTY, Axis.DISTRICT, Axis.TOPIC, Axis.ORGANISATION)
        for tag in sorted(tags, key=lambda one: (one.role != Role.ISSUER, -one.score))
        if tag.axis == axis and _tells(tag)
    ]
    return tuple(shown[:TAGS])


def _tells(tag: Tag) -> bool:
    if tag.axis == Axis.ORGANISATION:
        return tag.role == Role.ISSUER
    return tag.role in (Role.ISSUER, Role.ABOUT, Role.PRIMARY)
