"""Takedown cases as the database knows them, what an erasure covers, and taking its rows out."""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.erased_text import ErasedText
from archive_pipeline.archive.profiles import record_profiles
from archive_pipeline.archive.reuse import forget_reuse
from archive_pipeline.archive.rights_forms import ErasedPlace
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Item, LearnedProfile

__all__ = [
    "Case",
    "CaseStep",
    "Coverage",
    "CoveredCapture",
    "ErasedItems",
    "PendingErasure",
    "coverage",
    "erased_items",
    "erased_payloads",
    "find_cases",
    "finish_erasure",
    "forget_titles",
    "free_captures",
    "known_backups",
    "load_case",
    "next_case",
    "other_texts",
    "pending_erasures",
    "remove_rows",
    "sync_profiles",
    "texts_of",
]

CaseState = Literal["requested", "hidden", "kept", "erased"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStep:
    """One step of a case: who took it, when (UTC) and why."""

    step: Literal["request", "hide", "keep", "erase"]
    note: str | None
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One takedown case with its releases and steps. `due` is the day by which whoever asked must hear (one month after
    the request, Art. 12(3) GDPR), None once somebody decided; `unfinished`: an erasure was broken off."""

    id: str
    state: CaseState
    ground: str | None
    requester: str | None
    opened_at: datetime
    due: date | None
    release_ids: tuple[str, ...]
    steps: tuple[CaseStep, ...]
    unfinished: bool


def next_case(db: Database, now: datetime) -> str:
    """The number of the next case: year and count, as `2026-3`."""
    row = next(
        db.query(
            "SELECT max(CAST(substr(case_id, 6) AS INTEGER)) AS n FROM takedown WHERE case_id LIKE ?",
            [f"{now.year:04}-%"],
        )
    )
    return f"{now.year:04}-{(row['n'] or 0) + 1}"


def load_case(db: Database, case: str) -> Case:
    """A case by its number. Raises ArchiveError."""
    found = next((one for one in find_cases(db) if one.id == case), None)
    if found is None:
        raise ArchiveError(f"Einen Fall {case!r} gibt es nicht", hint="archive-pipeline takedown list zeigt alle Fälle")
    return found


def find_cases(db: Database) -> list[Case]:
    """All cases, the oldest first."""
    releases: dict[str, list[str]] = {}
    for row in db.query("SELECT case_id, release_id FROM takedown_release ORDER BY release_id"):
        releases.setdefault(row["case_id"], []).append(row["release_id"])
    steps: dict[str, list[CaseStep]] = {}
    for row in db.query("SELECT s.* FROM takedown_step s JOIN decision d ON d.id = s.id ORDER BY d.number"):
        steps.setdefault(row["case_id"], []).append(
            CaseStep(
                step=row["step"],
                note=row["note"],
                decided_by=row["decided_by"],
                decided_at=datetime.fromisoformat(row["decided_at"]),
            )
        )
    unfinished = {one.case for one in pending_erasures(db)}
    return [
        Case(
            id=row["case_id"],
            state=row["state"],
            ground=row["ground"],
            requester=row["requester"],
            opened_at=datetime.fromisoformat(row["opened_at"]),
            due=_month_later(date.fromisoformat(row["opened_at"][:10])) if row["state"] == "requested" else None,
            release_ids=tuple(releases.get(row["case_id"], ())),
            steps=tuple(steps.get(row["case_id"], ())),
            unfinished=row["case_id"] in unfinished,
        )
        for row in db.query("SELECT * FROM takedown ORDER BY opened_at, rowid")
    ]


def _month_later(day: date) -> date:
    year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredCapture:
    """A capture that an erasure covers."""

    record_id: str
    source_id: str
    key: str
    target: str
    kind: str
    sha256: str
    warc_file: str
    release_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What goes when releases are erased: they and every other release with one of their payloads, all captures of
    those, and of those payloads wherever else they were captured."""

    release_ids: tuple[str, ...]
    captures: tuple[CoveredCapture, ...]
    places: tuple[ErasedPlace, ...]

    @property
    def payloads(self) -> tuple[str, ...]:
        """The sha256 of each document and attachment."""
        return tuple(sorted({one.sha256 for one in self.captures if one.kind != "discovery"} - {NOTHING}))


NOTHING = hashlib.sha256(b"").hexdigest()
"""Empty bodies have nothing in common."""

COVERED = "record_id, source_id, key, target, kind, sha256, warc_file, release_id"


def coverage(db: Database, release_ids: Collection[str], *, attachments: bool) -> Coverage:
    """What erasing these releases covers; their attachments only where that is asked for."""
    releases, captures = set(release_ids), dict[str, CoveredCapture]()
    while True:
        kinds = "" if attachments else " AND kind <> 'attachment'"
        payloads: set[str] = set()
        for release_id in sorted(releases):
            for row in db.query(f"SELECT {COVERED} FROM capture WHERE release_id = ?{kinds}", [release_id]):
                captures[row["record_id"]] = CoveredCapture(**row)
                if row["sha256"] != NOTHING:
                    payloads.add(row["sha256"])
        for payload in sorted(payloads):
            for row in db.query(f"SELECT {COVERED} FROM capture WHERE sha256 = ?", [payload]):
                captures[row["record_id"]] = CoveredCapture(**row)
        found = releases | {
            row["release_id"]
            for payload in payloads
            for row in db.query("SELECT release_id FROM version WHERE sha256 = ?", [payload])
        }
        if found == releases:
            break
        releases = found
    places = [
        ErasedPlace(**row)
        for release_id in sorted(releases)
        for row in db.query("SELECT source_id, key, url FROM location WHERE release_id = ?", [release_id])
    ]
    return Coverage(
        release_ids=tuple(sorted(releases)), captures=tuple(captures.values()), places=tuple(dict.fromkeys(places))
    )


def texts_of(db: Database, release_ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """All texts that the archive has of releases, in every version and derivation, and all titles."""
    texts: list[str] = []
    titles: set[str] = set()
    for release_id in release_ids:
        for row in db.query("SELECT text, title, article FROM derivation WHERE release_id = ?", [release_id]):
            texts += [row["text"], *_strings(json.loads(row["article"]))]
            titles.add(row["title"] or "")
        # that of an attachment is the text of a link, as in "Pressemitteilung als PDF": it says nothing of the release
        hints = "SELECT title FROM capture WHERE release_id = ? AND kind = 'document' AND title IS NOT NULL"
        titles.update(row["title"] for row in db.query(hints, [release_id]))
    return texts, sorted(titles)


def _strings(value: object) -> Iterator[str]:
    """The longer texts among the fields of an article: teaser, captions, contact, what was removed."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif isinstance(value, str) and value.count(" ") >= 4:
        yield value


def other_texts(db: Database, release_ids: Collection[str]) -> Iterator[str]:
    """The texts and titles of all other releases as they are now, and whatever else they hold."""
    for row in db.query(
        """SELECT r.id, d.title, d.text, d.article FROM release r JOIN derivation d
           ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation"""
    ):
        if row["id"] not in release_ids:
            yield row["text"]
            yield row["title"] or ""
            yield from _strings(json.loads(row["article"]))


def free_captures(db: Database) -> dict[str, CoveredCapture]:
    """Captures that belong to no release: lists of what a source offers, documents that were held back."""
    rows = db.query(f"SELECT {COVERED} FROM capture WHERE release_id IS NULL")
    return {row["record_id"]: CoveredCapture(**row) for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingErasure:
    """An erasure that was decided and is not known to be carried out."""

    decision: str
    case: str


def pending_erasures(db: Database) -> list[PendingErasure]:
    """Erasures that are still to be carried out, the oldest first."""
    rows = db.query("SELECT id, case_id FROM erasure WHERE finished_at IS NULL ORDER BY rowid")
    return [PendingErasure(decision=row["id"], case=row["case_id"]) for row in rows]


def finish_erasure(db: Database, decision: str, now: datetime) -> None:
    """Note that nothing of it is left. Call inside `write_tx`."""
    db.execute("UPDATE erasure SET finished_at = ? WHERE id = ?", [now.isoformat(), decision])


DERIVED = ("tag", "person", "quote", "derivation", "version", "location", "outbox")


def remove_rows(
    db: Database, release_ids: Sequence[str], record_ids: Sequence[str], places: Sequence[ErasedPlace], case: str
) -> None:
    """Take releases and captures out of every table. What is known of where they were found stays, so that it can be
    refused. Call inside `write_tx`, with `PRAGMA secure_delete` on."""
    for release_id in release_ids:
        forget_reuse(db, release_id)
        for table in DERIVED:
            db.execute(f"DELETE FROM {table} WHERE release_id = ?", [release_id])
        db.execute("DELETE FROM release WHERE id = ?", [release_id])
    for record_id in record_ids:
        db.execute("DELETE FROM capture WHERE record_id = ?", [record_id])
    for release_id in release_ids:  # attachments that stay belong to nothing any more
        db.execute("UPDATE capture SET release_id = NULL WHERE release_id = ?", [release_id])
    for place in places:
        db.execute(
            """UPDATE item SET title = NULL, state = 'refused', reason = ?, next_check_at = NULL
               WHERE source_id = ? AND key = ? OR url = ?""",
            [removed_by(case), place.source_id, place.key, place.url],
        )


def sync_profiles(db: Database, profiles: Sequence[LearnedProfile]) -> None:
    """Make the copies of profiles what the files are. Call inside `write_tx`."""
    db.execute("DELETE FROM profile")
    record_profiles(db, profiles)


def forget_titles(db: Database, known: ErasedText) -> None:
    """Take titles that sources gave out of the frontier where they are those of an erased text. Call inside
    `write_tx`."""
    for row in list(db.query("SELECT rowid, title FROM item WHERE title IS NOT NULL")):
        if known.is_in(row["title"]):
            db.execute("UPDATE item SET title = NULL WHERE rowid = ?", [row["rowid"]])


def known_backups(db: Database, release_ids: Sequence[str]) -> list[str]:
    """Backups that were made since one of these releases was first captured, as their events name them."""
    marks = ", ".join("?" * len(release_ids))
    rows = db.query(
        f"""SELECT e.detail FROM event e WHERE e.type = 'replication' AND e.at >= (
              SELECT min(r.first_captured_at) FROM release r WHERE r.id IN ({marks})) ORDER BY e.at""",
        list(release_ids),
    )
    return [row["detail"] for row in rows]


def removed_by(case: str) -> str:
    """Why something is not taken up again."""
    return f"durch Entscheidung entfernt (Fall {case})"


def erased_payloads(db: Database) -> dict[str, str]:
    """What may not be stored again: why, by the sha256 of the body."""
    return {row["sha256"]: removed_by(row["case_id"]) for row in db.query("SELECT * FROM erased_payload")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedItems:
    """Items that are not fetched again, by source and key and by address, each with its case."""

    by_key: dict[tuple[str, str], str]
    by_url: dict[str, str]

    def reason(self, item: Item) -> str | None:
        """Why an item is not fetched, or None."""
        case = self.by_key.get((item.source_id, item.key)) or self.by_url.get(item.url or "")
        return removed_by(case) if case else None


def erased_items(db: Database) -> ErasedItems:
    """What is not to be fetched again."""
    rows = list(db.query("SELECT source_id, key, url, case_id FROM erased_place"))
    return ErasedItems(
        by_key={(row["source_id"], row["key"]): row["case_id"] for row in rows},
        by_url={row["url"]: row["case_id"] for row in rows if row["url"]},
    )
