"""`tag`: what a person decides about a release's tags."""

import getpass
import uuid

import click

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.decisions import TagDecision, append_decision, apply_decision
from archive_pipeline.archive.reading import find_release, load_release
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import AXES
from archive_pipeline.errors import ConfigError
from archive_pipeline.model import Axis, Role
from archive_pipeline.workspace import Workspace, open_workspace, utc_now


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("release", metavar="ID")
@click.argument("changes", nargs=-1, required=True, metavar="+ACHSE:WERT -ACHSE:WERT …", type=click.UNPROCESSED)
@click.option("--note", help="warum so entschieden wurde")
@click.option("--role", type=click.Choice([role.value for role in Role]), help="Rolle eines gesetzten Schlagworts")
@click.pass_obj
def tag(settings: Settings, release: str, changes: tuple[str, ...], note: str | None, role: str | None) -> None:
    """Setzt (+topic:housing) oder entfernt (-party:spd) Schlagworte. Entscheidungen überstehen jeden neuen Lauf."""
    workspace = open_workspace(settings.folder)
    wanted = [_parse(change) for change in changes]
    with workspace.writing("tag") as db:
        release_id = find_release(db, release)
        for action, axis, value in wanted:
            decision = TagDecision(
                id=str(uuid.uuid4()),
                release_id=release_id,
                axis=axis,
                value=value,
                label=_label(workspace, axis, value),
                role=Role(role) if role else (Role.PRIMARY if axis == Axis.TOPIC else Role.ABOUT),
                action="add" if action == "+" else "remove",
                note=note,
                decided_by=getpass.getuser(),
                decided_at=utc_now(),
            )
            append_decision(workspace.decisions_file, decision)
            with write_tx(db):
                apply_decision(db, decision)
        workspace.update_index(db)
        found = load_release(db, release_id)
    for axis in Axis:
        labels = ", ".join(f"{tag.label} ({tag.value})" for tag in found.tags if tag.axis == axis)
        click.echo(f"{AXES[axis] + ':':<14} {labels or '–'}")


def _parse(change: str) -> tuple[str, Axis, str]:
    axis, separator, value = change[1:].partition(":")
    if change[:1] not in "+-" or not separator or not value or axis not in list(Axis):
        raise click.UsageError(
            f"{change!r} ist keine Änderung; erwartet wird z. B. +topic:housing oder -party:spd "
            f"(Achsen: {', '.join(Axis)})"
        )
    return change[0], Axis(axis), value


def _label(workspace: Workspace, axis: Axis, value: str) -> str:
    """The vocabulary's name of a value; values outside the vocabularies are accepted for organisations only."""
    for vocabulary in workspace.plugins.vocabularies:
        for entry in vocabulary.obj.entries:
            if entry.axis == axis and entry.value == value:
                return entry.label
    if axis == Axis.ORGANISATION:
        return value
    raise ConfigError(
        f"{value!r} steht in keinem Vokabular der Achse {axis}", hint="Schlüssel wie 05370, spd oder housing verwenden"
    )
