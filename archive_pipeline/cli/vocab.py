"""`vocab`: the names that tagging knows, and an archive's own among them."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from archive_pipeline.classify.vocabulary import MUNICIPALITY, builtin_vocabularies
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import counted, shorten
from archive_pipeline.errors import ConfigError, NoArchiveError
from archive_pipeline.language.folding import fold
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.vocabularies.check import Finding, check_vocabularies
from archive_pipeline.vocabularies.importing import NewEntry, add_entries, read_csv
from archive_pipeline.vocabularies.own import FOLDER, TABLES, OwnVocabulary, apply_own, read_own
from archive_pipeline.workspace import CONFIG_NAME

SHOWN = 50
"""Entries shown without --query; the rest is counted."""

LEVELS = {"error": "Fehler", "warning": "Achtung", "note": "Hinweis"}

KIND = click.Choice(list(TABLES))


@click.group()
def vocab() -> None:
    """Zeigt, prüft und ergänzt die Vokabulare: Kreise, Gemeinden, Parteien, Organisationen, Themen.

    Eigene Einträge stehen in vocab/*.toml neben sources.toml und gehen den mitgelieferten vor; auf Archiviertes wendet
    sie archive-pipeline reprocess --stage classify an.
    """


@vocab.command("list", short_help="die Einträge einer Achse, oder alle Vokabulare mit Lizenz und Version")
@click.argument("axis", metavar="[ACHSE]", required=False, type=KIND)
@click.option("--query", help="nur Einträge mit diesem Text in Schlüssel, Namen, Varianten oder Kennungen")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Eintrag oder Vokabular, ungekürzt")
@click.pass_obj
def list_(settings: Settings, axis: str | None, query: str | None, as_json: bool) -> None:
    """Ohne ACHSE und --query alle Vokabulare mit Version, Lizenz und Umfang, sonst ihre Einträge.

    ACHSE: district (Kreise), municipality (Gemeinden), party, organisation, topic.
    """
    vocabularies = apply_own(*_read(settings.folder))
    if axis is None and query is None:
        for vocabulary in vocabularies:
            click.echo(_vocabulary_line(vocabulary, as_json=as_json))
        return
    found = [
        (entry, vocabulary.name)
        for vocabulary in vocabularies
        for entry in vocabulary.entries
        if axis in (None, _kind_of(entry)) and (query is None or _says(entry, query))
    ]
    shown = found if as_json or query is not None or settings.verbose else found[:SHOWN]
    for entry, name in shown:
        click.echo(json.dumps(_as_json(entry, name), ensure_ascii=False) if as_json else _line(entry, name))
    if not found and not as_json:
        click.echo("Kein Eintrag gefunden.", err=True)
    if len(shown) < len(found):
        click.echo(f"… und {len(found) - len(shown)} weitere (mit --query eingrenzen, alle mit -v)", err=True)


@vocab.command(short_help="prüft die eigenen Einträge und was sie verdecken")
@click.option("--all", "every", is_flag=True, help="auch Namen, die nur mitgelieferte Einträge teilen")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Befund, zuletzt die Summe")
@click.pass_obj
def check(settings: Settings, every: bool, as_json: bool) -> None:
    """Prüft vocab/*.toml: Fehler mit Datei und Zeile, mehrdeutige Namen, tote Nachfolger, überschriebene Einträge.

    Exitcode 4, wenn es Fehler gibt.
    """
    own, packaged = _read(settings.folder)
    laid = apply_own(own, packaged)
    findings = check_vocabularies(packaged, own, laid, every=every)
    for finding in findings:
        click.echo(_finding_line(finding, as_json=as_json))
    errors = sum(finding.level == "error" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    if as_json:
        summary = {
            "schema": "apl/vocab-check/1",
            "type": "vocab_summary",
            "own": len(own.entries),
            "version": own.version,
            "errors": errors,
            "warnings": warnings,
        }
        click.echo(json.dumps(summary, ensure_ascii=False))
    else:
        entries = counted(len(own.entries), "eigener Eintrag", "eigene Einträge")
        version = f" ({own.version})" if own.version else ""
        click.echo(f"{entries}{version}: {errors} Fehler, {counted(warnings, 'Warnung', 'Warnungen')}")
    if errors:
        raise ConfigError(f"{errors} Fehler in den Vokabularen", hint="die genannten Stellen ändern")


@vocab.command(short_help="trägt einen eigenen Eintrag in vocab/own.toml ein")
@click.argument("axis", metavar="ACHSE", type=KIND)
@click.argument("value", metavar="SCHLÜSSEL")
@click.argument("label", metavar="[NAME]", required=False)
@click.option("--variant", "variants", multiple=True, help="ein Name, der überall gilt (mehrfach)")
@click.option(
    "--weak-variant", "weak_variants", multiple=True, help="ein Name, der nur im Zusammenhang gilt (mehrfach)"
)
@click.option(
    "--remove-variant", "remove_variants", multiple=True, help="ein mitgelieferter Name, der nicht gelten soll"
)
@click.option("--adjective", "adjectives", multiple=True, help="Adjektiv oder Einwohnername eines Ortes (mehrfach)")
@click.option("--place", help="Ort einer örtlichen Wählergruppe: AGS des Kreises oder der Gemeinde")
@click.option("--district", help="Kreis, zu dem eine Organisation gehört: AGS, fünf Ziffern")
@click.option("--parent", help="Schlüssel des übergeordneten Eintrags")
@click.option("--kind", help="Art: association, welfare, club …")
@click.option("--wikidata", help="Wikidata-Kennung, Q…")
@click.option("--gnd", help="GND-Nummer")
@click.option("--valid-from", help="gültig ab: Jahr oder Tag (2007-06-16)")
@click.option("--valid-to", help="gültig bis: Jahr oder Tag")
@click.option("--successor", "successors", multiple=True, help="Schlüssel des Nachfolgers (mehrfach)")
@click.option("--note", help="Bemerkung, nur für Menschen")
@click.pass_obj
def add(
    settings: Settings, /, axis: str, value: str, label: str | None, **options: str | tuple[str, ...] | None
) -> None:
    """Trägt einen Eintrag ein: einen neuen mit NAME, oder Varianten zu einem, den es gibt.

    Was in der Datei steht, bleibt samt Kommentaren, wie es ist. Beispiele:

    \b
    archive-pipeline vocab add organisation tafel-kleve "Tafel Kleve" --district 05154
    archive-pipeline vocab add party spd --variant "Sozis"
    archive-pipeline vocab add party buergerliste "Bürgerliste Wassenberg" --place 05370040
    """
    given = {name: option for name, option in options.items() if option}
    strangers = [name for name in given if name not in TABLES[axis].model_fields]
    if strangers:
        flag = "--" + strangers[0].removesuffix("s").replace("_", "-")
        raise click.UsageError(f"{flag} gibt es für {axis} nicht")
    entry = NewEntry(kind=axis, settings={"value": value, **({"label": label} if label else {}), **given})
    path = add_entries(_archive(settings.folder), _packaged(settings.folder), [entry])
    click.echo(f"{path}: {axis} {value} eingetragen")
    _say_next(settings)


@vocab.command("import", short_help="übernimmt Einträge aus einer CSV-Datei, auch Exporte von Wikidata und lobid")
@click.argument("file", metavar="DATEI", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--axis", type=KIND, help="Achse der Zeilen, die keine nennen")
@click.option("--into", "name", default="own", show_default=True, help="Datei in vocab/, ohne .toml")
@click.option("--dry-run", is_flag=True, help="nur zeigen, was eingetragen würde")
@click.pass_obj
def import_(settings: Settings, file: Path, axis: str | None, name: str, dry_run: bool) -> None:
    """Übernimmt die Zeilen einer CSV-Datei als Einträge.

    Die erste Zeile nennt die Spalten: axis, value, label, variants, weak_variants, adjectives, kind, parent, district,
    place, wikidata, gnd, valid_from, valid_to, successors, note. Mehrere Werte in einer Zelle trennt |. Spalten von
    Wikidata (item, itemLabel, itemAltLabel) und lobid (id, preferredName, variantName) werden erkannt. Ohne value wird
    der Schlüssel aus dem Namen gebildet.
    """
    if not name or Path(name).name != name or name.startswith("."):
        raise click.UsageError(f"--into {name!r} ist kein Dateiname")
    archive = _archive(settings.folder)
    entries = read_csv(file, axis)
    if not entries:
        raise ConfigError(f"{file} hat keine Zeilen mit Einträgen", hint="unter der Kopfzeile steht je Zeile einer")
    if dry_run:
        for entry in entries:
            click.echo(f"{entry.kind:<13} {entry.settings['value']:<28} {entry.settings['label']}")
        click.echo(f"{counted(len(entries), 'Eintrag würde', 'Einträge würden')} eingetragen")
        return
    path = add_entries(archive, _packaged(settings.folder), entries, name=name)
    click.echo(f"{path}: {counted(len(entries), 'Eintrag', 'Einträge')} eingetragen")
    _say_next(settings)


def _say_next(settings: Settings) -> None:
    if not settings.quiet:
        click.echo(
            "Prüfen: archive-pipeline vocab check; anwenden: archive-pipeline reprocess --stage classify", err=True
        )


def _archive(folder: Path) -> Path:
    if not (folder / CONFIG_NAME).is_file():
        raise NoArchiveError(
            f"In {folder.resolve()} liegt keine {CONFIG_NAME}",
            hint="archive-pipeline init DIR legt ein Archiv an; -C DIR nennt eines, das es schon gibt",
        )
    return folder


def _packaged(folder: Path) -> tuple[Vocabulary, ...]:
    """What ships and what plugins add, before the archive's own tables."""
    return tuple(entry.obj for entry in load_plugins(folder / "plugins", os.environ).vocabularies)


def _read(folder: Path) -> tuple[OwnVocabulary, tuple[Vocabulary, ...]]:
    packaged = _packaged(folder)
    return read_own(folder / FOLDER, packaged), packaged


def _kind_of(entry: VocabularyEntry) -> str:
    return MUNICIPALITY if entry.axis is Axis.DISTRICT and entry.kind == MUNICIPALITY else entry.axis.value


def _says(entry: VocabularyEntry, query: str) -> bool:
    wanted = fold(query)
    ids = (entry.value, entry.wikidata or "", entry.gnd or "")
    if any(query.casefold() == one.casefold() for one in ids):
        return True
    names: Iterable[str] = (entry.value, entry.label, *entry.surfaces, *entry.weak_surfaces, *entry.adjectives)
    return any(wanted in fold(name) for name in names)


def _vocabulary_line(vocabulary: Vocabulary, *, as_json: bool) -> str:
    size = len(vocabulary.entries)
    if as_json:
        line = {
            "schema": "apl/vocabulary/1",
            "name": vocabulary.name,
            "version": vocabulary.version,
            "licence": vocabulary.licence,
            "entries": size,
        }
        return json.dumps(line, ensure_ascii=False)
    return f"{vocabulary.name:<15} {vocabulary.version:<17} {size:>6} Einträge  {vocabulary.licence}"


def _as_json(entry: VocabularyEntry, vocabulary: str) -> dict[str, object]:
    return {
        "schema": "apl/vocabulary-entry/1",
        "axis": _kind_of(entry),
        "value": entry.value,
        "label": entry.label,
        "vocabulary": vocabulary,
        "kind": entry.kind,
        "parent": entry.parent,
        "district": entry.district,
        "wikidata": entry.wikidata,
        "gnd": entry.gnd,
        "valid_from": entry.valid_from,
        "valid_to": entry.valid_to,
        "successors": list(entry.successors),
        "variants": list(entry.surfaces),
        "weak_variants": list(entry.weak_surfaces),
        "adjectives": list(entry.adjectives),
        "keywords": dict(entry.weights),
    }


def _line(entry: VocabularyEntry, vocabulary: str) -> str:
    return f"{entry.value:<28} {shorten(entry.label, 44):<44} {', '.join(_details(entry, vocabulary))}".rstrip()


def _details(entry: VocabularyEntry, vocabulary: str) -> Iterator[str]:
    if entry.valid_from or entry.valid_to:
        yield f"{entry.valid_from or ''}–{entry.valid_to or ''}"
    if entry.successors:
        yield f"Nachfolger {', '.join(entry.successors)}"
    if entry.parent:
        yield f"zu {entry.parent}"
    yield from (one for one in (entry.wikidata, f"GND {entry.gnd}" if entry.gnd else None) if one)
    if vocabulary not in _PACKAGED:
        yield f"aus {vocabulary}"


_PACKAGED = frozenset(vocabulary.name for vocabulary in builtin_vocabularies())


def _finding_line(finding: Finding, *, as_json: bool) -> str:
    if as_json:
        line = {
            "schema": "apl/vocab-finding/1",
            "type": "finding",
            "level": finding.level,
            "where": finding.where,
            "message": finding.message,
        }
        return json.dumps(line, ensure_ascii=False)
    return f"{finding.where}  {LEVELS[finding.level]}: {finding.message}"
