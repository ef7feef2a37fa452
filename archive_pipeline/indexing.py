"""The search index follows the archive's outbox: what changed after the index's last number is read and put in."""

import random

from sqlite_utils import Database

from archive_pipeline.archive.reading import changes_since, load_releases
from archive_pipeline.archive.visibility import ARCHIVIST, embargo_text, visible_count
from archive_pipeline.model import Axis, Release, Role
from archive_pipeline.protocols import Index, IndexDocument, SearchRequest
from archive_pipeline.query import All, And, Exact

__all__ = ["catch_up", "index_document", "release_count", "unfindable"]

BATCH = 1000
"""Releases a commit: few large commits keep Whoosh's segments few."""

_EVERYTHING = 2**62
_PROBE_WORDS = 5
_PROBE_HITS = 1000


def catch_up(db: Database, index: Index) -> int:
    """Bring the index up to the newest change; returns how many releases were put in."""
    done = 0
    while changes := changes_since(db, index.seq(), BATCH):
        keys = [key for _, key in changes]
        releases = load_releases(db, keys, ARCHIVIST)
        index.upsert([index_document(release) for release in releases])
        index.delete(sorted(set(keys) - {release.id for release in releases}))  # what a case withholds
        index.commit(changes[-1][0])
        done += len(changes)
    return done


def release_count(db: Database) -> int:
    """How many releases an index that is up to date holds."""
    return visible_count(db, ARCHIVIST)


def unfindable(db: Database, index: Index, *, sample: int = 50, seed: int = 0) -> tuple[str, ...]:
    """Of so many releases drawn at random those that the index does not find by their own longest words."""
    ids = [key for _, key in changes_since(db, 0, _EVERYTHING)]
    drawn = random.Random(seed).sample(ids, min(sample, len(ids)))  # noqa: S311 - a sample, no secret
    lost = []
    for release in load_releases(db, drawn, ARCHIVIST):
        text = index_document(release).text
        words = sorted({word for word in text.split() if word.isalpha()}, key=lambda word: (-len(word), word))
        node = And(tuple(Exact(word) for word in words[:_PROBE_WORDS])) if words else All()
        found = index.search(SearchRequest(node=node, limit=_PROBE_HITS))
        if found.total <= _PROBE_HITS and release.id not in {hit.key for hit in found.hits}:
            lost.append(release.id)
    return tuple(lost)


def index_document(release: Release) -> IndexDocument:
    """A release as an engine sees it: subtitle, teaser and captions are searched with the text, contacts are not."""
    article = release.article
    extra = [article.subtitle, article.teaser, *(credit.text for credit in article.credits)]
    text = "\n\n".join([article.text, *(part for part in extra if part and part not in article.text)])
    districts = _values(release, Axis.DISTRICT)
    return IndexDocument(
        key=release.id,
        title=article.title or "",
        text=text,
        source=release.source_id,
        captured=release.captured_at.date(),
        published=article.published,
        language=article.language,
        access=release.access,
        embargo=embargo_text(article.embargo_until) if article.embargo_until else None,
        district=districts,
        district_mentioned=_values(release, Axis.DISTRICT, mentioned=True),
        state=tuple(sorted({key[:2] for key in districts})),
        municipality=tuple(sorted({key for tag in release.tags for key in tag.municipalities})),
        party=_values(release, Axis.PARTY),
        party_mentioned=_values(release, Axis.PARTY, mentioned=True),
        organisation=_values(release, Axis.ORGANISATION, mentioned=True),
        topic=_values(release, Axis.TOPIC),
        quotes=tuple(quote.text for quote in release.quotes),
        speakers=tuple(quote.speaker for quote in release.quotes if quote.speaker),
    )


def _values(release: Release, axis: Axis, *, mentioned: bool = False) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            tag.value for tag in release.tags if tag.axis == axis and (mentioned or tag.role != Role.MENTIONED)
        )
    )
