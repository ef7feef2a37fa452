"""`review`: the cases a person should look at, and what that person says about them."""

import csv
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click
from sqlite_utils import Database

from archive_pipeline.archive.decision_forms import Decision
from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.holds import HELD_PREFIX, HeldDocument, find_held, held_documents, held_name
from archive_pipeline.archive.reading import find_release, load_release
from archive_pipeline.archive.review import NO_VALUE, Case, Reason, find_case, review_cases
from archive_pipeline.cli.deciding import Change, Deciding, Labels, by_option, parse_change, storable
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.sheets import plain_cell
from archive_pipeline.cli.wording import AXES, ROLES, german_date, german_moment, in_brackets, shorten
from archive_pipeline.decide.deciding import Verdict, decisions_on
from archive_pipeline.model import Axis, Release
from archive_pipeline.upkeep.reprocessing import take_up_released
from archive_pipeline.workspace import Workspace, open_workspace

REASONS: dict[Reason, str] = {
    "unsure": "unsicher",
    "unsure-topic": "Hauptthema unsicher",
    "no-topic": "kein Thema gefunden",
    "no-issuer": "kein Absender gefunden, die Quelle spricht für diesen",
    "conflict": "widerspricht der Quelle",
}

CONTEXT = 30
"""Characters shown on each side of a piece of evidence."""

axis_option = click.option("--axis", type=click.Choice([axis.value for axis in Axis]), help="nur Fälle dieser Achse")
source_option = click.option("--source", help="nur Fälle dieser Quelle")


@click.group()
def review() -> None:
    """Zeigt, was ein Mensch ansehen sollte, und nimmt sein Urteil auf.

    Ein geprüfter Fall kommt erst wieder, wenn sich seine Belege ändern. "tag undo" nimmt ein Urteil zurück.
    """


