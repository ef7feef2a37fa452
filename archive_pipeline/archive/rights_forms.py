"""Decisions about rights: takedown cases, erasures, access, names that are not searched for, notes of correction."""

from typing import Literal

from pydantic.dataclasses import dataclass
from sqlite_utils import Database

from archive_pipeline.archive.events import EventType, record_event
from archive_pipeline.archive.form import Decided
from archive_pipeline.archive.persons import releases_naming
from archive_pipeline.archive.releases import note_change
from archive_pipeline.model import Access, CorrectionKind

__all__ = [
    "AccessDecision",
    "CorrectionNote",
    "CorrectionWithdrawal",
    "ErasedPlace",
    "ErasedSpan",
    "Erasure",
    "PersonSuppression",
    "TakedownRequest",
    "TakedownStep",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakedownRequest(Decided):
    """Somebody asked that releases be taken down: the beginning of a case. `ground` is the legal ground as it was
    stated, `requester` who asked, the `note` why. The releases stay as they are until somebody decides."""

    case: str
    release_ids: tuple[str, ...]
    ground: str | None = None
    requester: str | None = None
    schema: Literal["apl/takedown-request/1"] = "apl/takedown-request/1"

    def apply(self, db: Database) -> None:
        """Open the case."""
        db.execute(
            "INSERT OR IGNORE INTO takedown (case_id, ground, requester, opened_at, state) VALUES (?, ?, ?, ?, ?)",
            [self.case, self.ground, self.requester, self.decided_at.isoformat(), "requested"],
        )
        for release_id in self.release_ids:
            db.execute(
                "INSERT OR IGNORE INTO takedown_release (case_id, release_id) VALUES (?, ?)", [self.case, release_id]
            )
        _note_step(db, self, self.case, "request")


@dataclass(frozen=True, slots=True, kw_only=True)
class TakedownStep(Decided):
    """A decision in a case. `hide` withholds its releases until somebody decides otherwise, `keep` shows them again;
    the texts stay in the WARC files either way."""

    case: str
    step: Literal["hide", "keep"]
    schema: Literal["apl/takedown-step/1"] = "apl/takedown-step/1"

    def apply(self, db: Database) -> None:
        """Set the state of the case and announce its releases. What was erased stays erased."""
        state = "hidden" if self.step == "hide" else "kept"
        db.execute("UPDATE takedown SET state = ? WHERE case_id = ? AND state <> 'erased'", [state, self.case])
        _note_step(db, self, self.case, self.step)
        for release_id in _releases_of(db, self.case):
            note_change(db, release_id, "tagged", self.decided_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedSpan:
    """Bytes of a WARC file, whole records of one capture (its record and the sha256 of its body, in hex) or what was
    made of it; a tombstone of the same length takes their place."""

    name: str
    start: int
    end: int
    record_id: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedPlace:
    """Where an erased release was found: nothing is fetched from there any more."""

    source_id: str
    key: str
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure(Decided):
    """The texts of releases are erased for good. Everything that has to be done follows from this alone, so that what a
    killed process left can be finished: which bytes of which files give way, which captures and releases go, which
    payloads (sha256 of the decoded body, in hex) and places are refused from now on."""

    case: str
    release_ids: tuple[str, ...]
    record_ids: tuple[str, ...]
    payloads: tuple[str, ...]
    places: tuple[ErasedPlace, ...]
    spans: tuple[ErasedSpan, ...]
    schema: Literal["apl/erasure/1"] = "apl/erasure/1"

    def apply(self, db: Database) -> None:
        """Close the case, refuse what it names, and note that the erasure is to be carried out."""
        db.execute("UPDATE takedown SET state = 'erased' WHERE case_id = ?", [self.case])
        for release_id in self.release_ids:
            db.execute(
                "INSERT OR IGNORE INTO takedown_release (case_id, release_id) VALUES (?, ?)", [self.case, release_id]
            )
        _note_step(db, self, self.case, "erase", kind="deletion")
        db.execute("INSERT INTO erasure (id, case_id) VALUES (?, ?)", [self.id, self.case])
        for payload in self.payloads:
            db.execute("INSERT OR IGNORE INTO erased_payload (sha256, case_id) VALUES (?, ?)", [payload, self.case])
        for place in self.places:
            db.execute(
                "INSERT OR IGNORE INTO erased_place (source_id, key, url, case_id) VALUES (?, ?, ?, ?)",
                [place.source_id, place.key, place.url, self.case],
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessDecision(Decided):
    """Who may read a release, whatever holds for its source; None: what holds for its source."""

    release_id: str
    access: Access | None
    schema: Literal["apl/access/1"] = "apl/access/1"

    def apply(self, db: Database) -> None:
        """Lay it over the level of the source."""
        db.execute(
            """INSERT INTO access_decision (release_id, access) VALUES (?, ?)
               ON CONFLICT (release_id) DO UPDATE SET access = excluded.access""",
            [self.release_id, self.access],
        )
        db.execute(
            """UPDATE release SET access = coalesce(?, (SELECT s.access FROM source s WHERE s.id = release.source_id))
               WHERE id = ?""",
            [self.access, self.release_id],
        )
        told = f"Zugang: {self.access or 'wie die Quelle'}"
        _note_event(db, self, self.release_id, told)
        note_change(db, self.release_id, "tagged", self.decided_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSuppression(Decided):
    """The name of a person is no longer shown or searched as a person's; the texts that hold it stay as they are.
    `lift` takes that back."""

    name: str
    action: Literal["suppress", "lift"]
    schema: Literal["apl/person-suppression/1"] = "apl/person-suppression/1"

    def apply(self, db: Database) -> None:
        """Note the name and announce the releases that name the person."""
        if self.action == "suppress":
            db.execute("INSERT OR IGNORE INTO suppressed_person (name) VALUES (?)", [self.name])
        else:
            db.execute("DELETE FROM suppressed_person WHERE name = ?", [self.name])
        for release_id in releases_naming(db, self.name):
            note_change(db, release_id, "tagged", self.decided_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionNote(Decided):
    """A note of correction that is shown with a release wherever it is shown; its id names it."""

    release_id: str
    kind: CorrectionKind
    text: str
    url: str | None = None
    schema: Literal["apl/correction/1"] = "apl/correction/1"

    def apply(self, db: Database) -> None:
        """Attach it."""
        db.execute(
            "INSERT INTO correction (id, release_id, kind, text, url, noted_at) VALUES (?, ?, ?, ?, ?, ?)",
            [self.id, self.release_id, self.kind, self.text, self.url, self.decided_at.isoformat()],
        )
        _note_event(db, self, self.release_id, f"{self.kind} beigefügt")
        note_change(db, self.release_id, "tagged", self.decided_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionWithdrawal(Decided):
    """A note of correction is no longer shown."""

    correction: str
    schema: Literal["apl/correction-withdrawal/1"] = "apl/correction-withdrawal/1"

    def apply(self, db: Database) -> None:
        """Take it off its release."""
        db.execute("UPDATE correction SET withdrawn_by = ? WHERE id = ?", [self.id, self.correction])
        for row in list(db.query("SELECT release_id FROM correction WHERE id = ?", [self.correction])):
            _note_event(db, self, row["release_id"], "Gegendarstellung oder Berichtigung zurückgenommen")
            note_change(db, row["release_id"], "tagged", self.decided_at)


def _releases_of(db: Database, case: str) -> list[str]:
    rows = db.query("SELECT release_id FROM takedown_release WHERE case_id = ? ORDER BY release_id", [case])
    return [row["release_id"] for row in rows]


STEPS = {"request": "beantragt", "hide": "gesperrt", "keep": "bleibt", "erase": "gelöscht"}


def _note_step(db: Database, decision: Decided, case: str, step: str, *, kind: EventType = "policy assignment") -> None:
    """Keep a step of a case, and tell it of each release. The reason stays in the case: events hold no words of
    people."""
    db.execute(
        "INSERT INTO takedown_step (id, case_id, step, note, decided_by, decided_at) VALUES (?, ?, ?, ?, ?, ?)",
        [decision.id, case, step, decision.note, decision.decided_by, decision.decided_at.isoformat()],
    )
    for release_id in _releases_of(db, case):
        _note_event(db, decision, release_id, f"Fall {case}: {STEPS[step]}", kind=kind)


def _note_event(
    db: Database, decision: Decided, release_id: str, detail: str, *, kind: EventType = "policy assignment"
) -> None:
    record_event(db, kind, at=decision.decided_at, agent=decision.decided_by, subject=release_id, detail=detail)
