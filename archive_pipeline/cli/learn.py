"""`sources learn`: which lines a source sets around every text, told before they are used."""

import json

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import shorten
from archive_pipeline.errors import FixityError
from archive_pipeline.learn.learning import LEAST, Lesson, learn_source
from archive_pipeline.model import LearnedLine
from archive_pipeline.workspace import open_workspace

__all__ = ["learn"]

PLACES = {"head": "Anfang", "tail": "Ende"}


@click.command(short_help="lernt aus den Mitteilungen einer Quelle, welche Zeilen in allen wiederkehren")
@click.argument("source_id", metavar="QUELLE")
@click.option("--dry-run", is_flag=True, help="nur zeigen, was gelernt würde")
@click.option(
    "--without",
    multiple=True,
    metavar="TEXT",
    help="Zeilen mit diesem Text bleiben stehen (mehrfach möglich); gilt, bis --without etwas anderes sagt",
)
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile")
@click.pass_obj
def learn(settings: Settings, source_id: str, dry_run: bool, without: tuple[str, ...], as_json: bool) -> None:
    """Lernt Zeilen, die eine Quelle vor oder hinter jeden Text setzt, und schreibt sie als nummeriertes Profil.

    Von da an entfernt die Reinigung sie; show --removed zeigt sie unter "learned:NUMMER". Anschriften und
    Selbstbeschreibungen kommen in ihre Felder. Was archiviert ist, bleibt, bis reprocess es neu reinigt.
    """
    workspace = open_workspace(settings.folder)
    unwanted = [text for text in without if text] if without else None
    lesson = learn_source(workspace, source_id, without=unwanted, dry_run=dry_run)
    if as_json:
        click.echo(json.dumps(_as_json(source_id, lesson, dry_run=dry_run), ensure_ascii=False))
    else:
        _say(source_id, lesson, dry_run=dry_run)
    if lesson.damaged:
        raise FixityError(
            f"{len(lesson.damaged)} WARC-Sätze sind beschädigt: {lesson.damaged[0]}",
            hint="die genannten Dateien aus einer Sicherung zurückholen",
        )


def _say(source_id: str, lesson: Lesson, *, dry_run: bool) -> None:
    if lesson.texts < LEAST or lesson.profile is None:
        click.echo(f"Zum Lernen zu wenig: {lesson.texts} verschiedene Texte, nötig sind {LEAST}")
        return
    lines = lesson.profile.lines
    recurring = {0: "keine Zeile kehrt wieder", 1: "eine Zeile kehrt wieder"}.get(
        len(lines), f"{len(lines)} Zeilen kehren wieder"
    )
    click.echo(f"{lesson.texts} verschiedene Texte, {recurring}")
    for line in lines:
        click.echo(_line(line, lesson.texts))
    if not lesson.is_new:
        click.echo(f"Nichts Neues: Profil {lesson.profile.number} gilt weiter")
        return
    if dry_run:
        click.echo(f"Das würde Profil {lesson.profile.number}")
        return
    if not lines and lesson.before is None:
        click.echo(f"Profil {lesson.profile.number} hält fest, dass nichts zu entfernen ist")
        return
    click.echo(f"Profil {lesson.profile.number} gilt von jetzt an. Archiviertes damit reinigen:")
    click.echo(f"  archive-pipeline reprocess --stage clean --query quelle:{source_id}")


def _line(line: LearnedLine, texts: int) -> str:
    stays = "  (bleibt)" if line.stays else ""
    return f"  {PLACES[line.place]:<7} {line.releases / texts:>4.0%}  {shorten(line.text, 100)}{stays}"


def _as_json(source_id: str, lesson: Lesson, *, dry_run: bool) -> dict[str, object]:
    lines = lesson.profile.lines if lesson.profile else ()
    return {
        "schema": "apl/learned-profile/1",
        "type": "learned_profile",
        "source": source_id,
        "profile": lesson.profile.number if lesson.profile else None,
        "new": lesson.is_new,
        "dry_run": dry_run,
        "texts": lesson.texts,
        "lines": [
            {"text": line.text, "place": line.place, "releases": line.releases, "stays": line.stays} for line in lines
        ],
        "damaged": list(lesson.damaged),
    }
