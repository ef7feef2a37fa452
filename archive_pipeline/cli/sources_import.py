"""`sources import`: many sources at once, from the OPML of a feed reader or the CSV of a spreadsheet."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click

from archive_pipeline.cli.looking import sources_file
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.sources_discover import BASIS
from archive_pipeline.cli.wording import shorten
from archive_pipeline.sources import Config
from archive_pipeline.sources.editing import NewSource, Setting, SourcesFile
from archive_pipeline.sources.importing import ListedSource, bare_address, read_list

__all__ = ["import_"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one line: `added`, `skipped` (it is there already) or `invalid`, with the reason."""

    line: ListedSource
    kind: str
    reason: str = ""


WORDS = {"added": "eingetragen", "skipped": "übersprungen", "invalid": "ungültig"}


@click.command("import", short_help="trägt die Quellen einer OPML- oder CSV-Datei ein")
@click.argument("file", metavar="DATEI", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--schedule", default="1d", show_default=True, help="Zeitplan, wo die Liste keinen nennt")
@click.option("--legal-basis", type=BASIS, help="Rechtsgrundlage, wo die Liste keine nennt")
@click.option("--disabled", is_flag=True, help="abgeschaltet eintragen, um sie erst mit sources test zu prüfen")
@click.option("--dry-run", is_flag=True, help="nur sagen, was eingetragen würde")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Zeile der Liste, zuletzt die Summe")
@click.pass_context
def import_(
    ctx: click.Context,
    file: Path,
    schedule: str,
    legal_basis: str | None,
    disabled: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Trägt die Quellen einer OPML- oder CSV-Datei in sources.toml ein.

    CSV: die erste Zeile nennt die Spalten (url oder Adresse, Titel, Zeitplan, Kreis, Partei, Rechtsgrundlage …);
    Trennzeichen Semikolon, Komma oder Tabulator. Was schon eingetragen ist, wird übersprungen, was ungültig ist,
    genannt: dann ist der Exitcode 1.
    """
    settings: Settings = ctx.obj
    target = sources_file(settings)
    config = target.load(target.path)
    defaults = [Setting(key="schedule", value=schedule)]
    if legal_basis:
        defaults.append(Setting(key="legal_basis", value=legal_basis))
    if disabled:
        defaults.append(Setting(key="enabled", value=False))
    taken = {source.id for source in (*config.sources, *(broken.source for broken in config.broken))}
    listed = read_list(file, taken=taken, defaults=defaults)
    outcomes = _outcomes(listed.lines, config, target)
    added = [outcome.line.source for outcome in outcomes if outcome.kind == "added" and outcome.line.source]
    if added and not dry_run:
        target.add(added)
    if listed.ignored and not settings.quiet:
        click.echo(f"Spalten ohne Bedeutung für eine Quelle: {', '.join(listed.ignored)}", err=True)
    _report(outcomes, settings, dry_run=dry_run, as_json=as_json)
    ctx.exit(1 if any(outcome.kind == "invalid" for outcome in outcomes) else 0)


def _outcomes(lines: tuple[ListedSource, ...], config: Config, target: SourcesFile) -> list[Outcome]:
    """What becomes of each line, in order."""
    outcomes = list(_new_ones(lines, config))
    places = [number for number, outcome in enumerate(outcomes) if outcome.kind == "added"]
    tables = [_switched_on(source) for number in places if (source := outcomes[number].line.source)]
    for place, reason in target.refused(tables).items():
        number = places[place]
        outcomes[number] = replace(outcomes[number], kind="invalid", reason=reason)
    return outcomes


def _switched_on(source: NewSource) -> NewSource:
    """The table as it will be judged when somebody enables it."""
    return replace(source, settings=tuple(setting for setting in source.settings if setting.key != "enabled"))


def _new_ones(lines: tuple[ListedSource, ...], config: Config) -> Iterator[Outcome]:
    """Lines that can't be used, and those whose address is there already, told from the rest."""
    sources = (*config.sources, *(broken.source for broken in config.broken))
    known = {bare_address(source.url): f'Quelle "{source.id}"' for source in sources if source.url}
    for line in lines:
        address = bare_address(line.url) if line.url else ""
        if line.source is None:
            yield Outcome(line=line, kind="invalid", reason=line.reason)
        elif address and address in known:
            yield Outcome(line=line, kind="skipped", reason=f"die Adresse hat schon {known[address]}")
        else:
            if address:
                known[address] = f"Zeile {line.line}"
            yield Outcome(line=line, kind="added")


def _report(outcomes: list[Outcome], settings: Settings, *, dry_run: bool, as_json: bool) -> None:
    counts = {kind: sum(outcome.kind == kind for outcome in outcomes) for kind in WORDS}
    for outcome in outcomes:
        source_id = str(outcome.line.source.value("id")) if outcome.line.source else None
        if as_json:
            line = {
                "type": "source_line",
                "line": outcome.line.line,
                "status": outcome.kind,
                "id": source_id,
                "url": outcome.line.url or None,
                "reason": outcome.reason or None,
            }
            click.echo(json.dumps(line, ensure_ascii=False))
        elif outcome.kind != "added" or not settings.quiet:
            what = source_id if outcome.kind == "added" else f"{shorten(outcome.line.name, 60)}: {outcome.reason}"
            click.echo(f"Zeile {outcome.line.line:<5} {WORDS[outcome.kind]:<12} {what}")
    if as_json:
        summary = {"schema": "apl/source-import/1", "type": "import_summary", **counts, "dry_run": dry_run}
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    would = " (nur geprüft, nichts geschrieben)" if dry_run else ""
    click.echo(", ".join(f"{count} {WORDS[kind]}" for kind, count in counts.items()) + would, err=True)
    if counts["added"] and not dry_run:
        click.echo("Weiter: archive-pipeline sources test ID zeigt, was eine Quelle liefert", err=True)
