"""`tag`: what people decide about the tags of releases, one by one or all that a query finds, and taking it back."""

import sys
from collections.abc import Sequence
from itertools import islice, takewhile

import click
from sqlite_utils import Database

from archive_pipeline.archive.decided import Batch, DecisionRow, decision_history, find_batch
from archive_pipeline.archive.decision_forms import TagDecision
from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.reading import derived_tags, find_release, load_release, load_releases
from archive_pipeline.cli.deciding import (
    Change,
    Deciding,
    Labels,
    by_option,
    checked_role,
    parse_change,
    storable,
)
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import AXES, ROLES, WORDS_WITH_A_DASH, counted, german_date, german_moment, shorten
from archive_pipeline.model import Axis, Release, Role
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

EXPECTED = "Erwartet werden eine ID (oder --query) und Änderungen: tag ID +topic:housing -party:spd"

PREVIEWED = 5
"""Releases named before a decision over a query."""

RELEASES_A_BATCH = 500


@click.command(context_settings=WORDS_WITH_A_DASH)
@click.argument("words", nargs=-1, metavar="[ID … | undo [STAPEL]] +ACHSE:WERT -ACHSE:WERT …", type=click.UNPROCESSED)
@click.option("--query", help="alle Mitteilungen, die diese Suche findet, nach Vorschau und Rückfrage")
@click.option("--note", help="warum so entschieden wurde")
@click.option("--role", type=click.Choice([role.value for role in Role]), help="Rolle, wo keine hinter @ steht")
@by_option
@click.option("--dry-run", is_flag=True, help="nur zeigen, was entschieden würde")
@click.option("--yes", is_flag=True, help="ohne Rückfrage")
@click.option("--history", is_flag=True, help="wer wann was über eine Mitteilung entschied, und warum")
@click.pass_obj
def tag(
    settings: Settings,
    words: tuple[str, ...],
    query: str | None,
    note: str | None,
    role: str | None,
    by: str | None,
    dry_run: bool,
    yes: bool,
    history: bool,
) -> None:
    """Setzt (+topic:housing, +party:spd@issuer) oder entfernt (-party:spd) Schlagworte.

    Entscheidungen überstehen jeden neuen Lauf. "tag undo" nimmt die letzten zurück, "tag undo STAPEL" bestimmte.
    """
    workspace = open_workspace(settings.folder)
    note = storable(note) if note else None
    if words[:1] == ("undo",):
        _undo(workspace, words[1:], Deciding.begin(by), note, dry_run=dry_run)
        return
    names = list(takewhile(lambda word: query is None and word[:1] not in ("+", "-"), words))
    if history:
        _show_history(workspace, _only(names))
        return
    changes = [_with_role(parse_change(word), role) for word in words[len(names) :] or names[1:]]
    if not changes or not (names or query is not None):
        raise click.UsageError(EXPECTED)
    deciding = Deciding.begin(by)
    if query is None:
        _tag_named(workspace, names, changes, deciding, note, dry_run=dry_run)
    else:
        _tag_found(workspace, query, changes, deciding, note, dry_run=dry_run, yes=yes)


def _only(names: Sequence[str]) -> str:
    if len(names) != 1:
        raise click.UsageError("Erwartet wird eine ID: tag ID --history")
    return names[0]


def _with_role(change: Change, role: str | None) -> Change:
    if role is None or change.role is not None:
        return change
    return Change(
        action=change.action, axis=change.axis, value=change.value, role=checked_role(change.axis, Role(role))
    )


def _tag_named(
    workspace: Workspace,
    names: Sequence[str],
    changes: Sequence[Change],
    deciding: Deciding,
    note: str | None,
    *,
    dry_run: bool,
) -> None:
    with workspace.writing("tag") as db:
        apply_new_decisions(db, workspace.decisions_file)
        release_ids = list(dict.fromkeys(find_release(db, name) for name in names))
        decisions = _decisions(workspace, db, release_ids, changes, deciding, note)
        if dry_run:
            _announce(decisions)
            return
        decide(db, workspace.decisions_file, decisions)
        workspace.update_index(db)
        found = load_releases(db, release_ids)
    for release in found:
        if len(found) > 1:
            click.echo(f"d/{release.id}  {shorten(release.article.heading, 60)}")
        _show_tags(release)
    click.echo(f"Zurücknehmen: archive-pipeline tag undo {deciding.batch}", err=True)


def _show_tags(release: Release) -> None:
    for axis in Axis:
        labels = ", ".join(f"{tag.label} ({tag.value})" for tag in release.tags if tag.axis == axis)
        click.echo(f"{AXES[axis] + ':':<14} {labels or '–'}")


