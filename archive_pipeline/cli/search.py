"""`search`: hits, occurrences, counts; for people, programs and feed readers."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

import click

from archive_pipeline.archive.reading import find_release
from archive_pipeline.archive.visibility import Standing, seen_by
from archive_pipeline.cli.asking import asking, query_of, say_notes
from archive_pipeline.cli.deciding import by_option
from archive_pipeline.cli.hits import (
    say_facet_tables,
    say_facets,
    say_hits,
    say_kwic,
    write_facets,
    write_hits,
    write_kwic,
)
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.saving import save_search
from archive_pipeline.cli.standing import as_option
from archive_pipeline.cli.wording import WORDS_WITH_A_DASH, counted
from archive_pipeline.search.atom import atom_feed
from archive_pipeline.search.cursor import Sort
from archive_pipeline.search.kwic import Concordance, KwicSort, sort_lines
from archive_pipeline.search.parser import Match
from archive_pipeline.search.service import FACETS, SearchResults, SearchService, results_as_json
from archive_pipeline.workspace import Workspace, utc_now

__all__ = ["say_facets", "say_hits", "search"]

Form = Literal["text", "json", "csv", "ids", "atom"]

PAGE = 10
MOST = 10**9
FEED = 50
EXAMPLES = """\b
Beispiele:
  search 'kreis:Lippe pflege' --sort newest
  search '"bezahlbarer Wohnraum" -miete' --kwic --sort right
  search 'partei:spd datum:2020..2021' --csv > treffer.csv
  search --like d/7f3a partei:fdp"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One query as it was typed, and which part of the answer is wanted."""

    query: str
    match: Match | None
    sort: Sort
    offset: int
    limit: int | None
    cursor: str | None

    @property
    def wants_all(self) -> bool:
        """Whether every hit is wanted, not a page."""
        return self.limit is None and self.cursor is None


