"""What people decide, on the command line, the pages and the API alike: who, when and in which batch, about which value
under which name, and what a verdict on a case of the review queue comes to."""

import getpass
import os
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from archive_pipeline.archive.decision_forms import Decision, HoldDecision, ReviewDecision, TagDecision, Undo
from archive_pipeline.archive.review import NO_VALUE, Case
from archive_pipeline.classify.vocabulary import MUNICIPALITY
from archive_pipeline.errors import ConfigError
from archive_pipeline.model import Axis, Role, Tag
from archive_pipeline.workspace import Workspace, utc_now

__all__ = ["ROLES_OF", "Change", "Deciding", "Labels", "Verdict", "decisions_on", "new_id", "storable", "user_name"]

Verdict = Literal["accept", "reject", "skip"]

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
    """The person behind one command or request, its moment and its batch: what all its decisions have in common."""

    decided_by: str
    decided_at: datetime
    batch: str

    @classmethod
    def begin(cls, by: str | None) -> "Deciding":
        """The one who decides now. Bytes of the command line that are no UTF-8 are replaced: they can't be stored."""
        by = storable(by or "").strip() or user_name()
        # with eight digits two of ten thousand batches would be one in one archive out of a hundred
        return cls(decided_by=by, decided_at=utc_now(), batch=new_id().replace("-", "")[:12])

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

    def hold(self, record_id: str, verdict: Literal["accept", "reject"], *, note: str | None) -> HoldDecision:
        """The word on a document in quarantine: in with it, or it stays there."""
        return HoldDecision(
            id=new_id(),
            batch=self.batch,
            note=note,
            decided_by=self.decided_by,
            decided_at=self.decided_at,
            record_id=record_id,
            action="release" if verdict == "accept" else "confirm",
        )

    def undo(self, batch: str, *, note: str | None = None) -> Undo:
        """Taking a batch of decisions back."""
        return Undo(
            id=new_id(),
            batch=self.batch,
            note=note,
            decided_by=self.decided_by,
            decided_at=self.decided_at,
            undoes=batch,
        )


def decisions_on(
    case: Case, verdict: Verdict, deciding: Deciding, label: str, *, note: str | None, role: Role | None = None
) -> list[Decision]:
    """The review of a case, and the decision about its tag that comes with it; `label` is the name of the case's value,
    `role` another role than the one it was found with."""
    reviewed = ReviewDecision(
        id=new_id(),
        batch=deciding.batch,
        note=note,
        decided_by=deciding.decided_by,
        decided_at=deciding.decided_at,
        release_id=case.release_id,
        axis=case.axis,
        value=case.value,
        verdict=verdict,
        evidence=case.digest,
    )
    # a missing issuer that is rejected says nothing against the party being mentioned
    says_nothing = case.value == NO_VALUE or (case.reason == "no-issuer" and verdict == "reject")
    if verdict == "skip" or says_nothing:
        return [reviewed]
    wanted = Change(
        action="add" if verdict == "accept" else "remove",
        axis=case.axis,
        value=case.value,
        role=role or (Role.ISSUER if case.reason == "no-issuer" else case.role),
    )
    return [deciding.tag(case.release_id, wanted, label, (), note=note), reviewed]


def new_id() -> str:
    """An id that no other decision has."""
    return str(uuid.uuid4())


def storable(text: str) -> str:
    """A text in one line that can be written down and shown again: bytes that are no UTF-8 are replaced, control
    characters (escape sequences of terminals) are spaces."""
    shown = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    return " ".join(shown.encode("utf-8", "replace").decode().split())


def user_name() -> str:
    """The person who runs this process, as the system knows them."""
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
