"""`show`: one release, and why it carries its tags."""

import json

import click
from pydantic import TypeAdapter

from archive_pipeline.archive.reading import find_release, load_release, suggestions
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import AXES, ROLES, german_date, large_removals, shorten
from archive_pipeline.model import Axis, Release, Tag
from archive_pipeline.workspace import open_workspace

RELEASE = TypeAdapter(Release)


@click.command()
@click.argument("release", metavar="ID")
@click.option("--why", is_flag=True, help="begründet jedes Schlagwort mit seinen Belegen")
@click.option("--text", "only_text", is_flag=True, help="nur den gereinigten Text")
@click.option("--removed", is_flag=True, help="was die Reinigung entfernt hat, mit dem Namen der Regel")
@click.option("--json", "as_json", is_flag=True, help="alle Felder als JSON")
@click.pass_obj
def show(settings: Settings, release: str, why: bool, only_text: bool, removed: bool, as_json: bool) -> None:
    """Zeigt eine Mitteilung. ID ist die Kennung aus der Suche (d/…, ihr Anfang genügt) oder eine Adresse."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        release_id = find_release(db, release)
        found = load_release(db, release_id)
        doubtful = suggestions(db, release_id) if why else []
    if as_json:
        click.echo(json.dumps(RELEASE.dump_python(found, mode="json"), ensure_ascii=False, indent=2))
    elif only_text:
        click.echo(found.article.text)
    elif removed:
        _show_removed(found)
    elif why:
        _show_why(found, doubtful)
    else:
        _show_release(found)


def _show_release(release: Release) -> None:
    article = release.article
    click.echo(article.title or "(ohne Titel)")
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
    for axis in Axis:
        tags = [f"{tag.label} ({ROLES[tag.role]})" for tag in release.tags if tag.axis == axis]
        _line(AXES[axis], ", ".join(tags))
    click.echo()
    click.echo(article.text)
    click.echo()
    for credit in article.credits:
        _line("Foto" if credit.kind == "photo" else "Bildtext", credit.text)
    _line("Quellenzeile", article.source_line)
    for attachment in release.attachments:
        _line("Anlage", f"{attachment.name} ({attachment.media_type or 'Typ unbekannt'})")
    for location in release.locations[1:]:
        _line("Auch unter", f"{location.url or location.key} ({location.source_id})")
    _line("Kennung", f"d/{release.id}@{release.version_id}.{release.derivation}")


def _show_removed(release: Release) -> None:
    if not release.article.removed:
        click.echo("Die Reinigung hat nichts entfernt.")
    for warning in large_removals(release.article):
        click.echo(warning)
    for span in release.article.removed:
        click.echo(f"[{span.rule}] {shorten(span.text, 300)}")


def _show_why(release: Release, doubtful: list[Tag]) -> None:
    article = release.article
    origin = f"aus {article.published_source}, {article.published_confidence}" if article.published else "unbekannt"
    click.echo(f"Datum      {german_date(article.published)} ({origin}; erfasst {release.captured_at:%d.%m.%Y})")
    if not release.tags:
        click.echo("Keine Schlagworte: kein Beleg war stark genug.")
    for tag in release.tags:
        _explain(tag)
    for tag in doubtful:
        _explain(tag, prefix="Vorschlag ")


def _explain(tag: Tag, prefix: str = "") -> None:
    head = f"{AXES[tag.axis]:<13} {tag.label} ({tag.value})"
    click.echo(f"{prefix}{head}   {ROLES[tag.role]}   {tag.score:.2f}   {tag.by}")
    for span in tag.evidence:
        where = "Titel" if span.field == "title" else "Text"
        click.echo(f"    „{shorten(span.text, 100)}“  {where} {span.start}–{span.end}")


def _line(name: str, value: str | None) -> None:
    if value:
        click.echo(f"{name + ':':<14} {value}")