@click.command(context_settings=WORDS_WITH_A_DASH, epilog=EXAMPLES)
@click.argument("words", nargs=-1, metavar="ANFRAGE…", type=click.UNPROCESSED)
@click.option(
    "--match",
    type=click.Choice(["all", "any"]),
    help="alle Wörter oder irgendeines (sonst: alle, notfalls irgendeines)",
)
@click.option(
    "--limit",
    type=click.IntRange(0, MOST),
    help=f"Treffer je Seite (sonst {PAGE}, im Atom-Feed {FEED}; --csv, --ids und --kwic: alle)",
)
@click.option("--offset", type=click.IntRange(0, MOST), default=0, help="so viele Treffer überspringen")
@click.option("--cursor", help='weiter, wo eine Seite endete ("next_cursor" in --json)')
@click.option(
    "--sort",
    type=click.Choice(["score", "newest", "oldest", "left", "right", "date"]),
    help="Reihenfolge; left, right (nach den Wörtern davor, danach) und date nur mit --kwic",
)
@click.option("--format", "form", type=click.Choice(get_args(Form)), default="text", help="Ausgabe; atom: ein Feed")
@click.option("--json", "form", flag_value="json", help="Treffer und Zählungen als ein JSON-Objekt")
@click.option("--csv", "form", flag_value="csv", help="eine Zeile je Treffer oder Fundstelle")
@click.option("--ids", "form", flag_value="ids", help="eine Kennung je Zeile")
@click.option("--facets", is_flag=True, help="nur die Zählungen, vollständig und mit Anteilen")
@click.option("--kwic", is_flag=True, help="jede Fundstelle mit den Wörtern davor und danach, über alle Treffer")
@click.option(
    "--width", type=click.IntRange(10, 500), default=60, show_default=True, help="Zeichen auf jeder Seite bei --kwic"
)
@click.option("--like", metavar="ID", help="Mitteilungen, die dieser ähnlich sind")
@click.option("--save", metavar="NAME", help="die Anfrage unter einem Namen behalten (saved run NAME)")
@click.option(
    "--batch",
    "queries",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="eine JSON-Zeile je Anfrage; je Zeile eine Ergebniszeile",
)
@as_option
@by_option
@click.pass_context
def search(
    ctx: click.Context,
    words: tuple[str, ...],
    match: Match | None,
    limit: int | None,
    offset: int,
    cursor: str | None,
    sort: Sort | KwicSort | None,
    form: Form,
    facets: bool,
    kwic: bool,
    width: int,
    like: str | None,
    save: str | None,
    queries: Path | None,
    standing: Standing,
    by: str | None,
) -> None:
    """Sucht im Volltext und in den Schlagworten.

    Wörter, "Phrasen", "a b"~3, anfang*, ähnlich~, =genau, -ohne, UND ODER NICHT, Klammern; Felder wie kreis: land:
    gemeinde: partei: org: thema: quelle: sprecher: zitat: titel: datum:2020..2021 seit:30t wahlperiode:nrw-18.
    Mehr: docs/search.md
    """
    if not words and queries is None and like is None:
        raise click.UsageError("Eine Anfrage fehlt, oder --batch DATEI")
    if sort in get_args(KwicSort) and not kwic:
        raise click.UsageError(f"--sort {sort} gibt es nur mit --kwic")
    if cursor is not None and (kwic or facets or like is not None or queries is not None):
        raise click.UsageError("--cursor gibt es nur für Seiten von Treffern")
    if queries is not None and (words or like is not None or kwic or facets):
        raise click.UsageError("--batch liest Anfragen aus der Datei: ohne ANFRAGE, --like, --kwic und --facets")
    if like is not None and (kwic or facets or match is not None or sort is not None):
        raise click.UsageError("--like ordnet nach Ähnlichkeit: ohne --sort, --match, --kwic und --facets")
    if save is not None and (like is not None or queries is not None):
        raise click.UsageError("--save behält eine Anfrage, weder --like noch --batch")
    query = query_of(ctx, words)
    order: Sort = sort if sort in get_args(Sort) else "newest" if form == "atom" else "score"  # type: ignore[assignment]
    question = _Question(query=query, match=match, sort=order, offset=offset, limit=limit, cursor=cursor)
    settings: Settings = ctx.obj
    if save is not None:
        save_search(settings, save, query, match=match or "all", sort="newest" if sort is None else order, by=by)
    with asking(settings, standing) as (workspace, service):
        if queries is not None:
            _batch(service, queries, question)
        elif like is not None:
            with workspace.reading() as db:
                release_id = find_release(db, like, seen_by(standing, utc_now()))
            _like(service, release_id, question, form)
        elif kwic:
            _kwic(service, question, form, width, sort if sort in get_args(KwicSort) else None)  # type: ignore[arg-type]
        elif facets:
            _facets(service, question, form)
        else:
            _hits(workspace, service, question, form)


def _hits(workspace: Workspace, service: SearchService, question: _Question, form: Form) -> None:
    if form in ("csv", "ids") and question.wants_all:
        parsed = service.parse(question.query, today=date.today(), match=question.match or "all")
        say_notes(parsed.notes)
        if form == "csv":
            write_hits(service.every_hit(parsed, sort=question.sort, offset=question.offset))
        else:
            _write_ids(hit.key for hit in service.scan(parsed.node, sort=question.sort, offset=question.offset))
        return
    found = _page(service, question, form)
    if form == "json":
        click.echo(json.dumps(results_as_json(found), ensure_ascii=False))
        return
    if form == "text":
        say_hits(found)
        say_facets(found)
        if question.cursor:
            _say_next(found)
        return
    say_notes(found.notes)
    if form == "atom":
        title = workspace.config.archive.title or "archive_pipeline"
        click.echo(atom_feed(found.hits, query=question.query, title=title, updated=utc_now()), nl=False)
        return
    if form == "csv":
        write_hits(found.hits)
    else:
        _write_ids(hit.id for hit in found.hits)
    _say_next(found)


def _say_next(found: SearchResults) -> None:
    if found.changed:
        click.echo("Das Archiv hat sich seit der vorigen Seite geändert.", err=True)
    if found.cursor:
        click.echo(f"weiter: --cursor {found.cursor}", err=True)


