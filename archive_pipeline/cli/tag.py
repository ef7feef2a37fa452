"""`tag`: what a person decides about a release's tags."""

import getpass
import os
import uuid
from collections.abc import Sequence

import click

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.decisions import TagDecision, append_decision, apply_decision, apply_new_decisions
from archive_pipeline.archive.reading import find_release, load_release
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import AXES, WORDS_WITH_A_DASH
from archive_pipeline.errors import ConfigError
from archive_pipeline.model import Axis, Role, Tag
from archive_pipeline.workspace import Workspace, open_workspace, utc_now


@click.command(context_settings=WORDS_WITH_A_DASH)
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
        apply_new_decisions(db, workspace.decisions_file)
        release_id = find_release(db, release)
        carried = load_release(db, release_id).tags
        decisions = [
            TagDecision(
                id=str(uuid.uuid4()),
                release_id=release_id,
                axis=axis,
                value=value,
                label=_label(workspace, carried, axis, value),
                role=Role(role) if role else (Role.PRIMARY if axis == Axis.TOPIC else Role.ABOUT),
                action="add" if action == "+" else "remove",
                note=_storable(note) if note else None,
                decided_by=_user(),
                decided_at=utc_now(),
            )
            for action, axis, value in wanted
        ]
        for decision in decisions:
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
    return change[0], Axis(axis), _storable(value)


def _storable(text: str) -> str:
    """Bytes of the command line that are no UTF-8 are replaced: they could not be written down."""
    return text.encode("utf-8", "replace").decode()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container the user may have no name
        return f"uid {os.getuid()}"


def _label(workspace: Workspace, carried: Sequence[Tag], axis: Axis, value: str) -> str:
    """The name of a value in the vocabularies, or under which the release carries it; other values are accepted for
    organisations only."""
    for vocabulary in workspace.plugins.vocabularies:
        for entry in vocabulary.obj.entries:
            if entry.axis == axis and entry.value == value:
                return entry.label
    for tag in carried:
        if tag.axis == axis and tag.value == value:
            return tag.label
    if axis == Axis.ORGANISATION:
        return value
    raise ConfigError(
        f"{value!r} steht in keinem Vokabular der Achse {axis}", hint="Schlüssel wie 05370, spd oder housing verwenden"
    )
