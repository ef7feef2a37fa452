"""How a run tells what it does: a bar on a terminal, one line a source elsewhere, JSON lines for programs."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import german_number, shorten
from archive_pipeline.model import SourceReport

__all__ = ["reporter"]

Report = Callable[[SourceReport], None]

SHOWN_FAILURES = 5
"""Failures named per source; the archive's journal holds them all."""


@contextmanager
def reporter(settings: Settings, *, as_json: bool) -> Iterator[Report]:
    """A listener for `pipeline.run`, fit for where the output goes."""
    if as_json:
        yield _json_line
    elif settings.quiet:
        yield _failed_line
    elif settings.interactive:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bar:
            yield _Bar(bar)
    else:
        yield _plain_line


def _failed_line(report: SourceReport) -> None:
    if report.failed:
        _plain_line(report)


def _json_line(report: SourceReport) -> None:
    if not report.seconds:
        return
    line = {
        "schema": "apl/run-event/1",
        "type": "source_done",
        "source": report.source_id,
        "seen": report.seen,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "quarantined": report.quarantined,
        "skipped": report.skipped,
        "refused": report.refused,
        "gone": report.gone,
        "failed": report.failed,
        "seconds": round(report.seconds, 2),
        "failures": [
            {"key": failure.key, "stage": failure.stage, "reason": failure.reason, "plugin": failure.plugin}
            for failure in report.failures
        ],
    }
    click.echo(json.dumps(line, ensure_ascii=False))


def _plain_line(report: SourceReport) -> None:
    if report.seconds:
        for line in _lines(report):
            click.echo(line, err=True)


def _lines(report: SourceReport) -> Iterator[str]:
    """What there is to say about a finished source, its first failures included."""
    parts = [f"{report.seen} geprüft", f"{report.new} neu"]
    for count, word in (
        (report.changed, "geändert"),
        (report.unchanged, "unverändert"),
        (report.quarantined, "in Quarantäne"),
        (report.skipped, "übergangen"),
        (report.refused, "abgelehnt"),
        (report.gone, "verschwunden"),
        (report.failed, "fehlgeschlagen"),
    ):
        if count:
            parts.append(f"{count} {word}")
    mark = "✖" if report.failed else "✔"
    yield f"{mark} {report.source_id}  {' · '.join(parts)}  {german_number(report.seconds)} s"
    for failure in report.failures[:SHOWN_FAILURES]:
        yield (
            f"    {failure.key}: {shorten(failure.reason, 160)}"
            if failure.key
            else f"    {shorten(failure.reason, 160)}"
        )
    if len(report.failures) > SHOWN_FAILURES:
        rest = len(report.failures) - SHOWN_FAILURES
        yield f"    und {rest} weitere: archive-pipeline status --failures"


class _Bar:
    """A progress bar a source; finished sources leave their line behind."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, report: SourceReport) -> None:
        done = (
            report.new
            + report.changed
            + report.unchanged
            + report.quarantined
            + report.skipped
            + report.refused
            + report.gone
            + report.failed
        )
        if report.source_id not in self._tasks:
            self._tasks[report.source_id] = self._bar.add_task(report.source_id, total=max(report.seen, done))
        task = self._tasks[report.source_id]
        self._bar.update(task, completed=done, total=max(report.seen, done))
        if report.seconds:
            self._bar.remove_task(task)
            for line in _lines(report):  # past Click, which would write into the bar
                self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
