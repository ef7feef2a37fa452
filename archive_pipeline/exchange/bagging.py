"""Bags for archives: one transfer unit a source and year, each with its acquisition page (BagIt 1.0, RFC 8493)."""

import json
from pathlib import Path

from archive_pipeline.archive.extracts import Unit, choose_unit, coverage, units
from archive_pipeline.archive.runs import known_source
from archive_pipeline.exchange.export_captures import write_captures
from archive_pipeline.exchange.export_job import BEGINNING, ExportJob
from archive_pipeline.exchange.extracting import Held, Truth
from archive_pipeline.export.bagit import acquisition_page, finish_bag
from archive_pipeline.export.jsonl import JsonLines
from archive_pipeline.export.manifest import NAME, file_entry, write_manifest
from archive_pipeline.workspace import SOFTWARE

__all__ = ["write_bags"]


def write_bags(job: ExportJob, folder: Path) -> None:
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


def _write_unit(job: ExportJob, data: Path, unit: Unit, truth: Truth | None) -> None:
    """The payload of one bag: releases, their captures with CDXJ lines, the acquisition page, the manifest."""
    names = ["releases.jsonl"]
    exporter = JsonLines() if job.request.with_text else JsonLines(lambda release: {"without_text": True})
    if truth is not None:
        held: dict[str, list[Held]] = {}
        write_captures(job, data / "captures.warc.gz", held)
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


def _write_acquisition(job: ExportJob, data: Path, unit: Unit) -> list[str]:
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


def _bag_info(job: ExportJob, unit: Unit, number: int, count: int) -> dict[str, str]:
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