def _page(service: SearchService, question: _Question, form: Form) -> SearchResults:
    """One page; only what people and JSON ask for may fall back to any word, and is checked for spelling."""
    is_asked_by_people = form in ("text", "json")
    usual = FEED if form == "atom" else PAGE
    return service.search(
        question.query,
        today=date.today(),
        match=question.match if is_asked_by_people else question.match or "all",
        sort=question.sort,
        offset=question.offset,
        limit=usual if question.limit is None else question.limit,
        facets=FACETS if is_asked_by_people else (),
        with_snippets=form in ("text", "json", "atom"),
        with_suggestion=is_asked_by_people,
        cursor=question.cursor,
    )


def _like(service: SearchService, release_id: str, question: _Question, form: Form) -> None:
    most = MOST if form in ("csv", "ids") else PAGE
    found = service.like(
        release_id,
        query=question.query,
        today=date.today(),
        offset=question.offset,
        limit=most if question.limit is None else question.limit,
        with_snippets=form in ("text", "json"),
    )
    if form not in ("text", "json"):
        say_notes(found.notes)
    if form == "json":
        click.echo(json.dumps(results_as_json(found), ensure_ascii=False))
    elif form == "text":
        say_hits(found)
    elif form == "csv":
        write_hits(found.hits)
    elif form == "ids":
        _write_ids(hit.id for hit in found.hits)
    else:
        raise click.UsageError("--like gibt es nicht als Feed")


def _kwic(service: SearchService, question: _Question, form: Form, width: int, order: KwicSort | None) -> None:
    if form not in ("text", "csv"):
        raise click.UsageError("--kwic gibt es als Text und mit --csv")
    parsed = service.parse(question.query, today=date.today(), match=question.match or "all")
    say_notes(parsed.notes)
    concordance = Concordance(parsed.node, width=width)
    releases = islice(service.scan_releases(parsed.node, sort=question.sort), question.offset, None)
    if question.limit is not None:
        releases = islice(releases, question.limit)
    lines = (line for release in releases for line in concordance.lines(release))
    ordered = sort_lines(lines, order) if order else lines
    if form == "csv":
        write_kwic(ordered)
        return
    count, found = say_kwic(ordered, width)
    click.echo(f"{counted(count, 'Fundstelle', 'Fundstellen')} in {counted(found, 'Mitteilung', 'Mitteilungen')}")


def _facets(service: SearchService, question: _Question, form: Form) -> None:
    found = service.search(
        question.query,
        today=date.today(),
        match=question.match if form in ("text", "json") else question.match or "all",
        limit=0,
        facets=(*FACETS[:-1], "source", "year"),
        with_suggestion=form in ("text", "json"),
    )
    if form == "json":
        click.echo(json.dumps(results_as_json(found), ensure_ascii=False))
    elif form == "csv":
        write_facets(found)
        say_notes(found.notes)
    elif form == "text":
        say_hits(found)
        say_facet_tables(found)
    else:
        raise click.UsageError("--facets gibt es als Text, mit --csv und mit --json")


def _write_ids(ids: Iterable[str]) -> None:
    for release_id in ids:
        sys.stdout.write(f"{release_id}\n")


def _batch(service: SearchService, queries: Path, question: _Question) -> None:
    """One line per query line, whatever is in it."""
    today = date.today()
    limit = PAGE if question.limit is None else question.limit
    with queries.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            name, query = _read(line, number)
            if query is None:
                note = f"Zeile {number} ist kein JSON-Objekt mit einer Anfrage (query)"
                row: dict[str, object] = {"id": name, "total": 0, "notes": [note], "hits": []}
                sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
                continue
            found = service.search(
                query,
                today=today,
                match=question.match or "all",
                sort=question.sort,
                offset=question.offset,
                limit=limit,
                facets=(),
                with_snippets=False,
            )
            hits = [
                {"id": hit.id, "url": hit.url, "path": hit.path, "title": hit.title, "score": round(hit.score, 4)}
                for hit in found.hits
            ]
            row = {"id": name, "total": found.total, "notes": list(found.notes), "hits": hits}
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


def _read(line: str, number: int) -> tuple[str, str | None]:
    """Id and query of a line; no query where it has none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = {}
    if not isinstance(row, dict):
        row = {}
    name, query = row.get("id"), row.get("query")
    return f"line-{number}" if name is None else str(name), None if query is None else str(query)
