"""`timeline`: how often something was written, and what the archive knows of that time."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import groupby
from typing import get_args

import click

from archive_pipeline.archive.coverage import CoverageState, SourceCoverage, source_coverage
from archive_pipeline.archive.visibility import Standing, seen_by
from archive_pipeline.cli.asking import asking, query_of, say_notes
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.standing import as_option
from archive_pipeline.cli.wording import WORDS_WITH_A_DASH, counted, german_date
from archive_pipeline.export.table import plain_cell
from archive_pipeline.search.parser import Match
from archive_pipeline.search.timeline import Group, Histogram, Timeline, TimelineRow, make_timeline
from archive_pipeline.workspace import utc_now

STATES: dict[CoverageState, str] = {
    "complete": "vollständig",
    "partial": "teilweise",
    "not_captured": "nicht erfasst",
}
BAR = 30
SPARKS = "▁▂▃▄▅▆▇█"

EXAMPLES = """\b
Beispiele:
  timeline wohnraum --histogram month
  timeline 'pflege partei:spd' --by district --normalise
  timeline wohnraum --by party --histogram year --csv > verlauf.csv"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _PeriodCoverage:
    """How many sources were fully, partly and not captured in a period."""

    complete: int
    partial: int
    not_captured: int

    @property
    def state(self) -> CoverageState:
        if self.complete and not self.partial and not self.not_captured:
            return "complete"
        return "partial" if self.complete or self.partial else "not_captured"


@click.command(context_settings=WORDS_WITH_A_DASH, epilog=EXAMPLES)
@click.argument("words", nargs=-1, metavar="[ANFRAGE…]", type=click.UNPROCESSED)
@click.option(
    "--histogram", type=click.Choice(get_args(Histogram)), help="nach Jahr oder Monat (sonst, ohne --by: year)"
)
@click.option(
    "--by", type=click.Choice(get_args(Group)), help="je Partei, Kreis, Thema, Quelle, Organisation oder Land"
)
@click.option(
    "--top", type=click.IntRange(min=0), default=10, show_default=True, help="so viele Werte bei --by; 0: alle"
)
@click.option(
    "--normalise", is_flag=True, help="Balken und Reihenfolge nach dem Anteil an allem, was veröffentlicht wurde"
)
@click.option("--match", type=click.Choice(["all", "any"]), default="all", show_default=True, help="wie bei search")
@click.option("--coverage", is_flag=True, help="die Tabelle der Abdeckung je Quelle und Monat statt der Zählung")
@click.option("--csv", "as_csv", is_flag=True, help="eine Zeile je Zeitraum und Wert")
@click.option("--json", "as_json", is_flag=True, help="Zählung und Abdeckung als ein JSON-Objekt")
@as_option
@click.pass_context
def timeline(
    ctx: click.Context,
    words: tuple[str, ...],
    histogram: Histogram | None,
    by: Group | None,
    top: int,
    normalise: bool,
    match: Match,
    coverage: bool,
    as_csv: bool,
    as_json: bool,
    standing: Standing,
) -> None:
    """Zählt Treffer über die Zeit, je Partei, Kreis, Thema oder Quelle.

    Zu jeder Zahl steht ihr Anteil an allen Mitteilungen dieser Zeit, auf die die Filter der Anfrage zutreffen, wie
    viele Treffer kein Datum haben, und ob das Archiv die Zeit vollständig kennt. Ein ~ steht bei Zeiträumen, die nur
    teilweise erfasst sind.
    """
    query = query_of(ctx, words)
    today = date.today()
    settings: Settings = ctx.obj
    with asking(settings, standing) as (workspace, service):
        found = make_timeline(
            service,
            query,
            today=today,
            histogram=histogram or (None if by else "year"),
            by=by,
            top=top,
            match=match,
        )
        with workspace.reading() as db:
            visibility = seen_by(standing, utc_now())
            covered = tuple(source_coverage(db, today, sources=found.sources, visibility=visibility))
    if normalise and found.histogram is None:
        found = _by_share(found)
    if as_json:
        click.echo(json.dumps(_as_json(found, covered), ensure_ascii=False))
    elif as_csv:
        _write_coverage(covered) if coverage else _write_rows(found, covered)
        say_notes(found.notes)
    elif coverage:
        _say_coverage(covered)
    else:
        _say(found, covered, normalise=normalise)


def _by_share(found: Timeline) -> Timeline:
    rows = sorted(found.rows, key=lambda row: -(row.share or 0.0))
    return replace(found, rows=tuple(rows))


def _say(found: Timeline, covered: tuple[SourceCoverage, ...], *, normalise: bool) -> None:
    word = "dazu" if found.by_date else "davon"
    undated = f", {word} {found.undated} ohne Datum (in keinem Zeitraum)" if found.undated else ""
    click.echo(f"{found.total} Treffer{undated} · verstanden: {found.understood}")
    word = "dazu" if found.volume_by_date else "davon"
    click.echo(f"Anteil an: {found.basis} ({found.volume} Mitteilungen, {word} {found.undated_volume} ohne Datum)")
    for group, rows in _grouped(found.rows):
        measured = [(row.share or 0.0) if normalise else float(row.count) for row in rows]
        if group is not None:
            total = sum(row.count for row in rows)
            click.echo(f"\n{group}  {total}  {_sparkline(measured)}")
        _say_rows(found, rows, measured, covered)
    if not found.rows:
        click.echo("Kein Treffer mit Datum" if found.total else "Kein Treffer")
    if found.histogram and found.rows:
        _say_marks(found, covered)
    say_notes(found.notes)


