"""Exports: chosen releases in one format, with a manifest, complete or not at all.

What is written depends on the archive and the question alone: no clock, no order of a disk. Which releases an embargo
keeps back does depend on the day, as it must.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TextIO

from sqlite_utils import Database

from archive_pipeline.archive.extracts import (
    Unit,
    archive_state,
    choose,
    choose_unit,
    chosen_captures,
    chosen_ids,
    chosen_releases,
    coverage,
    derived_with,
    source_titles,
    units,
)
from archive_pipeline.archive.result_sets import ResultSet, frozen_releases
from archive_pipeline.archive.runs import known_source
from archive_pipeline.archive.visibility import EVERYTHING, Standing, seen_by
from archive_pipeline.errors import ArchiveError
from archive_pipeline.export.bagit import acquisition_page, finish_bag, is_bag, verify_bag
from archive_pipeline.export.citations import Citations
from archive_pipeline.export.jsonl import JsonLines
from archive_pipeline.export.manifest import (
    NAME,
    SUFFIX,
    Figures,
    FileEntry,
    Manifest,
    file_entry,
    find_manifest,
    read_manifest,
    verify,
    write_manifest,
)
from archive_pipeline.export.table import COLUMNS, write_parquet
from archive_pipeline.extracting import Held, Truth, all_groups, sorted_lines
from archive_pipeline.language.analysis import ANALYSIS_VERSION
from archive_pipeline.model import Release
from archive_pipeline.protocols import Exporter
from archive_pipeline.searching import open_search
from archive_pipeline.warc.cdxj import cdxj_line
from archive_pipeline.warc.record import Member, members
from archive_pipeline.warc.transfer import WarcCopy
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = ["FILE_FORMATS", "ExportRequest", "Exported", "export", "export_to", "verify_export"]

FILE_FORMATS = ("parquet", "warc", "cdxj", "bagit")
"""Formats that need a file or folder; all others are text and may go to standard output."""

UNFINISHED = ".unfertig"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export came to: how many releases, how many were asked for and may not be shown, how many the archive
    does not have, and its manifest (None where it went to a stream)."""

    releases: int
    left_out: int
    unknown: int
    manifest: Path | None


def export(workspace: Workspace, request: ExportRequest, out: Path) -> Exported:
    """Write an export to `out`, a file, or for `bagit` a folder, with its manifest beside or in it. It is complete when
    it is there. Raises ArchiveError where something is there already and `force` is not set, ConfigError for a format
    that nobody registered, MissingExtraError, FixityError where a capture is damaged."""
    names = _names(request.format, out)
    _require_free(out, names, force=request.force)
    with _chosen(workspace, request) as job, _beside(out) as folder:
        if request.format == "bagit":
            _write_bags(job, folder / out.name)
            _publish_folder(folder / out.name, out)
            manifest = out / NAME
        else:
            _write_files(job, folder, names)
            for name in names:
                _sync(folder / name)
                (folder / name).replace(out.with_name(name))
            manifest = out.with_name(names[-1])
        _sync(out.parent)
        return Exported(releases=job.releases, left_out=job.left_out, unknown=job.unknown, manifest=manifest)


def export_to(workspace: Workspace, request: ExportRequest, out: TextIO) -> Exported:
    """Write an export in a text format to a stream, without a manifest. Raises ConfigError, FixityError."""
    exporter = _exporter(workspace, request.format)
    with _chosen(workspace, request) as job:
        count = _prepared(job, exporter).export(job.stream(), out)
        return Exported(releases=count, left_out=job.left_out, unknown=job.unknown, manifest=None)


def verify_export(path: Path) -> tuple[Manifest | None, tuple[str, ...]]:
    """Read every file of an export, or of a single bag; its manifest, and what is wrong with which file. Raises
    FixityError where the manifest is damaged, ArchiveError where there is none."""
    found = find_manifest(path)
    bags = [path] if path.is_dir() and is_bag(path) else sorted(one.parent for one in path.glob("*/bagit.txt"))
    wrong = [problem for bag in bags for problem in verify_bag(bag)]
    if found is None:
        if not bags:
            raise ArchiveError(f"Zu {path} gibt es kein Manifest", hint="prüfen lassen sich Exporte von export --out")
        return None, tuple(wrong)
    manifest = read_manifest(found)
    return manifest, (*wrong, *verify(found, manifest))


class _Job:
    """One export while it is written: the database in one state, with the releases chosen."""

    def __init__(self, workspace: Workspace, db: Database, request: ExportRequest, understood: str | None) -> None:
        self.workspace = workspace
        self.db = db
        self.request = request
        self.understood = understood
        visibility = seen_by(request.standing, utc_now())
        if request.withheld:
            visibility = replace(visibility, withheld=True) if request.standing != "archivist" else EVERYTHING
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
        if frozen is None:
            releases = chosen_releases(self.db)
        else:
            shown = set(chosen_ids(self.db))
            releases = (one for one in frozen_releases(self.workspace.data, frozen) if one.id in shown)
        return releases if self.request.with_text else map(_without_text, releases)

    def manifest(self, files: tuple[FileEntry, ...], fmt: str | None = None) -> Manifest:
        """The manifest of what is chosen now."""
        request, found = self.request, coverage(self.db)
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
            ),
            files=files,
            columns=COLUMNS if request.format in ("csv", "parquet") else (),
        )


