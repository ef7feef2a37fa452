"""Every place at which releases say what was asked for, for the results page and the API."""

from collections.abc import Iterator, Sequence

from sqlite_utils import Database

from archive_pipeline.archive.reading import load_releases
from archive_pipeline.archive.visibility import Visibility
from archive_pipeline.indexing import index_document
from archive_pipeline.search.kwic import Concordance, KwicLine
from archive_pipeline.search.service import FoundRelease

__all__ = ["lines_of"]


def lines_of(
    db: Database, concordance: Concordance, release_ids: Sequence[str], visibility: Visibility
) -> Iterator[KwicLine]:
    """The lines of these releases in their order; those that are not to be seen have none."""
    for release in load_releases(db, release_ids, visibility):
        yield from concordance.lines(
            FoundRelease(
                id=release.id,
                title=release.article.title or "",
                text=index_document(release).text,
                url=release.url,
                published=release.article.published,
                source_id=release.source_id,
                quotes=tuple((quote.start, quote.end) for quote in release.quotes),
            )
        )
