"""Exports: chosen releases in one format, with a manifest, complete or not at all.

What is written depends on the archive and the question alone: no clock, no order of a disk. Which releases an embargo
keeps back does depend on the day, as it must.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from archive_pipeline.archive.extracts import source_titles
from archive_pipeline.durable import sync
from archive_pipeline.errors import ArchiveError, ArchivePipelineError, PluginContractError
from archive_pipeline.exchange.bagging import write_bags
from archive_pipeline.exchange.export_captures import cdxj_name, write_captures, write_cdxj
from archive_pipeline.exchange.export_job import ExportJob, ExportRequest, chosen_for
from archive_pipeline.export.bagit import is_bag, verify_bag
from archive_pipeline.export.citations import Citations
from archive_pipeline.export.jsonl import JsonLines
from archive_pipeline.export.manifest import (
    NAME,
    SUFFIX,
    Manifest,
    file_entry,
    find_manifest,
    read_manifest,
    verify,
    write_manifest,
)
from archive_pipeline.export.table import write_parquet
from archive_pipeline.protocols import Exporter
from archive_pipeline.registry import Entry
from archive_pipeline.workspace import Workspace

__all__ = ["FILE_FORMATS", "Exported", "export", "export_to", "verify_export"]

FILE_FORMATS = ("parquet", "warc", "cdxj", "bagit")
"""Formats that need a file or folder; all others are text and may go to standard output."""

UNFINISHED = ".unfertig"


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
    that nobody registered, MissingExtraError, FixityError where a capture is damaged, PluginContractError where a
    plugin's exporter fails."""
    names = _names(request.format, out)
    _require_free(out, names, force=request.force)
    with chosen_for(workspace, request) as job, _beside(out) as folder:
        if request.format == "bagit":
            write_bags(job, folder / out.name)
            sync(folder / out.name / NAME)
            _publish_folder(folder / out.name, out)
            manifest = out / NAME
        else:
            _write_files(job, folder, names)
            for name in names:
                sync(folder / name)
                (folder / name).replace(out.with_name(name))
            manifest = out.with_name(names[-1])
        sync(out.parent)
        return Exported(releases=job.releases, left_out=job.left_out, unknown=job.unknown, manifest=manifest)


def export_to(workspace: Workspace, request: ExportRequest, out: TextIO) -> Exported:
    """Write an export in a text format to a stream, without a manifest. Raises ConfigError, FixityError, and
    PluginContractError where a plugin's exporter fails."""
    exporter = _exporter(workspace, request.format)
    with chosen_for(workspace, request) as job:
        count = _text(job, exporter, out)
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


def _exporter(workspace: Workspace, name: str) -> Entry[Exporter]:
    return workspace.plugins.exporters.entry(name)


def _prepared(job: ExportJob, exporter: Exporter) -> Exporter:
    """The exporter with what it has to know of this archive."""
    if isinstance(exporter, Citations):
        return exporter.of_archive(job.workspace.config.archive.title or "archive_pipeline", source_titles(job.db))
    if isinstance(exporter, JsonLines):
        if job.is_restorable:
            return JsonLines(job.truth().of)
        if not job.request.with_text:
            return JsonLines(lambda release: {"without_text": True})
    return exporter


def _names(fmt: str, out: Path) -> tuple[str, ...]:
    """The files an export consists of, the manifest last."""
    if fmt == "bagit":
        return (out.name,)
    if fmt == "warc":
        return out.name, cdxj_name(out), out.name + SUFFIX
    return out.name, out.name + SUFFIX


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


def _write_files(job: ExportJob, folder: Path, names: tuple[str, ...]) -> None:
    out = folder / names[0]
    writers: dict[str, Callable[[ExportJob, Path], None]] = {
        "parquet": _write_parquet,
        "cdxj": write_cdxj,
        "warc": write_captures,
    }
    writers.get(job.request.format, _write_text)(job, out)
    files = tuple(file_entry(folder / name, name) for name in names[:-1])
    write_manifest(folder / names[-1], job.manifest(files))


def _write_text(job: ExportJob, out: Path) -> None:
    with out.open("w", encoding="utf-8", newline="") as stream:
        _text(job, _exporter(job.workspace, job.request.format), stream)


def _text(job: ExportJob, entry: Entry[Exporter], out: TextIO) -> int:
    """Let an exporter write. What it raises by mistake is told with its plugin's name: PluginContractError."""
    who = f'Der Exporter "{entry.name}" (Plugin {entry.plugin})'
    try:
        count = _prepared(job, entry.obj).export(job.stream(), out)
    except (ArchivePipelineError, OSError, sqlite3.Error):
        raise  # of the archive, the disk, or whoever reads what is written
    except (Exception, SystemExit) as error:
        raise PluginContractError(
            f"{who} scheitert: {type(error).__name__}: {error}",
            hint="archive-pipeline -vv export … zeigt die Stelle; gemeldet wird sie dem Plugin",
        ) from error
    if type(count) is not int:
        raise PluginContractError(f"{who} muss sagen, wie viele er schrieb: export() gab {count!r} zurück")
    return count


def _write_parquet(job: ExportJob, out: Path) -> None:
    write_parquet(job.stream(), out)
