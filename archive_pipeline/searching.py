"""Search over an archive folder: index, texts and names put together."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlite_utils import Database

from archive_pipeline.archive.reading import found_label, found_values, load_releases
from archive_pipeline.archive.visibility import ARCHIVIST, Visibility
from archive_pipeline.indexing import index_document
from archive_pipeline.model import Axis, Vocabulary
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.search.service import FoundRelease, SearchService
from archive_pipeline.workspace import Workspace

__all__ = ["open_search"]


@contextmanager
def open_search(workspace: Workspace, visibility: Visibility = ARCHIVIST) -> Iterator[SearchService]:
    """A search service over the archive as it is now, for somebody who sees so much. Raises NoArchiveError,
    IndexingError."""
    vocabularies = [entry.obj for entry in workspace.plugins.vocabularies]
    with workspace.reading() as db, workspace.index() as index:
        yield SearchService(
            index=index,
            releases=_Texts(db, visibility),
            names=_ArchiveNames(vocabularies, db, visibility),
            restrictions=visibility.restrictions(db),
        )


class _Texts:
    """Titles and texts of hits, as they are indexed."""

    def __init__(self, db: Database, visibility: Visibility) -> None:
        self._db = db
        self._visibility = visibility

    def found_releases(self, ids: Sequence[str]) -> Iterable[FoundRelease]:
        for release in load_releases(self._db, ids, self._visibility):
            article = release.article
            yield FoundRelease(
                id=release.id,
                title=article.title or "",
                text=index_document(release).text,
                url=release.url,
                path=release.path,
                published=article.published,
                source_id=release.source_id,
                pages=article.pages,
                paged=len(article.text),
                quotes=tuple((quote.start, quote.end) for quote in release.quotes),
                captured_at=release.captured_at,
                state=article.state,
                access=release.access,
                embargo_until=article.embargo_until,
            )


class _ArchiveNames(VocabularyNames):
    """The names of the vocabularies, and of the organisations that were found by pattern and stand in no list: in
    releases that are to be seen, as a name alone may say what a closed one is about."""

    def __init__(self, vocabularies: Iterable[Vocabulary], db: Database, visibility: Visibility) -> None:
        super().__init__(vocabularies)
        self._db = db
        self._visibility = visibility

    def resolve(self, field: str, text: str) -> tuple[str, ...]:
        """The keys a name stands for; organisations by the labels in the archive too."""
        known = super().resolve(field, text)
        if known or field != "organisation":
            return known
        return found_values(self._db, Axis.ORGANISATION, text, self._visibility)

    def label(self, field: str, value: str) -> str:
        """The name of a key; of an organisation outside the vocabularies the one it was tagged with."""
        name = super().label(field, value)
        if name != value or field != "organisation":
            return name
        return found_label(self._db, Axis.ORGANISATION, value, self._visibility) or value
