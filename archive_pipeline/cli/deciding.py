"""How changes are written on the command line, and who decides there."""

import click

from archive_pipeline.decide.deciding import ROLES_OF, Change, Deciding, Labels, new_id, storable
from archive_pipeline.model import Axis, Role

__all__ = ["Change", "Deciding", "Labels", "by_option", "checked_role", "new_id", "parse_change", "storable"]

by_option = click.option(
    "--by", envvar="ARCHIVE_PIPELINE_USER", help="wer entscheidet (sonst ARCHIVE_PIPELINE_USER, sonst der Anmeldename)"
)


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
