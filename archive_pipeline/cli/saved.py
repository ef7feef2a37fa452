"""`saved`: searches with a name, and what is new in them."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date

import click

from archive_pipeline.archive.saved_searches import (
    Change,
    SavedSearch,
    changes_unseen,
    find_saved,
    list_saved,
    note_seen,
)
from archive_pipeline.archive.visibility import Standing, seen_by
from archive_pipeline.cli.asking import asking, say_notes
from archive_pipeline.cli.deciding import by_option
from archive_pipeline.cli.hits import say_hits
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.saving import remove_search
from archive_pipeline.cli.standing import as_option
from archive_pipeline.cli.wording import counted, german_date, german_moment
from archive_pipeline.decide.following import changed_keys
from archive_pipeline.search.service import Hit, SearchService, hit_as_json, results_as_json
from archive_pipeline.workspace import open_workspace, utc_now

CHANGES: dict[Change, str] = {"new": "neu", "changed": "geändert", "retagged": "neu verschlagwortet"}


@click.group()
def saved() -> None:
    """Gespeicherte Suchen: auflisten, ausführen, entfernen.

    Gespeichert wird mit search ANFRAGE --save NAME. saved run NAME --new zeigt, was seit dem letzten Mal dazukam; in
    einem Zeitplan (cron) schreibt es nur dann etwas, wenn es Neues gibt.
    """


@saved.command("list")
@click.option("--json", "as_json", is_flag=True, help="als ein JSON-Objekt")
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Listet die gespeicherten Suchen."""
    with open_workspace(settings.folder).reading() as db:
        searches = list_saved(db)
    if as_json:
        click.echo(json.dumps({"saved": [_as_json(one) for one in searches]}, ensure_ascii=False))
        return
    for one in searches:
        click.echo(f"{one.name}  {one.query}")
        by = f"gespeichert am {german_moment(one.saved_at)} von {one.saved_by}"
        click.echo(f"   {by} · zuletzt angesehen {german_moment(one.seen_at)}")
    if not searches:
        click.echo("Noch keine gespeicherte Suche: archive-pipeline search ANFRAGE --save NAME")


@saved.command()
@click.argument("name")
@click.option("--new", "only_new", is_flag=True, help="nur, was seit dem letzten --new dazukam oder geändert wurde")
@click.option("--keep", is_flag=True, help="mit --new: nicht merken, dass es angesehen wurde")
@click.option(
    "--exit-code", "by_code", is_flag=True, help="mit --new: endet mit 1, wenn es nichts Neues gibt (wie grep)"
)
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True, help="Treffer je Seite, ohne --new")
@click.option("--json", "as_json", is_flag=True, help="als ein JSON-Objekt")
@as_option
@click.pass_context
def run(
    ctx: click.Context,
    name: str,
    only_new: bool,
    keep: bool,
    by_code: bool,
    limit: int,
    as_json: bool,
    standing: Standing,
) -> None:
    """Führt eine gespeicherte Suche aus.

    Mit --new zeigt sie jede Mitteilung, die seit dem letzten Mal ins Archiv kam oder von der es eine neue Fassung gibt,
    und jede einmal. Was nur neu verschlagwortet oder gereinigt wurde, wird gezählt und in --json genannt.

    \b
    Beispiel: archive-pipeline saved run wohnraum --new --json
    """
    settings: Settings = ctx.obj
    now = utc_now()  # before anybody is asked: what an embargo lets in from here on is told the next time
    with asking(settings, standing) as (workspace, service):
        with workspace.reading() as db:
            search = find_saved(db, name)
        if not only_new:
            found = service.search(search.query, today=date.today(), match=search.match, sort=search.sort, limit=limit)
            if as_json:
                click.echo(json.dumps(results_as_json(found), ensure_ascii=False))
            else:
                say_hits(found)
            return
        seq, visibility = service.seq, seen_by(standing, now)
        is_noted = not keep and (seq > search.seen_seq or visibility.at is not None)
        with workspace.writing("saved run") if is_noted else workspace.reading() as db:
            search = find_saved(db, name)  # while nobody else looks: what is told is noted, or neither is
            changes = changes_unseen(db, search, seq, embargo_ended=visibility.at)
            hits = list(_changed_hits(service, search, changes))
            if as_json:
                click.echo(json.dumps(_new_as_json(search, seq, hits), ensure_ascii=False))
            else:
                _say_new(search, hits)
            sys.stdout.flush()
            if is_noted and (seq > search.seen_seq or hits):
                note_seen(db, search.name, max(seq, search.seen_seq), now)
    if by_code and all(change == "retagged" for change, _ in hits):
        ctx.exit(1)


@saved.command()
@click.argument("name")
@by_option
@click.pass_obj
def remove(settings: Settings, name: str, by: str | None) -> None:
    """Entfernt eine gespeicherte Suche; die Mitteilungen bleiben."""
    remove_search(settings, name, by=by)
    click.echo(f"Entfernt: {name}")


def _changed_hits(
    service: SearchService, search: SavedSearch, changes: dict[str, Change]
) -> Iterator[tuple[Change, Hit]]:
    """The hits of a search to which something happened, in its order."""
    if not changes:
        return
    parsed, keys = changed_keys(service, search, changes, today=date.today())
    say_notes(parsed.notes)
    for hit in service.hits_of(parsed, keys):
        yield changes[hit.id], hit


def _say_new(search: SavedSearch, hits: Sequence[tuple[Change, Hit]]) -> None:
    told = [(change, hit) for change, hit in hits if change != "retagged"]
    for change, hit in told:
        click.echo(f"{CHANGES[change]}: {hit.heading}")
        click.echo(f"   {german_date(hit.published)} · {hit.source_id} · d/{hit.id} · {hit.url or hit.path}")
    if told:
        click.echo(
            f"{search.name}: {counted(len(told), 'Mitteilung', 'Mitteilungen')} seit {german_moment(search.seen_at)}"
        )
    if more := len(hits) - len(told):
        click.echo(f"{search.name}: {more} nur neu verschlagwortet oder gereinigt", err=True)
    elif not told:
        click.echo(f"{search.name}: nichts Neues seit {german_moment(search.seen_at)}", err=True)


def _new_as_json(search: SavedSearch, seq: int, hits: Sequence[tuple[Change, Hit]]) -> dict[str, object]:
    counts: dict[str, object] = {change: sum(found == change for found, _ in hits) for change in CHANGES}
    rows = [{"change": change, **hit_as_json(hit)} for change, hit in hits]
    return {"schema": "apl/saved-run/1", **_as_json(search), "seq": seq, **counts, "hits": rows}


def _as_json(search: SavedSearch) -> dict[str, object]:
    return {
        "name": search.name,
        "query": search.query,
        "match": search.match,
        "sort": search.sort,
        "saved_by": search.saved_by,
        "saved_at": search.saved_at.isoformat(),
        "seen_at": search.seen_at.isoformat(),
        "seen_seq": search.seen_seq,
    }
