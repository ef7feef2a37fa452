"""What an export is asked for, and the state of the archive that answers: the releases chosen, and what the manifest
says of them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import groupby

from sqlite_utils import Database

from archive_pipeline.archive.coverage import source_coverage
from archive_pipeline.archive.extracts import (
    Coverage,
    archive_state,
    choose,
    chosen_ids,
    chosen_releases,
    coverage,
    derived_with,
)
from archive_pipeline.archive.result_sets import ResultSet, frozen_releases
from archive_pipeline.archive.visibility import EVERYTHING, Standing, seen_by
from archive_pipeline.exchange.extracting import Truth
from archive_pipeline.export.manifest import Figures, FileEntry, Manifest, Period, SourceCoverage
from archive_pipeline.export.table import COLUMNS
from archive_pipeline.language.analysis import ANALYSIS_VERSION
from archive_pipeline.model import Release
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = ["BEGINNING", "ExportJob", "ExportRequest", "chosen_for"]

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""What stands for the newest change of an archive that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What is asked for: a format, and the releases a query finds, a result set froze, or these ids name (None: all).

    Only what somebody of this `standing` may read leaves the archive, and nothing that a case withholds unless
    `withheld`. Without text, quotes and everything else that repeats the text is left out, too. `with_captures` adds to
    JSON lines what `import` needs to restore the releases.
    """

    format: str
    query: str | None = None
    result_set: ResultSet | None = None
    ids: tuple[str, ...] | None = None
    standing: Standing = "login"
    withheld: bool = False
    with_text: bool = True
    with_captures: bool = True
    force: bool = False


class ExportJob:
    """One export while it is written: the database in one state, with the releases chosen."""

    def __init__(self, workspace: Workspace, db: Database, request: ExportRequest, understood: str | None) -> None:
        self.workspace = workspace
        self.db = db
        self.request = request
        self.understood = understood
        visibility = seen_by(request.standing, utc_now())
        if request.withheld:
            visibility = replace(visibility, withheld=True) if request.standing != "archivist" else EVERYTHING
        self._visibility = visibility
        chosen = choose(db, request.ids, visibility)
        self.releases, self.left_out, self.unknown = chosen.releases, chosen.left_out, chosen.unknown
        self.state = archive_state(db)

    @property
    def is_restorable(self) -> bool:
        """Whether `import` restores the releases from it."""
        request = self.request
        return request.with_text and (
            request.format == "bagit" or (request.format == "jsonl" and request.with_captures)
        )

    def truth(self) -> Truth:
        """What stands behind the releases. Who asked for a takedown, and why, is nothing for readers."""
        request = self.request
        return Truth(self.workspace, self.db, with_cases=request.withheld or request.standing == "archivist")

    def stream(self) -> Iterator[Release]:
        """The releases as they go out."""
        frozen = self.request.result_set
        releases = chosen_releases(self.db) if frozen is None else self._frozen(frozen)
        return releases if self.request.with_text else map(_without_text, releases)

    def _frozen(self, result_set: ResultSet) -> Iterator[Release]:
        shown = set(chosen_ids(self.db))
        return (one for one in frozen_releases(self.workspace.data, result_set) if one.id in shown)

    def manifest(self, files: tuple[FileEntry, ...], fmt: str | None = None) -> Manifest:
        """The manifest of what is chosen now."""
        request = self.request
        found = coverage(self.db) if request.result_set is None else _coverage_of(self._frozen(request.result_set))
        return Manifest(
            format=fmt or request.format,
            query=request.query,
            understood=self.understood,
            result_set=request.result_set.name if request.result_set else None,
            for_whom=request.standing + (" (withheld releases included)" if request.withheld else ""),
            with_text=request.with_text,
            restorable=self.is_restorable,
            created_at=self.state.at.isoformat() if self.state.at else None,
            seq=self.state.seq,
            archive=self.workspace.config.archive.title,
            software=SOFTWARE,
            derived_with=derived_with(self.db),
            vocabularies={one.obj.name: one.obj.version for one in self.workspace.plugins.vocabularies},
            analysis=ANALYSIS_VERSION,
            releases=found.releases,
            coverage=Figures(
                undated=found.undated,
                first_published=found.first_published,
                last_published=found.last_published,
                first_captured=found.first_captured,
                last_captured=found.last_captured,
                sources=dict(found.sources),
                left_out=self.left_out,
                by_month=self._by_month() if request.result_set is None else (),
            ),
            files=files,
            columns=COLUMNS if request.format in ("csv", "parquet") else (),
        )

    def _by_month(self) -> tuple[SourceCoverage, ...]:
        """What the archive could know of its sources when it changed last: the same state, the same table."""
        if self.state.at is None:
            return ()
        return tuple(
            SourceCoverage(
                source=one.source_id,
                first_capture=one.first_capture.isoformat() if one.first_capture else None,
                first_visit=one.first_visit.isoformat() if one.first_visit else None,
                undated=one.undated,
                months=tuple(
                    Period(first=run[0], last=run[-1], state=state)
                    for state, those in groupby(one.months, key=lambda month: month[1])
                    for run in [[name for name, _ in those]]
                ),
            )
            for one in source_coverage(self.db, self.state.at.date(), visibility=self._visibility)
        )


@contextmanager
def chosen_for(workspace: Workspace, request: ExportRequest) -> Iterator[ExportJob]:
    """The job of a request, with the database open in one state. Raises NoArchiveError, IndexingError."""
    understood = None
    if request.query is not None:
        workspace.refresh_index()
        with open_search(workspace) as service:
            parsed = service.parse(request.query, today=date.today())
            understood = parsed.understood
            request = replace(request, ids=tuple(hit.key for hit in service.scan(parsed.node)))
    elif request.result_set is not None:
        request = replace(request, ids=request.result_set.release_ids)
    with workspace.reading() as db:
        yield ExportJob(workspace, db, request, understood)


def _coverage_of(releases: Iterable[Release]) -> Coverage:
    """Figures over texts that were frozen: what the archive says of these releases today may be something else."""
    published: list[str] = []
    first_captured: list[str] = []
    last_captured: list[str] = []
    sources: Counter[str] = Counter()
    for one in releases:
        published += [one.article.published.isoformat()] if one.article.published else []
        last_captured.append(one.captured_at.isoformat())
        first_captured += [place.first_seen.isoformat() for place in one.locations] or last_captured[-1:]
        sources[one.source_id] += 1
    return Coverage(
        releases=sources.total(),
        undated=sources.total() - len(published),
        first_published=min(published, default=None),
        last_published=max(published, default=None),
        first_captured=min(first_captured, default=None),
        last_captured=max(last_captured, default=None),
        sources=tuple(sorted(sources.items())),
    )


def _without_text(release: Release) -> Release:
    """A release without its text and what repeats it: quotes keep speaker and place, tags their evidence's place."""
    article = replace(
        release.article,
        text="",
        teaser=None,
        contact=None,
        boilerplate=None,
        source_line=None,
        removed=(),
        credits=(),
        pages=(),
    )
    tags = tuple(
        replace(
            tag,
            evidence=tuple(replace(one, text="") for one in tag.evidence),
            keywords=tuple(replace(one, evidence=replace(one.evidence, text="")) for one in tag.keywords),
        )
        for tag in release.tags
    )
    return replace(release, article=article, tags=tags, quotes=tuple(replace(one, text="") for one in release.quotes))