def _say_rows(
    found: Timeline, rows: Sequence[TimelineRow], measured: Sequence[float], covered: tuple[SourceCoverage, ...]
) -> None:
    most = max(measured, default=0.0) or 1.0
    names = [row.period or (row.group.label if row.group else "") for row in rows]
    width = max(map(len, names), default=0)
    for name, row, value in zip(names, rows, measured, strict=True):
        partial = row.period is not None and _coverage_of(row.period, covered).state != "complete"
        mark = "~" if partial else " "
        share = "     –" if row.share is None else f"{100 * row.share:5.1f} %".replace(".", ",")
        click.echo(f"{name:<{width}}{mark} {row.count:>7}  {share:>7}  {'█' * round(BAR * value / most)}".rstrip())


def _say_marks(found: Timeline, covered: tuple[SourceCoverage, ...]) -> None:
    periods = {row.period for row in found.rows if row.period}
    partial = sum(_coverage_of(period, covered).state != "complete" for period in periods)
    if partial:
        which = "" if len(covered) == 1 else f"für alle {len(covered)} Quellen "
        click.echo(
            f"~ nicht {which}vollständig erfasst ({partial} von {counted(len(periods), 'Zeitraum', 'Zeiträumen')}); "
            "je Quelle und Monat: --coverage"
        )


def _grouped(rows: Sequence[TimelineRow]) -> Iterator[tuple[str | None, list[TimelineRow]]]:
    """Rows of one group together; counts without periods are one list."""
    if all(row.period is None for row in rows):
        if rows:
            yield None, list(rows)
        return
    for label, group in groupby(rows, key=lambda row: row.group.label if row.group else None):
        yield label, list(group)


def _sparkline(values: Sequence[float]) -> str:
    most = max(values, default=0.0)
    return "".join(SPARKS[round((len(SPARKS) - 1) * value / most)] if most else SPARKS[0] for value in values)


@cache
def _coverage_of(period: str, covered: tuple[SourceCoverage, ...]) -> _PeriodCoverage:
    """The sources by their state in a period; a year is complete when each of its months is."""
    months = [period] if len(period) > 4 else [f"{period}-{month:02}" for month in range(1, 13)]
    counts: dict[CoverageState, int] = dict.fromkeys(STATES, 0)
    for source in covered:
        states = {source.state(month) for month in months}
        counts[states.pop() if len(states) == 1 else "partial"] += 1
    return _PeriodCoverage(**counts)


def _say_coverage(covered: tuple[SourceCoverage, ...]) -> None:
    for source in covered:
        undated = f" · {counted(source.undated, 'Mitteilung', 'Mitteilungen')} ohne Datum" if source.undated else ""
        first = german_date(source.first_capture) if source.first_capture else "noch nichts"
        click.echo(f"{source.source_id}  erste Erfassung {first}{undated}")
        for state, span in groupby(source.months, key=lambda month: month[1]):
            months = [month for month, _ in span]
            where = months[0] if len(months) == 1 else f"{months[0]} bis {months[-1]}"
            click.echo(f"   {where:<18} {STATES[state]}")
    if not covered:
        click.echo("Noch keine Quelle besucht: archive-pipeline run")


def _write_rows(found: Timeline, covered: tuple[SourceCoverage, ...]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    group = found.by or "group"
    writer.writerow(("period", group, "label", "count", "volume", "share", "coverage", "sources_complete", "sources"))
    for row in found.rows:
        coverage = _coverage_of(row.period, covered) if row.period else None
        share = "" if row.share is None else f"{row.share:.6f}"
        value, label = (row.group.value, row.group.label) if row.group else ("", "")
        known = (coverage.state, coverage.complete, len(covered)) if coverage else ("", "", "")
        writer.writerow((row.period or "", value, plain_cell(label), row.count, row.volume, share, *known))
    undated = f"{found.undated / found.undated_volume:.6f}" if found.undated_volume else ""
    writer.writerow(("undated", "", "", found.undated, found.undated_volume, undated, "", "", ""))


def _write_coverage(covered: tuple[SourceCoverage, ...]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(("source", "first_capture", "first_visit", "month", "coverage"))
    for source in covered:
        for month, state in source.months:
            writer.writerow((source.source_id, source.first_capture or "", source.first_visit or "", month, state))


def _as_json(found: Timeline, covered: tuple[SourceCoverage, ...]) -> dict[str, object]:
    return {
        "schema": "apl/timeline/1",
        "query": found.query,
        "understood": found.understood,
        "notes": list(found.notes),
        "histogram": found.histogram,
        "by": found.by,
        "basis": found.basis,
        "total": found.total,
        "undated": found.undated,
        "volume": found.volume,
        "undated_volume": found.undated_volume,
        "rows": [_row_as_json(row, covered) for row in found.rows],
        "coverage": [
            {
                "source": source.source_id,
                "first_capture": source.first_capture.isoformat() if source.first_capture else None,
                "first_visit": source.first_visit.isoformat() if source.first_visit else None,
                "undated": source.undated,
                "months": dict(source.months),
            }
            for source in covered
        ],
    }


def _row_as_json(row: TimelineRow, covered: tuple[SourceCoverage, ...]) -> dict[str, object]:
    found: dict[str, object] = {
        "period": row.period,
        "value": row.group.value if row.group else None,
        "label": row.group.label if row.group else None,
        "count": row.count,
        "volume": row.volume,
        "share": None if row.share is None else round(row.share, 6),
    }
    if row.period:
        coverage = _coverage_of(row.period, covered)
        found["coverage"] = {
            "state": coverage.state,
            "complete": coverage.complete,
            "partial": coverage.partial,
            "not_captured": coverage.not_captured,
        }
    return found
