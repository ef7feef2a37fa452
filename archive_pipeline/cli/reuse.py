"""`reuse`: what a release took over from others and what others took over from it."""

import json
from collections.abc import Callable

import click
from pydantic import TypeAdapter

from archive_pipeline.archive.reading import find_release, load_release
from archive_pipeline.archive.reuse_reading import Reuse, ReusedRelease, reuse_of
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import counted, german_date, german_moment, shorten
from archive_pipeline.model import Release
from archive_pipeline.sources.schedule import BERLIN
from archive_pipeline.upkeep.reusing import refresh_reuse
from archive_pipeline.workspace import open_workspace

REUSE = TypeAdapter(Reuse)

MANY = 500
"""Releases compared from which on it is told: half a minute for ten times as many."""

KINDS = {
    "exact": "gleicher Text",
    "near": "fast gleicher Text",
    "passage": "gleiche Passage",
    "quote": "gleiches Zitat",
}


def compared(*, quiet: bool) -> Callable[[int], None]:
    """Tells people how far the comparison of texts is, where it takes more than a moment."""

    def tell(releases: int) -> None:
        if releases >= MANY and not quiet:
            click.echo(f"{counted(releases, 'Mitteilung', 'Mitteilungen')} verglichen …", err=True)

    return tell


@click.command()
@click.argument("release", metavar="ID")
@click.option("--full", is_flag=True, help="Passagen in voller Länge, auch kurze")
@click.option("--json", "as_json", is_flag=True, help="alles als JSON, mit den Stellen in beiden Texten")
@click.pass_obj
def reuse(settings: Settings, release: str, full: bool, as_json: bool) -> None:
    """Zeigt, was eine Mitteilung mit anderen gemeinsam hat: wer zuerst da war, was übernommen wurde und wie viel.

    ID ist die Kennung aus der Suche (d/…, ihr Anfang genügt) oder eine Adresse.
    """
    workspace = open_workspace(settings.folder)
    note = refresh_reuse(workspace, compared(quiet=settings.quiet))
    with workspace.reading() as db:
        release_id = find_release(db, release)
        found = load_release(db, release_id)
        links = reuse_of(db, release_id)
    if note:
        click.echo(note, err=True)
    if as_json:
        lines = [REUSE.dump_python(one, mode="json") for one in links]
        answer = {"schema": "apl/reuse/1", "id": release_id, "links": lines}
        click.echo(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        _say(found, links, full=full)


def _say(release: Release, links: tuple[Reuse, ...], *, full: bool) -> None:
    click.echo(f"{release.article.heading}   d/{release.id}")
    if not links:
        click.echo("Keine andere Mitteilung des Archivs hat eine längere Passage mit ihr gemeinsam.")
    groups = (
        ("Übernommen aus", [one for one in links if one.is_certain and one.later.id == release.id]),
        ("Übernommen von", [one for one in links if one.is_certain and one.earlier.id == release.id]),
        ("Gemeinsam mit", [one for one in links if not one.is_certain]),
    )
    for heading, found in groups:
        for one in found:
            other = one.earlier if one.later.id == release.id else one.later
            click.echo()
            click.echo(f"{heading} d/{other.id}   {shorten(other.heading, 80)}   ({other.source_id})")
            _say_link(one, full=full)


def _say_link(one: Reuse, *, full: bool) -> None:
    click.echo(f"  {KINDS[one.kind]} · {one.words} gemeinsame Wörter · {round(100 * one.share)} % des späteren Textes")
    click.echo(f"  zuerst d/{one.earlier.id} ({_when(one.earlier)}), dann d/{one.later.id} ({_when(one.later)})")
    if not one.is_certain:
        click.echo(f"  {_doubt(one)}")
    passages = one.passages if full else one.passages[:3]
    for passage in passages:
        width = 100_000 if full else 300
        what = "Zitat" if passage.is_quote else "Passage"
        by = f" von {passage.speaker}" if passage.speaker else ""
        click.echo(f"  {what}{by}, {passage.words} Wörter")
        click.echo(f"    früher {passage.earlier[0]}–{passage.earlier[1]}: {shorten(passage.earlier_text, width)}")
        click.echo(f"    später {passage.later[0]}–{passage.later[1]}: {shorten(passage.later_text, width)}")
    if len(passages) < len(one.passages):
        click.echo(f"  … und {len(one.passages) - len(passages)} kürzere: --full zeigt alle")


def _doubt(one: Reuse) -> str:
    """Why the order is not proved, and what stands in for a proof."""
    earlier, later = one.earlier, one.later
    if earlier.published == later.published:
        said = "am selben Tag veröffentlicht" if earlier.published else "beide ohne Datum"
        moments = [release.first_captured.astimezone(BERLIN) for release in (earlier, later)]
        first, second = (f"{moment:%d.%m.%Y %H:%M:%S}" for moment in moments)
        if earlier.first_captured == later.first_captured:
            return f"Reihenfolge nicht belegt: {said} und im selben Augenblick erfasst"
        return f"Reihenfolge nicht belegt: {said}; zuerst erfasst {first}, dann {second}"
    return "Reihenfolge nicht belegt: eine Erfassung sagt nur, dass es den Text da schon gab"


def _when(release: ReusedRelease) -> str:
    if release.published:
        return f"veröffentlicht {german_date(release.published)}"
    return f"ohne Datum, erfasst {german_moment(release.first_captured)}"
