"""The search index follows the archive's outbox: what changed after the index's last number is read and put in."""

from sqlite_utils import Database

from archive_pipeline.archive.reading import changes_since, load_releases
from archive_pipeline.model import Axis, Release, Role
from archive_pipeline.protocols import Index, IndexDocument

__all__ = ["catch_up", "index_document"]

BATCH = 1000
"""Releases a commit: few large commits keep Whoosh's segments few."""


def catch_up(db: Database, index: Index) -> int:
    """Bring the index up to the newest change; returns how many releases were put in."""
    done = 0
    while changes := changes_since(db, index.seq(), BATCH):
        index.upsert([index_document(release) for release in load_releases(db, [key for _, key in changes])])
        index.commit(changes[-1][0])
        done += len(changes)
    return done


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
