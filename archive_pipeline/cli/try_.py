"""`try`: what would become of a document. Nothing is stored, and no archive is needed."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.outline import out_line
from archive_pipeline.cli.wording import AXES, ROLES, german_date, keyword_line, large_removals, shorten
from archive_pipeline.developing.trial import ManifestEntry, capture_address, capture_file, read_manifest
from archive_pipeline.model import Article, Axis, Capture, Failure, Processed, Source
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.processing.chain import process
from archive_pipeline.processing.workers import Workers
from archive_pipeline.vocabularies.own import FOLDER


@click.command("try")
@click.argument("target", metavar="[PFAD|URL]", required=False)
@click.option(
    "--batch",
    "manifest",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="eine JSON-Zeile je Datei; je Zeile eine Ergebniszeile",
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Prozesse (mit --batch)")
@click.option("--diff", is_flag=True, help="was die Reinigung entfernt hat, mit dem Namen der Regel")
@click.option("--json", "as_json", is_flag=True, help="alle Felder als JSON-Zeile")
@click.option("--no-gate", is_flag=True, help="ohne die Güteprüfung am Ende")
@click.option("--allow-private", is_flag=True, help="auch Adressen im eigenen Netz abrufen")
@click.pass_obj
def try_(
    settings: Settings,
    target: str | None,
    manifest: Path | None,
    workers: int,
    diff: bool,
    as_json: bool,
    no_gate: bool,
    allow_private: bool,
) -> None:
    """Reinigt und verschlagwortet ein Dokument (oder mit --batch viele) und zeigt, was daraus würde."""
    if (target is None) == (manifest is None):
        raise click.UsageError("Genau eines ist nötig: PFAD oder URL, oder --batch MANIFEST")
    folder = settings.folder / "plugins"
    vocab = settings.folder / FOLDER
    plugins = load_plugins(folder, os.environ, vocab=vocab)
    if manifest is not None:
        _batch(manifest, Workers(plugins, count=workers, folder=folder, vocab=vocab), gate=not no_gate)
        return
    assert target is not None
    if target.startswith(("http://", "https://")):
        capture = capture_address(target, allow_private=allow_private)
    else:
        capture = capture_file(Path(target))
    processed = process(capture, Source(id="try", gate=not no_gate), plugins)
    if as_json:
        click.echo(json.dumps(out_line(target, processed, details=True), ensure_ascii=False))
    elif diff:
        _show_diff(processed)
    else:
        _show(processed)


def _batch(manifest: Path, workers: Workers, *, gate: bool) -> None:
    """Write one line per manifest line, in its order. Files that can't be read never reach a worker."""
    entries: list[ManifestEntry] = []

    def jobs() -> Iterator[tuple[Capture, Source]]:
        for entry in read_manifest(manifest, gate=gate):
            if entry.capture is None:
                entries.append(entry)
            else:
                entries.append(ManifestEntry(id=entry.id, source=entry.source, capture=None))
                yield entry.capture, entry.source

    with workers as pool:
        for processed in pool.process(jobs()):
            _write_unreadable(entries)
            _write(entries.pop(0).id, processed)
        _write_unreadable(entries)


def _write_unreadable(entries: list[ManifestEntry]) -> None:
    while entries and entries[0].reason is not None:
        entry = entries.pop(0)
        failure = Failure(source_id="try", key=entry.id, stage="capture", reason=entry.reason or "")
        _write(entry.id, Processed(status="failed", reason=entry.reason, failures=(failure,)))


def _write(document_id: str, processed: Processed) -> None:
    sys.stdout.write(json.dumps(out_line(document_id, processed), ensure_ascii=False) + "\n")


def _show(processed: Processed) -> None:
    article = processed.article or Article()
    verdict = {"accepted": "angenommen", "quarantined": "Quarantäne", "skipped": "übergangen", "failed": "gescheitert"}
    reason = f": {processed.reason}" if processed.reason else ""
    click.echo(f"Ergebnis       {verdict[processed.status]}{reason}")
    for name, value in (
        ("Titel", article.title),
        ("Untertitel", article.subtitle),
        ("Datum", f"{german_date(article.published)} ({article.published_source or 'unbekannt'})"),
        ("Ortsmarke", article.dateline),
        ("Autor", article.author),
        ("Quellenzeile", article.source_line),
        ("Sprache", article.language),
        ("Kontakt", article.contact),
    ):
        if value:
            click.echo(f"{name:<14} {shorten(value, 200)}")
    for axis in Axis:
        for tag in processed.tags:
            if tag.axis == axis:
                spans = ", ".join(f"„{shorten(span.text, 40)}“ {span.start}–{span.end}" for span in tag.evidence[:3])
                click.echo(
                    f"{AXES[axis]:<14} {tag.label} ({tag.value}) · {ROLES[tag.role]} · {tag.score:.2f} · {spans}"
                )
                for keyword in tag.keywords:
                    click.echo(f"{'':<14} Stichwort {keyword_line(keyword)}")
    for failure in processed.failures:
        click.echo(f"Fehler         {failure.stage}: {failure.reason}")
    for warning in large_removals(article):
        click.echo(warning)
    click.echo(f"\n{article.text}")


def _show_diff(processed: Processed) -> None:
    article = processed.article or Article()
    for warning in large_removals(article):
        click.echo(warning)
    for span in article.removed:
        for line in filter(str.strip, span.text.splitlines()):
            click.echo(f"- [{span.rule}] {line}")
    for line in article.text.splitlines():
        click.echo(f"  {line}")