@contextmanager
def _chosen(workspace: Workspace, request: ExportRequest) -> Iterator[_Job]:
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
        yield _Job(workspace, db, request, understood)


def _exporter(workspace: Workspace, name: str) -> Exporter:
    return workspace.plugins.exporters[name]


def _prepared(job: _Job, exporter: Exporter) -> Exporter:
    """The exporter with what it has to know of this archive."""
    if isinstance(exporter, Citations):
        return exporter.of_archive(job.workspace.config.archive.title or "archive_pipeline", source_titles(job.db))
    if isinstance(exporter, JsonLines):
        if job.is_restorable:
            return JsonLines(job.truth().of)
        if not job.request.with_text:
            return JsonLines(lambda release: {"without_text": True})
    return exporter


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


def _names(fmt: str, out: Path) -> tuple[str, ...]:
    """The files an export consists of, the manifest last."""
    if fmt == "bagit":
        return (out.name,)
    if fmt == "warc":
        return out.name, _cdxj_name(out), out.name + SUFFIX
    return out.name, out.name + SUFFIX


def _cdxj_name(out: Path) -> str:
    return out.name.removesuffix(".gz").removesuffix(".warc") + ".cdxj"


def _require_free(out: Path, names: tuple[str, ...], *, force: bool) -> None:
    if not out.parent.is_dir():
        raise ArchiveError(f"Den Ordner {out.parent} gibt es nicht", hint="erst anlegen, oder einen anderen nennen")
    there = [name for name in names if out.with_name(name).exists()]
    if there and not force:
        raise ArchiveError(f"{out.with_name(there[0])} gibt es schon", hint="--force überschreibt es")
    if out.is_dir() and (names != (out.name,) or not (out / NAME).is_file()):
        raise ArchiveError(
            f"{out} ist ein Ordner und kein Export dieses Archivs: er wird nicht ersetzt",
            hint="einen anderen Namen nennen",
        )


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder beside the target for what is not finished: half an export must never pass for a whole one."""
    folder = out.with_name(f".{out.name}{UNFINISHED}")
    shutil.rmtree(folder, ignore_errors=True)  # of an export that was killed
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish_folder(finished: Path, out: Path) -> None:
    if out.exists():
        old = finished.with_name("alt")
        out.rename(old)
    finished.rename(out)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_files(job: _Job, folder: Path, names: tuple[str, ...]) -> None:
    out = folder / names[0]
    writers: dict[str, Callable[[_Job, Path], None]] = {
        "parquet": _write_parquet,
        "cdxj": _write_cdxj,
        "warc": _write_warc,
    }
    writers.get(job.request.format, _write_text)(job, out)
    files = tuple(file_entry(folder / name, name) for name in names[:-1])
    write_manifest(folder / names[-1], job.manifest(files))


def _write_text(job: _Job, out: Path) -> None:
    exporter = _prepared(job, _exporter(job.workspace, job.request.format))
    with out.open("w", encoding="utf-8", newline="") as stream:
        exporter.export(job.stream(), stream)


def _write_parquet(job: _Job, out: Path) -> None:
    write_parquet(job.stream(), out)


def _write_cdxj(job: _Job, out: Path) -> None:
    """Lines of the archive's own WARC files, whose names are relative to its data folder."""

    def lines() -> Iterator[str]:
        for place in chosen_captures(job.db):
            found = next(members(job.workspace.data / place.warc_file, place.warc_offset), None)
            if isinstance(found, Member):
                yield cdxj_line(place.warc_file, found)

    _write_lines(sorted_lines(lines()), out)


def _write_lines(lines: Iterator[str], out: Path) -> None:
    with out.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(f"{line}\n" for line in lines)


def _write_warc(job: _Job, out: Path, held: dict[str, list[Held]] | None = None) -> None:
    """A WARC file and its CDXJ lines; `held` gets where in it the captures of each release lie."""
    archive = job.workspace.config.archive
    places: dict[str, dict[str, int]] = {}

    def lines() -> Iterator[str]:
        with out.open("wb") as stream:
            at = job.state.at or BEGINNING
            copy = WarcCopy(stream, name=out.name, software=SOFTWARE, operator=archive.contact or "", at=at)
            for release_id, place, group in all_groups(job.db, job.workspace.data, chosen_ids(job.db)):
                found: list[str] = []
                if group is not None:
                    start, length, found = copy.add(group)
                    if held is not None:
                        places[place.record_id] = {"offset": start, "length": length}
                if held is not None:
                    held.setdefault(release_id, []).append((place, places[place.record_id]))
                yield from found

    _write_lines(sorted_lines(lines()), out.with_name(_cdxj_name(out)))


