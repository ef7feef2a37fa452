"""`explain`: what a query means, down to the words that are looked up."""

import json
from dataclasses import replace
from datetime import date

import click

from archive_pipeline.archive.visibility import Standing, seen_by
from archive_pipeline.cli.asking import query_of
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.standing import as_option
from archive_pipeline.cli.wording import WORDS_WITH_A_DASH, counted
from archive_pipeline.errors import IndexingError, NoArchiveError
from archive_pipeline.query import Exact
from archive_pipeline.search.explain import ExplainedNode, explain_query, explained_as_json
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.search.parser import Match, ParsedQuery, parse_query
from archive_pipeline.search.service import SearchService
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

MOST_FORMS = 12

KINDS = {"And": "UND", "Or": "ODER", "Not": "NICHT", "All": "alle Mitteilungen"}


@click.command(context_settings=WORDS_WITH_A_DASH)
@click.argument("words", nargs=-1, required=True, metavar="ANFRAGE…", type=click.UNPROCESSED)
@click.option("--match", type=click.Choice(["all", "any"]), default="all", show_default=True, help="wie bei search")
@click.option("--json", "as_json", is_flag=True, help="als ein JSON-Objekt")
@as_option
@click.pass_context
def explain(ctx: click.Context, words: tuple[str, ...], match: Match, as_json: bool, standing: Standing) -> None:
    """Zeigt, wie eine Anfrage verstanden wird.

    Der Baum der Anfrage, womit jedes Wort nachgeschlagen wird (Wortstämme, Teile, Formen), die Schlüssel der Felder mit
    ihren Namen, wie viele Mitteilungen jeder Teil findet, und die Hinweise mit ihrer Spalte.

    \b
    Beispiel: explain 'partei:grüne (windkraft ODER solar*)'
    """
    query = query_of(ctx, words)
    settings: Settings = ctx.obj
    workspace = open_workspace(settings.folder)
    parsed, nodes = _understood(workspace, query, match, standing)
    if as_json:
        row = {
            "query": query,
            "match": match,
            "understood": parsed.understood,
            "engine": workspace.config.archive.engine,
            "tree": [explained_as_json(node) for node in nodes],
            "notes": list(parsed.notes),
        }
        click.echo(json.dumps(row, ensure_ascii=False))
        return
    click.echo(f"verstanden: {parsed.understood}")
    for node in nodes:
        click.echo("  " * node.depth + _line(node))
    click.echo(f"Suchmaschine: {workspace.config.archive.engine}")
    for note in parsed.notes:
        click.echo(f"Hinweis: {note}")


def _understood(
    workspace: Workspace, query: str, match: Match, standing: Standing
) -> tuple[ParsedQuery, tuple[ExplainedNode, ...]]:
    """With counts where there is an index to ask."""
    try:
        with open_search(workspace, seen_by(standing, utc_now())) as service:
            parsed = service.parse(query, today=date.today(), match=match)
            nodes = explain_query(parsed.node, service.names, forms=service.forms, count=service.count)
            return parsed, nodes if standing == "archivist" else tuple(_as_seen(node, service) for node in nodes)
    except (NoArchiveError, IndexingError):
        names = VocabularyNames(entry.obj for entry in workspace.plugins.vocabularies)
        parsed = parse_query(query, names=names, today=date.today(), match=match)
        return parsed, explain_query(parsed.node, names)


def _as_seen(node: ExplainedNode, service: SearchService) -> ExplainedNode:
    """Without word forms that stand only in releases out of sight."""
    if node.kind not in {"Prefix", "Fuzzy"}:
        return node
    return replace(node, forms=tuple(form for form in node.forms if service.count(Exact(form))))


def _line(node: ExplainedNode) -> str:
    field = f"{node.field}:" if node.field else ""
    text = node.text if node.kind == "Range" else f"„{node.text}“" if node.text else ""
    gloss = f"({KINDS[node.kind]})" if node.kind in KINDS else ""
    line = " ".join(part for part in (node.kind, gloss, field + text) if part)
    if node.values:
        line += " " + ", ".join(f"{value} = {label}" if value != label else value for value, label in node.values)
    elif node.kind == "Filter":
        line += " (unbekannt)"
    sought = []
    if node.keys:
        sought.append(" oder ".join(node.keys) + (" (auch als Teil von Zusammensetzungen)" if node.parts else ""))
    if node.sequence:
        gap = f", bis zu {counted(node.slop, 'Wort', 'Wörter')} dazwischen" if node.slop else ""
        sought.append("nacheinander " + " + ".join("|".join(keys) for keys in node.sequence) + gap)
    if node.forms:
        more = f" … ({len(node.forms)} Formen)" if len(node.forms) > MOST_FORMS else ""
        sought.append(" oder ".join(node.forms[:MOST_FORMS]) + more)
    if sought:
        line += f" → {'; '.join(sought)}"
    return line if node.documents is None else f"{line}  [{counted(node.documents, 'Mitteilung', 'Mitteilungen')}]"
