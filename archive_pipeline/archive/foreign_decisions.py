"""Decisions that come with the export of another archive: which of them hold here, and under which numbers of cases.

What this archive withholds, closed or suppressed stays so: an import shows nothing again, and what was decided here
later than there stands. Every archive counts its takedown cases by itself, so a case from elsewhere gets another number
where its own is taken: two cases in one would let the steps of one open the other.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from archive_pipeline.archive.database import look_up
from archive_pipeline.archive.decision_forms import Coding, Decision, HoldDecision, Sample, TagDecision, Undo
from archive_pipeline.archive.rights_forms import (
    AccessDecision,
    CorrectionNote,
    CorrectionWithdrawal,
    PersonSuppression,
    TakedownRequest,
    TakedownStep,
)
from archive_pipeline.archive.takedown import next_case
from archive_pipeline.archive.visibility import LEVELS

__all__ = ["PROTECTING", "Adoptable", "adoptable", "is_about"]

PROTECTING = (TakedownRequest, TakedownStep, AccessDecision, PersonSuppression)
"""What keeps a release, or a name, from readers: it has to hold before the release is there."""

CASE = re.compile(r"\d{4}-[1-9]\d{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoptable:
    """Decisions to be taken here, in their order, and the ids of those left out because this archive decided
    otherwise."""

    decisions: tuple[Decision, ...]
    left_out: tuple[str, ...]


def is_about(decision: Decision, release_id: str, record_ids: Collection[str], beside: Sequence[Decision]) -> bool:
    """Whether a decision is one about this release or these captures of it, as exports put it beside a release.
    `beside` are all decisions that stand there."""
    match decision:
        case TakedownRequest():
            return release_id in decision.release_ids
        case TakedownStep():
            return any(isinstance(one, TakedownRequest) and one.case == decision.case for one in beside)
        case HoldDecision():
            return decision.record_id in record_ids
        case Undo():
            return any(decision.undoes in (one.batch, one.id) for one in beside if one is not decision)
        case CorrectionWithdrawal():
            return any(isinstance(one, CorrectionNote) and one.id == decision.correction for one in beside)
        case Sample():
            return any(isinstance(one, Coding) and one.sample == decision.id for one in beside)
        case PersonSuppression():
            return True
        case _:
            return getattr(decision, "release_id", None) == release_id


def adoptable(db: Database, decisions: Sequence[Decision]) -> Adoptable:
    """Those of these decisions that are new here and to be taken. Call before any of them is applied, while nobody else
    opens a case."""
    known = "SELECT 1 FROM decision WHERE id = ?"
    unknown = {one.id: one for one in decisions if look_up(db, known, [one.id]) is None}
    numbers = _numbers(db, decisions)
    new = [
        replace(one, case=numbers[one.case]) if isinstance(one, TakedownRequest | TakedownStep) else one
        for one in unknown.values()
    ]
    outdone = tuple(one.id for one in new if _is_outdone(db, one, new))
    return Adoptable(decisions=tuple(one for one in new if one.id not in outdone), left_out=outdone)


def _numbers(db: Database, decisions: Sequence[Decision]) -> dict[str, str]:
    """The number here of each case from elsewhere: of one that came before the number it got then, else its own, or the
    next one where that is taken."""
    steps = [one for one in decisions if isinstance(one, TakedownRequest | TakedownStep)]
    numbers: dict[str, str] = {}
    for one in steps:
        known = look_up(db, "SELECT case_id FROM takedown_step WHERE id = ?", [one.id])
        if known is not None:
            numbers[one.case] = str(known[0])
    for one in steps:
        if one.case not in numbers:
            numbers[one.case] = _free_number(db, one.case, one.decided_at, set(numbers.values()))
    return numbers


def _free_number(db: Database, wanted: str, opened: datetime, given: Collection[str]) -> str:
    is_taken = look_up(db, "SELECT 1 FROM takedown WHERE case_id = ?", [wanted]) is not None or wanted in given
    if CASE.fullmatch(wanted) and not is_taken:
        return wanted
    year, _, count = next_case(db, opened).partition("-")
    number = int(count)
    while f"{year}-{number}" in given:
        number += 1
    return f"{year}-{number}"


def _is_outdone(db: Database, decision: Decision, new: Sequence[Decision]) -> bool:
    """Whether this archive decided otherwise, and that stands."""
    match decision:
        case AccessDecision():
            last = [one for one in new if isinstance(one, AccessDecision) and one.release_id == decision.release_id][-1]
            return _opens(db, last)
        case TakedownStep(step="keep"):
            last_step = [one for one in new if isinstance(one, TakedownStep) and one.case == decision.case][-1]
            hidden = "SELECT 1 FROM takedown WHERE case_id = ? AND state = 'hidden'"
            return last_step.step == "keep" and look_up(db, hidden, [decision.case]) is not None
        case PersonSuppression(action="lift"):
            suppressed = "SELECT 1 FROM suppressed_person WHERE name = ?"
            return look_up(db, suppressed, [decision.name]) is not None
        case TagDecision():
            return _is_older(db, decision)
        case _:
            return False


def _opens(db: Database, decision: AccessDecision) -> bool:
    """Whether more people would see a release that is here."""
    here = look_up(
        db,
        "SELECT r.access, s.access FROM release r LEFT JOIN source s ON s.id = r.source_id WHERE r.id = ?",
        [decision.release_id],
    )
    if here is None:
        here = look_up(db, "SELECT access, NULL FROM access_decision WHERE release_id = ?", [decision.release_id])
    if here is None or here[0] is None:
        return False
    wanted = decision.access or here[1] or LEVELS[0]
    return LEVELS.index(wanted) < LEVELS.index(here[0])


def _is_older(db: Database, decision: TagDecision) -> bool:
    """Whether somebody decided here later about the same value of the release."""
    rows = db.query(
        "SELECT decided_at FROM v_decision WHERE release_id = ? AND axis = ? AND value = ?",
        [decision.release_id, decision.axis, decision.value],
    )
    return any(datetime.fromisoformat(row["decided_at"]) > decision.decided_at for row in rows)
