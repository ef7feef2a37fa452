"""Search over an archive folder: index, texts and names put together."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from sqlite_utils import Database

from archive_pipeline.archive.reading import found_label, found_values, load_releases
from archive_pipeline.archive.visibility import ARCHIVIST, Visibility
from archive_pipeline.indexing import index_document
from archive_pipeline.model import Axis
from archive_pipeline.plugin_manager import PluginManager
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.search.service import FoundRelease, SearchService
from archive_pipeline.workspace import Workspace

__all__ = ["open_search"]


@contextmanager
def open_search(workspace: Workspace, visibility: Visibility = ARCHIVIST) -> Iterator[SearchService]:
    """A search service over the archive as it is now, for somebody who sees so much. Raises NoArchiveError,
    IndexingError."""
    with workspace.reading() as db, workspace.index() as index:
        yield SearchService(
            index=index,
            releases=_Texts(db, visibility),
            names=_ArchiveNames(_vocabulary_names(workspace.plugins), db, visibility),
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
                heading=article.heading,
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


_NAMES: WeakKeyDictionary[PluginManager, VocabularyNames] = WeakKeyDictionary()
"""The names of the vocabularies of archives that are open: most of the time of a search would go into making them."""


def _vocabulary_names(plugins: PluginManager) -> VocabularyNames:
    names = _NAMES.get(plugins)
    if names is None:
        names = _NAMES[plugins] = VocabularyNames(entry.obj for entry in plugins.vocabularies)
    return names


class _ArchiveNames:
    """The names of the vocabularies, and of the organisations that were found by pattern and stand in no list: in
    releases that are to be seen, as a name alone may say what a closed one is about."""

    def __init__(self, names: VocabularyNames, db: Database, visibility: Visibility) -> None:
        self._names = names
        self._db = db
        self._visibility = visibility

    def resolve(self, field: str, text: str) -> tuple[str, ...]:
        """The keys a name stands for; organisations by the labels in the archive too."""
        known = self._names.resolve(field, text)
        if known or field != "organisation":
            return known
        return found_values(self._db, Axis.ORGANISATION, text, self._visibility)

    def nearest(self, field: str, text: str) -> tuple[str, ...]:
        """Known names that look like the text, the most alike first."""
        return self._names.nearest(field, text)

    def label(self, field: str, value: str) -> str:
        """The name of a key; of an organisation outside the vocabularies the one it was tagged with."""
        name = self._names.label(field, value)
        if name != value or field != "organisation":
            return name
        return found_label(self._db, Axis.ORGANISATION, value, self._visibility) or value
