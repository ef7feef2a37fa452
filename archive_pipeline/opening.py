"""An archive for scripts and notebooks: `archive_pipeline.open(path)`."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from os import PathLike
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self, overload

from archive_pipeline.archive.coverage import SourceCoverage, source_coverage
from archive_pipeline.archive.versions import find_place, load_at
from archive_pipeline.archive.visibility import Standing, seen_by
from archive_pipeline.errors import ArchiveError, MissingExtraError
from archive_pipeline.model import Release
from archive_pipeline.search.cursor import Sort
from archive_pipeline.search.kwic import Concordance, KwicLine, KwicSort, sort_lines
from archive_pipeline.search.parser import Match
from archive_pipeline.search.service import FacetValue, Hit, SearchService
from archive_pipeline.search.timeline import Group, Histogram, Timeline, make_timeline
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import open_workspace, utc_now

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Archive", "Hits", "open_archive"]


def open_archive(path: str | PathLike[str], *, seen_as: Standing = "archivist") -> "Archive":
    """The archive in the folder `path` (the one with sources.toml), for reading; `seen_as` says who asks: releases that
    a "reader" may not see are then in no hit and no count. Releases that came since the last run are put into the index
    first. Raises NoArchiveError, IndexingError, ConfigError, LockedError."""
    return Archive(Path(path), seen_as=seen_as)


class Archive:
    """An open archive, in the state it was opened in. Use it in one thread, and close it or use it with `with`."""

    def __init__(self, folder: Path, *, seen_as: Standing) -> None:
        self._workspace = open_workspace(folder)
        self._behind = self._workspace.refresh_index()
        self._visibility = seen_by(seen_as, utc_now())
        self._stack = ExitStack()
        with ExitStack() as stack:
            self._db = stack.enter_context(self._workspace.reading())
            self._service: SearchService | None = stack.enter_context(open_search(self._workspace, self._visibility))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the database and the index; closing twice does nothing."""
        self._service = None
        self._stack.close()

    @property
    def behind(self) -> str | None:
        """A sentence when the newest releases could not be put into the index because a run is writing, else None."""
        return self._behind

    def search(self, query: str = "", *, match: Match = "all", sort: Sort = "score") -> "Hits":
        """What a query finds. No query is an error: what was read leniently stands in `notes`."""
        return Hits(self._open(), query, match=match, sort=sort)

    def release(self, id_or_url: str) -> Release:
        """A release with text, tags, persons and quotes, by its id, the beginning of one, its address, or a permalink:
        that of a citation (`d/ID@VERSION.DERIVATION`) gives exactly the text that was cited. Raises
        UnknownReleaseError, WithheldError."""
        self._open()
        return load_at(self._db, find_place(self._db, id_or_url, self._visibility))

    def timeline(
        self,
        query: str = "",
        *,
        histogram: Histogram | None = "year",
        by: Group | None = None,
        top: int = 10,
        match: Match = "all",
    ) -> Timeline:
        """Counts of a query by year or month, by party, district and so on, each with its share of all that was
        published then."""
        return make_timeline(self._open(), query, today=date.today(), histogram=histogram, by=by, top=top, match=match)

    def coverage(self, sources: Sequence[str] = ()) -> list[SourceCoverage]:
        """What the archive knows of each source and month: complete, partial, not captured."""
        self._open()
        return source_coverage(self._db, date.today(), sources=sources, visibility=self._visibility)

    def kwic(
        self, query: str, *, width: int = 60, sort: KwicSort | None = None, match: Match = "all"
    ) -> Iterator[KwicLine]:
        """Every occurrence in every release that a query finds, with `width` characters on each side; in a stream
        unless `sort` asks for an order."""
        service = self._open()
        parsed = service.parse(query, today=date.today(), match=match)
        concordance = Concordance(parsed.node, width=width)
        lines = (line for release in service.scan_releases(parsed.node) for line in concordance.lines(release))
        return iter(sort_lines(lines, sort)) if sort else lines

    def _open(self) -> SearchService:
        if self._service is None:
            raise ArchiveError("Das Archiv ist schon geschlossen", hint="mit archive_pipeline.open(PFAD) neu öffnen")
        return self._service


class Hits(Sequence[Hit]):
    """What a query found. Counts are there at once; hits are read when they are asked for, however many there are:
    iterate, or take `hits[0]` and `hits[:20]`. Iterated hits have no snippets."""

    def __init__(self, service: SearchService, query: str, *, match: Match, sort: Sort) -> None:
        today = date.today()
        self._service = service
        self._parsed = service.parse(query, today=today, match=match)
        self._sort: Sort = sort
        self._found = service.search(query, today=today, match=match, sort=sort, limit=0)

    @property
    def total(self) -> int:
        """How many releases were found."""
        return self._found.total

    @property
    def undated(self) -> int:
        """How many releases a date filter left out because they have no date; without one, how many of the hits."""
        return self._found.undated

    @property
    def understood(self) -> str:
        """How the query was read."""
        return self._found.understood

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read leniently, with columns."""
        return self._found.notes

    @property
    def facets(self) -> Mapping[str, tuple[FacetValue, ...]]:
        """Counts over all hits by `district`, `party`, `organisation`, `topic` and `year`, most frequent first."""
        return MappingProxyType(dict(self._found.facets))

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Hit]:
        return self._service.every_hit(self._parsed, sort=self._sort)

    @overload
    def __getitem__(self, place: int) -> Hit: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Hit]: ...

    def __getitem__(self, place: int | slice) -> Hit | Sequence[Hit]:
        """One hit or several, with snippets."""
        if isinstance(place, int):
            return self._page(range(self.total)[place], 1)[0]
        start, stop, step = place.indices(self.total)
        if step < 1:
            raise ValueError("Treffer gibt es nur vorwärts")
        return self._page(start, max(0, stop - start))[::step]

    def _page(self, offset: int, limit: int) -> tuple[Hit, ...]:
        return self._service.page(self._parsed, sort=self._sort, offset=offset, limit=limit)

    def to_dataframe(self) -> "DataFrame":
        """All hits as a pandas table, one row a release: `id`, `published` (a day, NaT for none), `source`, `title`,
        `url`, `path`, `score`. Raises MissingExtraError without pandas."""
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise MissingExtraError("Für Tabellen fehlt das Paket pandas", hint="pip install pandas") from error
        columns = ("id", "published", "source", "title", "url", "path", "score")
        rows = ((hit.id, hit.published, hit.source_id, hit.title, hit.url, hit.path, hit.score) for hit in self)
        table: DataFrame = pandas.DataFrame.from_records(list(rows), columns=columns)
        table["published"] = pandas.to_datetime(table["published"])
        return table
