"""Hits for people and for programs: text, CSV, ids, Atom, one line per occurrence."""

import csv
import sys
from collections.abc import Iterable, Sequence

import click

from archive_pipeline.cli.asking import say_notes
from archive_pipeline.cli.standing import access_marks
from archive_pipeline.cli.wording import STATES, german_date
from archive_pipeline.export.table import plain_cell
from archive_pipeline.search.kwic import KwicLine
from archive_pipeline.search.service import FacetValue, Hit, SearchResults
from archive_pipeline.search.snippets import Snippet

__all__ = [
    "FACET_NAMES",
    "say_facet_tables",
    "say_facets",
    "say_hits",
    "say_kwic",
    "write_facets",
    "write_hits",
    "write_kwic",
]

FACET_NAMES = {
    "district": "Kreis",
    "state": "Land",
    "party": "Partei",
    "organisation": "Organisation",
    "topic": "Thema",
    "source": "Quelle",
    "year": "Jahr",
    "month": "Monat",
}

COLUMNS = ("id", "published", "source", "title", "url", "path", "score")
KWIC_COLUMNS = ("id", "published", "source", "place", "start", "end", "left", "hit", "right", "title", "url")
BAR = 20


def say_hits(found: SearchResults) -> None:
    """The hits for people, with the words marked on a terminal."""
    for number, hit in enumerate(found.hits, start=found.offset + 1):
        click.echo(f"{number}. {hit.heading}")
        click.echo(f"   {german_date(hit.published)} · {hit.source_id} · d/{hit.id} · {hit.url or hit.path}")
        if hit.state:
            click.echo(f"   {STATES[hit.state]}")
        for mark in access_marks(hit.access, hit.embargo_until):
            click.echo(f"   {mark}")
        for snippet in hit.snippets:
            place = f"  Seite {snippet.page}" if snippet.page else ""
            click.echo(f"   …{_marked(snippet)}…{place}")
    undated = f", davon {found.undated} ohne Datum" if found.undated and not found.by_date else ""
    click.echo(f"{found.total} Treffer{undated} · verstanden: {found.understood}")
    if found.undated and found.by_date:
        click.echo(
            f"dazu {found.undated} ohne Datum: datum:unbekannt zeigt sie, erfasst: sucht nach dem Tag der Erfassung"
        )
    if found.suggestion:
        click.echo(f"Meinten Sie: {found.suggestion}")
    if found.mentioned_only:
        click.echo(f"{found.mentioned_only} weitere erwähnen es nur: partei.erwähnt: und kreis.erwähnt: zeigen sie")
    say_notes(found.notes)


def say_facets(found: SearchResults, *, most: int = 5) -> None:
    """The counts over all hits, the most frequent values of each facet."""
    for field, values in found.facets:
        shown = ", ".join(f"{value.label} {value.count}" for value in values[:most])
        more = f" … ({len(values)} Werte)" if len(values) > most else ""
        if shown:
            click.echo(f"{FACET_NAMES[field] + ':':<14} {shown}{more}")


def say_facet_tables(found: SearchResults) -> None:
    """Every value of every facet with its count and its share of all hits."""
    for field, values in found.facets:
        if values:
            click.echo(f"\n{FACET_NAMES[field]}")
            _say_table(values, found.total)


def _say_table(values: Sequence[FacetValue], total: int) -> None:
    width = max(len(value.label) for value in values)
    for value in values:
        share = value.count / total
        percent = f"{100 * share:.1f}".replace(".", ",")
        bar = "█" * max(1, round(BAR * share))
        click.echo(f"  {value.label:<{width}}  {value.count:>7}  {percent:>5} %  {bar}")


def write_hits(hits: Iterable[Hit]) -> None:
    """Hits as CSV (RFC 4180), a header first."""
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for hit in hits:
        writer.writerow(
            [
                hit.id,
                hit.published.isoformat() if hit.published else "",
                hit.source_id,
                plain_cell(hit.title),
                hit.url or "",
                plain_cell(hit.path or ""),
                f"{hit.score:.4f}",
            ]
        )


def write_kwic(lines: Iterable[KwicLine]) -> None:
    """Occurrences as CSV, a header first."""
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(KWIC_COLUMNS)
    for line in lines:
        published = line.published.isoformat() if line.published else ""
        place = [line.release_id, published, line.source_id, line.place, line.start, line.end]
        context = [plain_cell(part) for part in (line.left, line.hit, line.right, line.title)]
        writer.writerow([*place, *context, line.url or ""])


def say_kwic(lines: Iterable[KwicLine], width: int) -> tuple[int, int]:
    """Occurrences under one another, the word in the middle; returns how many, and in how many releases."""
    count, releases = 0, set[str]()
    for line in lines:
        count += 1
        releases.add(line.release_id)
        hit = click.style(line.hit, bold=True)
        where = f"{german_date(line.published)} · {line.source_id} · d/{line.release_id}"
        click.echo(f"{line.left:>{width}}│{hit}│{line.right:<{width}}  {where}")
    return count, len(releases)


def _marked(snippet: Snippet) -> str:
    text, position = "", 0
    for mark in snippet.highlights:
        if mark.start >= position:
            text += snippet.text[position : mark.start] + click.style(
                snippet.text[mark.start : mark.end], bold=True, underline=True
            )
            position = mark.end
    return " ".join((text + snippet.text[position:]).split())


def write_facets(found: SearchResults) -> None:
    """Every value of every facet as CSV, with its count and its share of all hits."""
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(("facet", "value", "label", "count", "share"))
    for field, values in found.facets:
        for value in values:
            share = f"{value.count / found.total:.6f}"
            writer.writerow((field, value.value, plain_cell(value.label), value.count, share))
