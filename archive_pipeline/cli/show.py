"""`show`: one release."""

import json

import click
from pydantic import TypeAdapter

from archive_pipeline.archive.versions import ReleaseEvent, VersionRow, events_of, find_place, load_at, versions_of
from archive_pipeline.archive.visibility import EVERYTHING, Standing, seen_by
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.standing import CORRECTIONS, access_marks, as_option
from archive_pipeline.cli.why import Reasons, find_reasons, show_why
from archive_pipeline.cli.wording import (
    AXES,
    ROLES,
    SOURCE_CHANGES,
    STATES,
    counted,
    german_date,
    german_moment,
    large_removals,
    shorten,
)
from archive_pipeline.model import Article, Axis, Release
from archive_pipeline.workspace import open_workspace, utc_now

RELEASE = TypeAdapter(Release)
REASONS = TypeAdapter(Reasons)
VERSIONS = TypeAdapter(tuple[VersionRow, ...])
EVENTS = TypeAdapter(tuple[ReleaseEvent, ...])

EVENT_WORDS = {
    "ingestion": "aufgenommen",
    "metadata modification": "neu gereinigt oder verschlagwortet",
    "validation": "Prüfung",
} | SOURCE_CHANGES


@click.command()
@click.argument("release", metavar="ID")
@click.option("--why", is_flag=True, help="begründet jedes Schlagwort mit seinen Belegen")
@click.option("--text", "only_text", is_flag=True, help="nur den gereinigten Text")
@click.option("--removed", is_flag=True, help="was die Reinigung entfernt hat, mit dem Namen der Regel")
@click.option("--versions", "only_versions", is_flag=True, help="alle Fassungen mit ihren Ableitungen und Ereignissen")
@click.option("--hidden", is_flag=True, help="auch, was ein Fall sperrt (für Archivare)")
@click.option("--json", "as_json", is_flag=True, help="alle Felder als JSON")
@as_option
@click.pass_obj
def show(
    settings: Settings,
    release: str,
    why: bool,
    only_text: bool,
    removed: bool,
    only_versions: bool,
    hidden: bool,
    as_json: bool,
    standing: Standing,
) -> None:
    """Zeigt eine Mitteilung. ID ist die Kennung aus der Suche (d/…, ihr Anfang genügt) oder eine Adresse; ID@FASSUNG
    und ID@FASSUNG.ABLEITUNG zeigen genau diesen Text."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        visibility = EVERYTHING if hidden and standing == "archivist" else seen_by(standing, utc_now())
        found = load_at(db, find_place(db, release, visibility))
        versions, events = versions_of(db, found.id), events_of(db, found.id)
        reasons = find_reasons(workspace, db, found) if why else None
    if as_json:
        told = RELEASE.dump_python(found, mode="json")
        if reasons is not None:
            told["why"] = REASONS.dump_python(reasons, mode="json")
        told["versions"] = VERSIONS.dump_python(versions, mode="json")
        told["events"] = EVENTS.dump_python(events, mode="json")
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif only_text:
        show_corrections(found)
        click.echo(found.article.text)
    elif only_versions:
        _show_versions(found, versions, events)
    elif removed:
        _show_removed(found)
    elif reasons is not None:
        show_why(found, reasons)
    else:
        _show_release(found)
        _say_changes(found, versions, events)


def _show_versions(release: Release, versions: tuple[VersionRow, ...], events: tuple[ReleaseEvent, ...]) -> None:
    for one in versions:
        stated = german_date(one.published) + (f", geändert {german_date(one.modified)}" if one.modified else "")
        current = " (aktuell)" if one.is_current else ""
        click.echo(f"Fassung {one.number}{current}   erfasst {german_moment(one.captured_at)}   Datum {stated}")
        click.echo(
            f"  d/{release.id}@{one.id}.{one.derivation}   {counted(one.derivations, 'Ableitung', 'Ableitungen')}"
        )
    for event in events:
        click.echo(
            f"{german_moment(event.at)}  {EVENT_WORDS.get(event.type, event.type)}: {event.detail or event.outcome}"
        )


def _say_changes(release: Release, versions: tuple[VersionRow, ...], events: tuple[ReleaseEvent, ...]) -> None:
    """What a reader has to know: other versions, and what the publisher did without saying so."""
    number = next(place for place, one in enumerate(versions, 1) if one.id == release.version_id)
    if len(versions) > 1:
        _line("Fassung", f"{number} von {len(versions)} (diff d/{release.id}; show d/{release.id} --versions)")
    for event in events:
        if event.type in SOURCE_CHANGES:
            _line("Achtung", f"{EVENT_WORDS[event.type]} {german_moment(event.at)} ({event.detail})")


def _show_release(release: Release) -> None:
    article = release.article
    show_corrections(release)
    click.echo(article.heading)
    if article.subtitle:
        click.echo(article.subtitle)
    click.echo()
    date = german_date(article.published)
    if article.published_confidence == "low":
        date += " (unsicher)"
    _line("Datum", date)
    _line("Geändert", german_date(article.modified) if article.modified else None)
    _line("Nummer", article.number)
    _line("Quelle", release.source_id)
    _line("Adresse", release.url or release.path)
    _line("Autor", article.author)
    for mark in access_marks(release.access, article.embargo_until):
        _line("Nicht für alle", mark)
    for axis in Axis:
        tags = [f"{tag.label} ({ROLES[tag.role]})" for tag in release.tags if tag.axis == axis]
        _line(AXES[axis], ", ".join(tags))
    _line("Stichworte", ", ".join(keyword.label for tag in release.tags for keyword in tag.keywords))
    _line("Zustand", STATES[article.state] if article.state else None)
    click.echo()
    click.echo(_paged(article))
    click.echo()
    for warning in large_removals(article):
        click.echo(f"{warning} (show --removed)")
    for credit in article.credits:
        _line("Foto" if credit.kind == "photo" else "Bildtext", credit.text)
    _line("Quellenzeile", article.source_line)
    for attachment in release.attachments:
        _line("Anlage", f"{attachment.name} ({attachment.media_type or 'Typ unbekannt'}, nicht durchsucht)")
    for location in release.locations[1:]:
        _line("Auch unter", f"{location.url or location.key} ({location.source_id})")
    _line("Kennung", f"d/{release.id}@{release.version_id}.{release.derivation}")


def show_corrections(release: Release) -> None:
    """What was put right, above everything else."""
    for one in release.corrections:
        click.echo(f"{CORRECTIONS[one.kind]} vom {german_date(one.noted_at.date())} ({one.id[:8]}): {one.text}")
        if one.url:
            click.echo(f"  {one.url}")
        click.echo()


def _paged(article: Article) -> str:
    """The text, with a line above each page of a document that has several."""
    ends = (*article.pages[1:], len(article.text))
    if len(ends) < 2 or not article.pages:
        return article.text
    parts = (article.text[start:end].strip("\n") for start, end in zip(article.pages, ends, strict=True))
    return "\n\n".join(f"[Seite {number}]\n{part}".rstrip() for number, part in enumerate(parts, start=1))


def _show_removed(release: Release) -> None:
    if not release.article.removed:
        click.echo("Die Reinigung hat nichts entfernt.")
    for warning in large_removals(release.article):
        click.echo(warning)
    for span in release.article.removed:
        click.echo(f"[{span.rule}] {shorten(span.text, 300)}")


def _line(name: str, value: str | None) -> None:
    if value:
        click.echo(f"{name + ':':<14} {value}")
