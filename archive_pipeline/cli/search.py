"""`search` and `explain`."""

import json
import sys
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import WORDS_WITH_A_DASH, german_date
from archive_pipeline.query import And, Node, Not, Or
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.search.parser import Match, parse_query
from archive_pipeline.search.service import SearchResults, SearchService, results_as_json
from archive_pipeline.search.snippets import Snippet
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import open_workspace

FACET_NAMES = {"district": "Kreis", "party": "Partei", "organisation": "Organisation", "topic": "Thema", "year": "Jahr"}


OPTIONS = ("--match", "--limit", "--offset", "--sort", "--json", "--batch", "--help")
"""What may begin with two dashes; with one, `-wort` is part of the query."""


@click.command(context_settings=WORDS_WITH_A_DASH)
@click.argument("words", nargs=-1, metavar="ANFRAGE…", type=click.UNPROCESSED)
@click.option(
    "--match",
    type=click.Choice(["all", "any"]),
    help="alle Wörter oder irgendeines (sonst: alle, notfalls irgendeines)",
)
@click.option("--limit", type=click.IntRange(min=0), default=10, show_default=True, help="Treffer je Seite")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="so viele Treffer überspringen")
@click.option("--sort", type=click.Choice(["score", "newest", "oldest"]), default="score", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Treffer und Zählungen als ein JSON-Objekt")
@click.option(
    "--batch",
    "queries",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="eine JSON-Zeile je Anfrage; je Zeile eine Ergebniszeile",
)
@click.pass_obj
def search(
    settings: Settings,
    words: tuple[str, ...],
    match: Match | None,
    limit: int,
    offset: int,
    sort: Literal["score", "newest", "oldest"],
    as_json: bool,
    queries: Path | None,
) -> None:
    """Sucht im Volltext und in den Schlagworten.

    Wörter, "Phrasen", anfang*, ähnlich~, =genau, -ohne, AND OR NOT; Felder wie kreis: partei: org: thema: quelle:
    datum:2020..2021. Mehr: docs/search.md
    """
    if not words and queries is None:
        raise click.UsageError("Eine Anfrage fehlt, oder --batch DATEI")
    for word in words:
        name = word.partition("=")[0]
        if name.startswith("--") and name[2:3].isalpha() and name not in OPTIONS:
            near = get_close_matches(name, OPTIONS, n=1)
            raise click.UsageError(f"Die Option {word} gibt es nicht" + (f" – meinten Sie {near[0]}?" if near else ""))
    workspace = open_workspace(settings.folder)
    behind = workspace.refresh_index()
    if behind:
        click.echo(behind, err=True)
    with open_search(workspace) as service:
        if queries is not None:
            _batch(service, queries, match, limit)
            return
        found = service.search(" ".join(words), today=date.today(), match=match, sort=sort, offset=offset, limit=limit)
    if as_json:
        click.echo(json.dumps(results_as_json(found), ensure_ascii=False))
        return
    say_hits(found, offset=offset)
    say_facets(found)


def _batch(service: SearchService, queries: Path, match: Match | None, limit: int) -> None:
    """One line per query line, whatever is in it."""
    today = date.today()
    with queries.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            name, query = _read(line, number)
            found = service.search(
                query, today=today, match=match or "all", limit=limit, facets=(), with_snippets=False
            )
            hits = [
                {"id": hit.id, "url": hit.url, "path": hit.path, "title": hit.title, "score": round(hit.score, 4)}
                for hit in found.hits
            ]
            row = {"id": name, "total": found.total, "notes": list(found.notes), "hits": hits}
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


def _read(line: str, number: int) -> tuple[str, str]:
    try:
        row = json.loads(line)
    except ValueError:
        row = {}
    if not isinstance(row, dict):
        row = {}
    return str(row.get("id", f"line-{number}")), str(row.get("query", ""))


def say_hits(found: SearchResults, *, offset: int = 0) -> None:
    """The hits for people, with the words marked on a terminal."""
    for number, hit in enumerate(found.hits, start=offset + 1):
        click.echo(f"{number}. {hit.title or '(ohne Titel)'}")
        click.echo(f"   {german_date(hit.published)} · {hit.source_id} · d/{hit.id} · {hit.url or hit.path}")
        for snippet in hit.snippets:
            click.echo(f"   …{_marked(snippet)}…")
    undated = f", davon {found.undated} ohne Datum" if found.undated else ""
    click.echo(f"{found.total} Treffer{undated} · verstanden: {found.understood}")
    if found.mentioned_only:
        click.echo(f"{found.mentioned_only} weitere erwähnen es nur: partei.erwähnt: und kreis.erwähnt: zeigen sie")
    for note in found.notes:
        click.echo(f"Hinweis: {note}", err=True)


def say_facets(found: SearchResults, *, most: int = 5) -> None:
    """The counts over all hits, the most frequent values of each facet."""
    for field, values in found.facets:
        shown = ", ".join(f"{value.label} {value.count}" for value in values[:most])
        more = f" … ({len(values)} Werte)" if len(values) > most else ""
        if shown:
            click.echo(f"{FACET_NAMES[field] + ':':<14} {shown}{more}")


def _marked(snippet: Snippet) -> str:
    text, position = "", 0
    for mark in snippet.highlights:
        if mark.start >= position:
            text += snippet.text[position : mark.start] + click.style(
                snippet.text[mark.start : mark.end], bold=True, underline=True
            )
            position = mark.end
    return " ".join((text + snippet.text[position:]).split())


@click.command(context_settings=WORDS_WITH_A_DASH)
@click.argument("words", nargs=-1, required=True, metavar="ANFRAGE…", type=click.UNPROCESSED)
@click.pass_obj
def explain(settings: Settings, words: tuple[str, ...]) -> None:
    """Zeigt, wie eine Anfrage verstanden wird: den Baum, die Schlüssel der Felder, die Hinweise."""
    workspace = open_workspace(settings.folder)
    names = VocabularyNames(entry.obj for entry in workspace.plugins.vocabularies)
    parsed = parse_query(" ".join(words), names=names, today=date.today())
    click.echo(f"verstanden: {parsed.understood}")
    _say_tree(parsed.node)
    for note in parsed.notes:
        click.echo(f"Hinweis: {note}")


def _say_tree(node: Node, depth: int = 0) -> None:
    indent = "  " * depth
    match node:
        case And(nodes) | Or(nodes):
            click.echo(f"{indent}{type(node).__name__}")
            for inner in nodes:
                _say_tree(inner, depth + 1)
        case Not(inner):
            click.echo(f"{indent}Not")
            _say_tree(inner, depth + 1)
        case _:
            click.echo(f"{indent}{node!r}")