def _write_bags(job: _Job, folder: Path) -> None:
    """One bag a source and year, and a manifest over all of them."""
    found = units(job.db)
    truth = job.truth() if job.is_restorable else None
    folder.mkdir()
    for number, unit in enumerate(found, start=1):
        choose_unit(job.db, unit)
        bag = folder / unit.name
        (bag / "data").mkdir(parents=True)
        _write_unit(job, bag / "data", unit, truth)
        finish_bag(bag, _bag_info(job, unit, number, len(found)))
    choose_unit(job.db, None)
    files = tuple(
        file_entry(path, path.relative_to(folder).as_posix())
        for path in sorted(folder.glob("*/tagmanifest-sha512.txt"))
    )
    write_manifest(folder / NAME, job.manifest(files))
    _sync(folder / NAME)


def _write_unit(job: _Job, data: Path, unit: Unit, truth: Truth | None) -> None:
    """The payload of one bag: releases, their captures with CDXJ lines, the acquisition page, the manifest."""
    names = ["releases.jsonl"]
    exporter = JsonLines() if job.request.with_text else JsonLines(lambda release: {"without_text": True})
    if truth is not None:
        held: dict[str, list[Held]] = {}
        _write_warc(job, data / "captures.warc.gz", held)
        names += ["captures.warc.gz", "captures.cdxj"]
        exporter = JsonLines(lambda release: truth.beside(release, held[release.id]))
    with (data / "releases.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
        exporter.export(job.stream(), stream)
    names += _write_acquisition(job, data, unit)
    files = tuple(file_entry(data / name, name) for name in names)
    write_manifest(data / NAME, job.manifest(files))


SOURCE_WORDS = {
    "id": "Kennung",
    "title": "Titel",
    "url": "Adresse",
    "fetcher": "Art des Abrufs",
    "district": "Kreis (AGS)",
    "party": "Partei",
    "organisation": "Organisation",
    "language": "Sprache",
    "access": "Zugang",
    "legal_basis": "Rechtsgrundlage",
    "appraisal": "Bewertung",
    "responsible": "Zuständig",
    "capture_scope": "Umfang der Erfassung",
    "call_number": "Signatur",
}


def _write_acquisition(job: _Job, data: Path, unit: Unit) -> list[str]:
    """The page for the acquisition file, for people and for programs."""
    source, found = known_source(job.db, unit.source_id), coverage(job.db)
    about = {name: getattr(source, name) for name in SOURCE_WORDS}
    figures = {
        "Mitteilungen": str(found.releases),
        "davon ohne Datum": str(found.undated),
        "veröffentlicht": f"{found.first_published or '–'} bis {found.last_published or '–'}",
        "erfasst": f"{found.first_captured} bis {found.last_captured}",
        "Stand des Archivs": f"Änderung {job.state.seq}, {job.state.at.isoformat() if job.state.at else '–'}",
        "Archiv": job.workspace.config.archive.title,
        "Software": SOFTWARE,
    }
    title = f"{source.title or source.id}, {unit.year or 'ohne Datum'}"
    rows = [(SOURCE_WORDS[name], str(value)) for name, value in about.items() if value]
    page = acquisition_page(f"Übernahme: {title}", [("Quelle", rows), ("Umfang", list(figures.items()))])
    (data / "acquisition.html").write_text(page, encoding="utf-8")
    row = {
        "schema": "apl/acquisition/1",
        "source": about,
        "year": unit.year,
        "releases": found.releases,
        "undated": found.undated,
        "first_published": found.first_published,
        "last_published": found.last_published,
        "first_captured": found.first_captured,
        "last_captured": found.last_captured,
    }
    (data / "acquisition.json").write_text(json.dumps(row, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return ["acquisition.html", "acquisition.json"]


def _bag_info(job: _Job, unit: Unit, number: int, count: int) -> dict[str, str]:
    archive = job.workspace.config.archive
    source = known_source(job.db, unit.source_id)
    return {
        "Source-Organization": archive.title or "archive_pipeline",
        "Contact-Email": archive.contact if archive.contact and "@" in archive.contact else "",
        "External-Description": f"Pressemitteilungen: {source.title or source.id}, {unit.year or 'ohne Datum'}",
        "External-Identifier": unit.name,
        "Bagging-Date": (job.state.at or BEGINNING).date().isoformat(),
        "Bag-Group-Identifier": f"{archive.title or 'archive_pipeline'}, {job.state.seq}",
        "Bag-Count": f"{number} of {count}",
        "Internal-Sender-Identifier": unit.source_id,
        "Bag-Software-Agent": SOFTWARE,
    }
