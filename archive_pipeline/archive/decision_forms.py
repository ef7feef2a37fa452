"""The forms of decisions: what people may decide, and what each decision changes in the database.

A form is a frozen class whose `schema` names it in the lines of `decisions.jsonl`, and whose `apply` writes it into a
table of its own. Adding one: a class here, a member of `Decision`, a table in a migration. Forms never change: what
needs other fields is a new form beside the old one, which stays readable.
"""

import json
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from sqlite_utils import Database

from archive_pipeline.archive.form import Decided
from archive_pipeline.archive.releases import note_change
from archive_pipeline.archive.rights_forms import (
    AccessDecision,
    CorrectionNote,
    CorrectionWithdrawal,
    Erasure,
    PersonSuppression,
    TakedownRequest,
    TakedownStep,
)
from archive_pipeline.archive.search_forms import SavedSearchDecision
from archive_pipeline.archive.set_forms import FreezeDecision
from archive_pipeline.model import Axis, Role

__all__ = [
    "Coding",
    "Decided",
    "Decision",
    "HoldDecision",
    "ReviewDecision",
    "Sample",
    "SampledRelease",
    "TagDecision",
    "Undo",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagDecision(Decided):
    """A person added or removed a tag. It holds no offsets, so it outlives every rerun; the newest decision on a value
    of a release counts. `sample` is the random sample the release was coded in, if it was."""

    undoable: ClassVar[bool] = True

    release_id: str
    axis: Axis
    value: str
    label: str
    role: Role
    action: Literal["add", "remove"]
    sample: str | None = None
    schema: Literal["apl/tag-decision/1"] = "apl/tag-decision/1"

    def apply(self, db: Database) -> None:
        """Put it where `v_tag` lays it over what was found."""
        db.execute(
            """INSERT INTO tag_decision
               (id, release_id, axis, value, label, role, action, note, decided_by, decided_at, sample)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                self.id,
                self.release_id,
                self.axis,
                self.value,
                self.label,
                self.role,
                self.action,
                self.note,
                self.decided_by,
                self.decided_at.isoformat(),
                self.sample,
            ],
        )
        note_change(db, self.release_id, "tagged", self.decided_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(Decided):
    """A person took back what counts of the batch `undoes`. It can't be taken back itself: who wants that decides
    anew."""

    undoes: str
    schema: Literal["apl/undo/1"] = "apl/undo/1"

    def apply(self, db: Database) -> None:
        """Mark what the batch holds as undone and announce the releases whose tags change."""
        marks = ", ".join("?" * len(UNDOABLE))
        db.execute(
            f"UPDATE decision SET undone_by = ? WHERE batch = ? AND undone_by IS NULL AND schema IN ({marks})",
            [self.id, self.undoes, *UNDOABLE],
        )
        touched = (
            "SELECT DISTINCT release_id FROM tag_decision WHERE id IN (SELECT id FROM decision WHERE undone_by = ?)"
        )
        for row in list(db.query(touched, [self.id])):
            note_change(db, row["release_id"], "tagged", self.decided_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecision(Decided):
    """A person looked at a case of the review queue: a value of a release, for the evidence it then had (a digest).
    What was accepted or rejected stands beside it as a TagDecision of the same batch."""

    undoable: ClassVar[bool] = True

    release_id: str
    axis: Axis
    value: str
    verdict: Literal["accept", "reject", "skip"]
    evidence: str
    schema: Literal["apl/review/1"] = "apl/review/1"

    def apply(self, db: Database) -> None:
        """Keep the case out of the queue while its evidence stays the same."""
        db.execute(
            "INSERT INTO review (id, release_id, axis, value, verdict, evidence) VALUES (?, ?, ?, ?, ?, ?)",
            [self.id, self.release_id, self.axis, self.value, self.verdict, self.evidence],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldDecision(Decided):
    """A person decided about a document in quarantine, named by its WARC record: it becomes a release in spite of
    what held it back, or stays out. `reprocess` and `rebuild` keep to it."""

    record_id: str
    action: Literal["release", "confirm"]
    schema: Literal["apl/hold-decision/1"] = "apl/hold-decision/1"

    def apply(self, db: Database) -> None:
        """Note it; the document itself is taken up by whoever reads its record."""
        db.execute(
            "INSERT INTO hold_decision (id, record_id, action) VALUES (?, ?, ?)",
            [self.id, self.record_id, self.action],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledRelease:
    """One release of a sample: its stratum, and the probability with which it was drawn."""

    release_id: str
    stratum: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Decided):
    """A random sample drawn for coding: how, out of how many releases, and which. Its id names it in sheets."""

    seed: str
    stratify: tuple[str, ...]
    query: str | None
    population: int
    drawn: tuple[SampledRelease, ...]
    schema: Literal["apl/sample/1"] = "apl/sample/1"

    def apply(self, db: Database) -> None:
        """Keep the sample with its inclusion probabilities."""
        db.execute(
            "INSERT INTO sample (id, seed, stratify, query, population) VALUES (?, ?, ?, ?, ?)",
            [self.id, self.seed, json.dumps(self.stratify), self.query, self.population],
        )
        for one in self.drawn:
            db.execute(
                "INSERT INTO sampled (sample_id, release_id, stratum, probability) VALUES (?, ?, ?, ?)",
                [self.id, one.release_id, one.stratum, one.probability],
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding(Decided):
    """What a coder found in a release of a sample, in one column of the coding sheet; no values mean: none applies.
    The newest coding of a column counts."""

    undoable: ClassVar[bool] = True

    sample: str
    release_id: str
    column: str
    values: tuple[str, ...]
    schema: Literal["apl/coding/1"] = "apl/coding/1"

    def apply(self, db: Database) -> None:
        """Keep it for the figures of quality."""
        db.execute(
            'INSERT INTO coding (id, sample_id, release_id, "column", "values") VALUES (?, ?, ?, ?, ?)',
            [self.id, self.sample, self.release_id, self.column, json.dumps(self.values)],
        )


Decision = Annotated[
    TagDecision
    | Undo
    | ReviewDecision
    | HoldDecision
    | Sample
    | Coding
    | TakedownRequest
    | TakedownStep
    | Erasure
    | AccessDecision
    | PersonSuppression
    | CorrectionNote
    | CorrectionWithdrawal
    | FreezeDecision
    | SavedSearchDecision,
    Field(discriminator="schema"),
]
"""Every form there is."""

UNDOABLE = tuple(form.__dataclass_fields__["schema"].default for form in (TagDecision, ReviewDecision, Coding))
