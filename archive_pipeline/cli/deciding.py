"""What the commands share with which people decide: who decides, and how changes are written."""

import getpass
import os
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import click

from archive_pipeline.archive.decision_forms import TagDecision
from archive_pipeline.classify.vocabulary import MUNICIPALITY
from archive_pipeline.errors import ConfigError
from archive_pipeline.model import Axis, Role, Tag
from archive_pipeline.workspace import Workspace, utc_now

__all__ = ["Change", "Deciding", "Labels", "by_option", "parse_change", "storable"]

by_option = click.option(
    "--by", envvar="ARCHIVE_PIPELINE_USER", help="wer entscheidet (sonst ARCHIVE_PIPELINE_USER, sonst der Anmeldename)"
)

ROLES_OF = {
    Axis.TOPIC: (Role.PRIMARY, Role.SECONDARY),
    Axis.DISTRICT: (Role.ABOUT, Role.ISSUER, Role.MENTIONED),
    Axis.PARTY: (Role.ABOUT, Role.ISSUER, Role.MENTIONED),
    Axis.ORGANISATION: (Role.ABOUT, Role.ISSUER, Role.MENTIONED),
}
"""The roles of each axis, the one first that a value gets when nobody names any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One wanted change: `+topic:housing`, `-party:spd`, `+party:spd@issuer`. `role` is None where none was named."""

    action: Literal["add", "remove"]
    axis: Axis
    value: str
    role: Role | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """The person behind one command, its moment and its batch: what all its decisions have in common."""

    decided_by: str
    decided_at: datetime
    batch: str

    @classmethod
    def begin(cls, by: str | None) -> "Deciding":
        """The one who decides now. Bytes of the command line that are no UTF-8 are replaced: they can't be stored."""
        return cls(decided_by=storable(by or "").strip() or _user(), decided_at=utc_now(), batch=new_id()[:8])

    def tag(
        self,
        release_id: str,
        change: Change,
        label: str,
        carried: Sequence[Tag],
        *,
        note: str | None,
        sample: str | None = None,
    ) -> TagDecision:
        """One change of one release. Without a role named, the value keeps the one it was found with; a topic becomes
        the main one."""
        named = (tag.role for tag in carried if (tag.axis, tag.value) == (change.axis, change.value))
        found = next(named, None) if change.axis != Axis.TOPIC or change.action == "remove" else None
        return TagDecision(
            id=new_id(),
            batch=self.batch,
            note=note,
            decided_by=self.decided_by,
            decided_at=self.decided_at,
            release_id=release_id,
            axis=change.axis,
            value=change.value,
            label=label,
            role=change.role or found or ROLES_OF[change.axis][0],
            action=change.action,
            sample=sample,
        )


def new_id() -> str:
    """An id that no other decision has."""
    return str(uuid.uuid4())


def parse_change(text: str, *, signed: bool = True) -> Change:
    """A change as it is typed; without `signed` it has no sign and means an addition. Raises UsageError."""
    sign, rest = (text[:1], text[1:]) if signed else ("+", text)
    axis, separator, value = rest.partition(":")
    if sign not in ("+", "-") or not separator or not value or axis not in list(Axis):
        example = "+topic:housing oder -party:spd" if signed else "topic:housing oder party:spd@issuer"
        raise click.UsageError(
            f"{text!r} ist keine Änderung; erwartet wird z. B. {example} (Achsen: {', '.join(Axis)})"
        )
    value, role = _split_role(Axis(axis), value)
    return Change(action="add" if sign == "+" else "remove", axis=Axis(axis), value=storable(value), role=role)


def _split_role(axis: Axis, value: str) -> tuple[str, Role | None]:
    """`spd@issuer`, but `uwg@05370` is one value: what follows the last @ is a role only if it is one of the axis."""
    before, separator, last = value.rpartition("@")
    if separator and before and last in list(Role):
        return before, checked_role(axis, Role(last))
    return value, None


def checked_role(axis: Axis, role: Role) -> Role:
    """The role, if values of the axis can have it. Raises UsageError."""
    if role not in ROLES_OF[axis]:
        known = ", ".join(ROLES_OF[axis])
        raise click.UsageError(f"Die Rolle {role} gibt es auf der Achse {axis} nicht (dort: {known})")
    return role


def storable(text: str) -> str:
    """A text in one line that can be written down and shown again: bytes that are no UTF-8 are replaced, control
    characters (escape sequences of terminals) are spaces."""
    shown = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    return " ".join(shown.encode("utf-8", "replace").decode().split())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container the user may have no name
        return f"uid {os.getuid()}"


class Labels:
    """The names of values, read once for all decisions of a command."""

    def __init__(self, workspace: Workspace) -> None:
        self._known: dict[tuple[Axis, str], str] = {}
        for vocabulary in workspace.plugins.vocabularies:
            for entry in vocabulary.obj.entries:
                if entry.kind != MUNICIPALITY:  # a release is tagged with the district in which one lies
                    self._known.setdefault((entry.axis, entry.value), entry.label)

    def of(self, axis: Axis, value: str, carried: Sequence[Tag] = (), *, written: str | None = None) -> str:
        """The name of a value in the vocabularies, or under which a release carries it; other values are accepted for
        organisations only, under the name as it was written. Raises ConfigError."""
        known = self._known
        if (axis, value) in known:
            return known[axis, value]
        for tag in carried:
            if tag.axis == axis and tag.value == value:
                return tag.label
        group, _, place = value.partition("@")
        if axis == Axis.PARTY and (axis, group) in known and (Axis.DISTRICT, place) in known:
            return f"{known[axis, group]} ({known[Axis.DISTRICT, place]})"
        if axis == Axis.ORGANISATION:
            return written or value
        raise ConfigError(
            f"{value!r} steht in keinem Vokabular der Achse {axis}",
            hint="Schlüssel wie 05370, spd oder housing verwenden",
        )