def _tag_found(
    workspace: Workspace,
    query: str,
    changes: Sequence[Change],
    deciding: Deciding,
    note: str | None,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    workspace.refresh_index()
    today = utc_now().date()
    with open_search(workspace) as service:
        seen = service.search(query, today=today, match="all", limit=PREVIEWED, with_snippets=False)
        everything = service.search("", today=today, match="all", limit=0, with_snippets=False)
        release_ids = service.keys(query, today=today)
    if seen.understood == everything.understood:
        raise click.UsageError(f"--query {query!r} fände alle Mitteilungen; bitte eingrenzen")
    click.echo(f"{counted(len(release_ids), 'Mitteilung', 'Mitteilungen')} · {seen.understood}")
    for remark in seen.notes:
        click.echo(f"Hinweis: {remark}", err=True)
    for hit in seen.hits:
        click.echo(f"  d/{hit.id}  {german_date(hit.published):<10}  {shorten(hit.heading, 70)}")
    if len(release_ids) > PREVIEWED:
        click.echo(f"  … und {len(release_ids) - PREVIEWED} weitere")
    click.echo(f"Entscheidung: {', '.join(_typed(change) for change in changes)}")
    if dry_run or not release_ids or not _confirmed(len(release_ids), yes=yes):
        click.echo("Nichts entschieden.")
        return
    with workspace.writing("tag") as db:
        decisions = _decisions(workspace, db, release_ids, changes, deciding, note)
        decide(db, workspace.decisions_file, decisions)
        workspace.update_index(db)
    click.echo(
        f"{counted(len(decisions), 'Entscheidung', 'Entscheidungen')}, Stapel {deciding.batch} · "
        f"zurücknehmen: archive-pipeline tag undo {deciding.batch}"
    )


def _confirmed(count: int, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise click.UsageError("Ohne Terminal wird nicht nachgefragt: --dry-run zeigt, --yes entscheidet")
    return click.confirm(f"Für {counted(count, 'Mitteilung', 'Mitteilungen')} so entscheiden?")


def _decisions(
    workspace: Workspace,
    db: Database,
    release_ids: Sequence[str],
    changes: Sequence[Change],
    deciding: Deciding,
    note: str | None,
) -> list[TagDecision]:
    """Every change for every release; all are checked before the first is written."""
    made = []
    labels = Labels(workspace)
    waiting = iter(release_ids)
    while batch := list(islice(waiting, RELEASES_A_BATCH)):
        effective = {release.id: release.tags for release in load_releases(db, batch)}
        found = derived_tags(db, batch)
        for release_id, tags in effective.items():
            carried = (*tags, *found.get(release_id, ()))
            made += [
                deciding.tag(release_id, change, labels.of(change.axis, change.value, carried), carried, note=note)
                for change in changes
            ]
    return made


def _typed(change: Change) -> str:
    role = f"@{change.role}" if change.role else ""
    return f"{'+' if change.action == 'add' else '-'}{change.axis}:{change.value}{role}"


def _announce(decisions: Sequence[TagDecision]) -> None:
    for one in decisions:
        verb = "gesetzt" if one.action == "add" else "entfernt"
        click.echo(f"d/{one.release_id}  {AXES[one.axis]} {one.label} ({one.value}, {ROLES[one.role]}) würde {verb}")


def _undo(workspace: Workspace, words: Sequence[str], deciding: Deciding, note: str | None, *, dry_run: bool) -> None:
    if len(words) > 1 or any(word.startswith("-") for word in words):
        raise click.UsageError("Erwartet wird höchstens ein Stapel: tag undo, tag undo last oder tag undo 1a2b3c4d")
    with workspace.writing("tag") as db:
        apply_new_decisions(db, workspace.decisions_file)
        batch = find_batch(db, words[0] if words else "last")
        click.echo(_described(batch))
        if dry_run:
            return
        decide(db, workspace.decisions_file, [deciding.undo(batch.id, note=note)])
        workspace.update_index(db)
    click.echo("Zurückgenommen; es gilt, was vorher galt.")


def _described(batch: Batch) -> str:
    return (
        f"Stapel {batch.id} · {counted(batch.decisions, 'Entscheidung', 'Entscheidungen')} · {batch.decided_by}, "
        f"{german_moment(batch.decided_at)}{f' · {batch.note}' if batch.note else ''}"
    )


def _show_history(workspace: Workspace, name: str) -> None:
    with workspace.reading() as db:
        release = load_release(db, find_release(db, name))
        rows = decision_history(db, release.id)
    if not rows:
        click.echo("Über diese Mitteilung hat noch niemand entschieden.")
    for row in rows:
        click.echo(history_line(row))


def history_line(row: DecisionRow) -> str:
    """One decision in words: when, who, what, why, and whether it was taken back."""
    sign = "+" if row.action == "add" else "-"
    note = f" · {row.note}" if row.note else ""
    undone = f" · zurückgenommen von {row.undone_by}, {german_moment(row.undone_at)}" if row.undone_by else ""
    sample = f" · Stichprobe {row.sample}" if row.sample else ""
    return (
        f"{german_moment(row.decided_at)}  {row.decided_by}  {sign}{row.axis}:{row.value}@{row.role} "
        f"({row.label}) · Stapel {row.batch}{sample}{note}{undone}"
    )