@review.command("next")
@axis_option
@source_option
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="so viele Fälle")
@click.option("--json", "as_json", is_flag=True, help="als JSON")
@click.pass_obj
def next_(settings: Settings, axis: str | None, source: str | None, limit: int, as_json: bool) -> None:
    """Die nächsten offenen Fälle, die nützlichsten zuerst, und Dokumente in Quarantäne."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        cases = list(islice(review_cases(db, axis=Axis(axis) if axis else None, source=source), limit))
        held = held_documents(db, source=source) if axis is None else []
        releases = {case.release_id: load_release(db, case.release_id) for case in cases}
    if as_json:
        rows = [_case_row(workspace, case) for case in cases] + [_held_row(one) for one in held[:limit]]
        click.echo(json.dumps({"schema": "apl/review-queue/1", "cases": rows, "held": len(held)}, ensure_ascii=False))
        return
    if not cases and not held:
        click.echo("Nichts zu prüfen.")
    for case in cases:
        _show_case(workspace, case, releases[case.release_id])
    for one in held[:limit]:
        click.echo(f"{held_name(one.record_id)}  {one.key}  ({one.source_id}, {german_moment(one.captured_at)})")
        click.echo(f"    in Quarantäne: {one.reason}")
    if len(held) > limit:
        click.echo(f"… und {len(held) - limit} weitere in Quarantäne")
    if cases or held:
        click.echo("Urteil: archive-pipeline review accept|reject|skip ID ACHSE:WERT …  (q/…: ohne Wert)", err=True)


def _show_case(workspace: Workspace, case: Case, release: Release) -> None:
    changed = ", Belege seit der Prüfung geändert" if case.is_changed else ""
    click.echo(f"d/{case.release_id}  {shorten(case.heading, 70)}")
    click.echo(
        f"    {case.axis}:{case.value}  {AXES[case.axis]} {_label(workspace, case)}, {ROLES[case.role]} "
        f"{case.score:.2f} · {REASONS[case.reason]}{changed}  ({case.source_id}, {german_date(case.published)})"
    )
    for span in case.evidence:
        text = release.article.title or "" if span.field == "title" else release.article.text
        click.echo(f"    „{in_brackets(text, span.start, span.end, CONTEXT)}“")


def _label(workspace: Workspace, case: Case) -> str:
    if case.value == NO_VALUE:
        return "keines"
    return Labels(workspace).of(case.axis, case.value) if case.reason == "no-issuer" else case.label


def _case_row(workspace: Workspace, case: Case) -> dict[str, object]:
    return {
        "id": f"d/{case.release_id}",
        "title": case.title,
        "published": case.published.isoformat() if case.published else None,
        "source": case.source_id,
        "axis": case.axis,
        "value": case.value,
        "label": _label(workspace, case),
        "role": case.role,
        "score": case.score,
        "reason": case.reason,
        "changed": case.is_changed,
        "priority": round(case.priority, 3),
        "evidence": [span.text for span in case.evidence],
    }


def _held_row(one: HeldDocument) -> dict[str, object]:
    empty = dict.fromkeys(("published", "axis", "value", "label", "role", "score", "priority"))
    return {
        "id": held_name(one.record_id),
        "title": one.key,
        "source": one.source_id,
        **empty,
        "reason": f"quarantined: {one.reason}",
        "changed": False,
        "evidence": [],
    }


@review.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@axis_option
@source_option
@click.pass_obj
def export(settings: Settings, file: Path, axis: str | None, source: str | None) -> None:
    """Schreibt alle offenen Fälle in FILE: als CSV oder, wenn es auf .jsonl endet, als JSON-Zeilen."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        rows = [
            _case_row(workspace, case) for case in review_cases(db, axis=Axis(axis) if axis else None, source=source)
        ]
        rows += [_held_row(one) for one in held_documents(db, source=source)] if axis is None else []
    if file.suffix.lower() == ".jsonl":
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    else:
        with file.open("w", encoding="utf-8-sig", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(COLUMNS)
            for row in rows:
                writer.writerow([_cell(row[column]) for column in COLUMNS])
    click.echo(f"{len(rows)} Fälle in {file}", err=True)


COLUMNS = (
    "id", "title", "published", "source", "axis", "value", "label", "role", "score", "reason", "changed", "priority",
    "evidence",
)  # fmt: skip


def _cell(value: object) -> str:
    if isinstance(value, list):
        return plain_cell(" | ".join(value))
    return "" if value is None else plain_cell(str(value))


def _verdict_command(verdict: Verdict, text: str) -> None:
    @review.command(verdict, help=text)
    @click.argument("name", metavar="ID")
    @click.argument("pairs", nargs=-1, metavar="[ACHSE:WERT …]")
    @click.option("--note", help="warum so entschieden wurde")
    @by_option
    @click.pass_obj
    def command(settings: Settings, name: str, pairs: tuple[str, ...], note: str | None, by: str | None) -> None:
        workspace = open_workspace(settings.folder)
        deciding, reason = Deciding.begin(by), storable(note) if note else None
        changes = [parse_change(pair, signed=False) for pair in pairs]
        with workspace.writing("review") as db:
            apply_new_decisions(db, workspace.decisions_file)
            if name.startswith(HELD_PREFIX):
                _judge_held(workspace, db, name, changes, verdict, deciding, reason)
            else:
                _judge(workspace, db, name, changes, verdict, deciding, reason)
            workspace.update_index(db)


_verdict_command("accept", "Nimmt an: das Schlagwort gilt; ein Dokument in Quarantäne wird eine Mitteilung.")
_verdict_command("reject", "Lehnt ab: das Schlagwort gilt nicht; ein Dokument bleibt in Quarantäne.")
_verdict_command("skip", "Stellt zurück, ohne zu urteilen, bis sich die Belege ändern.")


def _judge(
    workspace: Workspace, db: Database, name: str, changes: Sequence[Change], verdict: Verdict, deciding: Deciding,
    note: str | None,
) -> None:  # fmt: skip
    if not changes:
        raise click.UsageError(f"Erwartet wird mindestens ein ACHSE:WERT: review {verdict} ID topic:housing")
    release = load_release(db, find_release(db, name))
    decisions = [
        one for change in changes for one in _decisions(workspace, db, release, change, verdict, deciding, note)
    ]
    decide(db, workspace.decisions_file, decisions)
    click.echo(f"{VERDICTS[verdict]}. Zurücknehmen: archive-pipeline tag undo {deciding.batch}", err=True)


VERDICTS: dict[Verdict, str] = {"accept": "Angenommen", "reject": "Abgelehnt", "skip": "Zurückgestellt"}


def _decisions(
    workspace: Workspace, db: Database, release: Release, change: Change, verdict: Verdict, deciding: Deciding,
    note: str | None,
) -> list[Decision]:  # fmt: skip
    """The review of one case, and the decision about its tag that comes with it."""
    case = find_case(db, release.id, change.axis, change.value)
    if case is None:
        raise click.UsageError(
            f"{change.axis}:{change.value} ist bei d/{release.id} kein Fall; "
            f"archive-pipeline tag {release.id} +{change.axis}:{change.value} setzt es von Hand"
        )
    if case.reason == "no-topic" and verdict == "reject":
        raise click.UsageError(f"Wenn es ein Thema hat: archive-pipeline tag {release.id} +topic:WERT")
    return decisions_on(case, verdict, deciding, _label(workspace, case), note=note, role=change.role)


def _judge_held(
    workspace: Workspace, db: Database, name: str, changes: Sequence[Change], verdict: Verdict, deciding: Deciding,
    note: str | None,
) -> None:  # fmt: skip
    if changes or verdict == "skip":
        raise click.UsageError("Ein Dokument in Quarantäne wird ganz angenommen oder abgelehnt: review accept q/…")
    decide(db, workspace.decisions_file, [deciding.hold(find_held(db, name), verdict, note=note)])
    if verdict == "reject":
        click.echo("Abgelehnt; das Dokument bleibt in Quarantäne.")
        return
    for taken in take_up_released(workspace, db):
        if taken.release_id:
            click.echo(f"Aufgenommen: d/{taken.release_id}")
        else:
            click.echo(f"{taken.key} lässt sich nicht aufnehmen: {taken.reason}", err=True)
