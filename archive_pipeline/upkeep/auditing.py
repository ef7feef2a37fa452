"""The audit: every record read again and compared with its digests, and everything derived compared with the records.

It holds no lock: it looks at one state of the database, and at the files as far as that state accounts for them, while
a run may go on. What it finds is an event and exit code 20.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlite_utils import Database

from archive_pipeline.archive.captures import known_lengths
from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.decided_tables import differing_decisions
from archive_pipeline.archive.decision_forms import Decision
from archive_pipeline.archive.decisions import decision_sha256, read_decisions
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.profiles import read_profiles
from archive_pipeline.archive.reading import last_seq
from archive_pipeline.archive.result_sets import list_sets, verify_set
from archive_pipeline.archive.takedown import pending_erasures
from archive_pipeline.archive.topic_models import active_number, read_topic_model, topic_model_numbers
from archive_pipeline.archive.verification import (
    AuditRow,
    DerivationCheck,
    contradictions,
    decided_hashes,
    decided_ids,
    differing_columns,
    ending_differs,
    is_blank,
    last_audit,
    record_audit,
    recorded_derivations,
    recorded_records,
)
from archive_pipeline.archive.visibility import ARCHIVIST, visible_count
from archive_pipeline.errors import ArchiveError, FixityError, IndexingError
from archive_pipeline.index.fixity import damaged_files
from archive_pipeline.warc import Derived, StoredCapture, cdxj_file, read_cdxj
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = ["Audited", "Finding", "audit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it was written: the object (a file, a record, a release), and what is wrong with it."""

    subject: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What an audit read and found. `scope` is `all` or `1/30`; `complete` says that everything has been looked at
    since the last complete audit."""

    scope: str
    records: int
    bytes: int
    findings: tuple[Finding, ...]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Bytes of one file that are to be read."""

    name: str
    start: int
    end: int


def audit(
    workspace: Workspace, *, subset: int | None = None, progress: Callable[[int, int], None] = lambda done, total: None
) -> Audited:
    """Verify everything, or with `subset` the next n-th part of the bytes; a later call goes on where this one ends.

    `progress` hears of bytes read and bytes to be read. The outcome is written to the event log. Raises NoArchiveError;
    FixityError when the database itself can't be read to the end.
    """
    started = utc_now()
    with _readable(), workspace.reading() as db:
        lengths = known_lengths(db)
        before = last_audit(db)
        parts, complete = _parts(lengths, subset, before)
        with DerivationCheck() as check:
            look = _Look(workspace, db, lengths, check, progress, sum(part.end - part.start for part in parts))
            findings = tuple(look.findings(parts, quick=subset is not None))
    scope = "all" if subset is None else f"1/{subset}"
    row = AuditRow(
        scope=scope,
        started_at=started,
        finished_at=utc_now(),
        records=look.records,
        bytes=look.done,
        findings=len(findings),
        complete=complete,
        next_file=None if complete else look.next_name,
        next_offset=0 if complete else look.next_offset,
    )
    with _readable(), workspace.looking() as db, write_tx(db):
        record_audit(db, row)
        _record_events(db, row, findings)
    return Audited(scope=scope, records=look.records, bytes=look.done, findings=findings, complete=complete)


@contextmanager
def _readable() -> Iterator[None]:
    """A database that can't be opened, or read to the end, is the finding itself."""
    hint = "archive-pipeline rebuild baut sie aus den WARC-Dateien neu auf"
    try:
        yield
    except (sqlite3.DatabaseError, ValueError) as error:  # a time or a text that is none
        raise FixityError(f"archive.db ist beschädigt: {error}", hint=hint) from error
    except ArchiveError as error:
        cause = error.__cause__
        if not isinstance(cause, sqlite3.DatabaseError) or isinstance(cause, sqlite3.OperationalError):
            raise  # a disk or rights, which say nothing of the file
        raise FixityError(f"archive.db ist beschädigt: {cause}", hint=hint) from error


def _record_events(db: Database, row: AuditRow, findings: tuple[Finding, ...]) -> None:
    outcome = f"audit {row.scope}: {row.records} Sätze, {row.bytes} Bytes, {row.findings} Abweichungen"
    record_event(
        db,
        "fixity check",
        at=row.finished_at,
        agent=SOFTWARE,
        subject="archive",
        outcome="failure" if findings else "success",
        detail=outcome,
    )
    for finding in findings:
        record_event(
            db,
            "fixity check",
            at=row.finished_at,
            agent=SOFTWARE,
            subject=finding.subject,
            outcome="failure",
            detail=finding.message,
        )


def _parts(lengths: Mapping[str, int], subset: int | None, before: AuditRow | None) -> tuple[list[_Part], bool]:
    """What is to be read, and whether it reaches the end of everything."""
    line = [_Part(name=name, start=0, end=lengths[name]) for name in sorted(lengths, key=_order) if lengths[name]]
    if subset is None:
        return line, True
    if before is not None and before.next_file is not None:
        place = _order(before.next_file)
        line = [
            _Part(name=part.name, start=before.next_offset if part.name == before.next_file else 0, end=part.end)
            for part in line
            if _order(part.name) >= place
        ]
    budget = -(-sum(lengths.values()) // subset)
    chosen: list[_Part] = []
    for part in line:
        if budget <= 0:
            return chosen, False
        size = min(part.end - part.start, budget)
        budget -= size
        if size:
            chosen.append(_Part(name=part.name, start=part.start, end=part.start + size))
        if part.start + size < part.end:
            return chosen, False
    return chosen, True


def _order(name: str) -> tuple[str, str]:
    """Captures before what was made of them; then by the serial that ends the name."""
    series, _, rest = name.partition("/")
    return ("0" if series == "warc" else "1"), rest.rpartition("-")[2].rjust(20, "0")


class _Look:
    """One look at the files and the database."""

    def __init__(
        self,
        workspace: Workspace,
        db: Database,
        lengths: Mapping[str, int],
        check: DerivationCheck,
        progress: Callable[[int, int], None],
        total: int,
    ) -> None:
        self.workspace = workspace
        self.db = db
        self.lengths = lengths
        self.progress = progress
        self.total = total
        self.records = 0
        self.done = 0
        self.next_name: str | None = None
        self.next_offset = 0
        self.seen: set[tuple[str, str, int]] = set()
        self.otherwise: dict[str, str] = {}
        self.check = check

    def findings(self, parts: list[_Part], *, quick: bool) -> Iterator[Finding]:
        """Everything that is wrong in these parts, and in what is no part of a file."""
        if is_blank(self.db) and self.workspace.has_captures():
            yield Finding(subject="archive.db", message="archive.db ist leer, aber WARC-Dateien sind da")
        for name, length in self.lengths.items():
            path = self.workspace.data / name
            size = path.stat().st_size if path.is_file() else -1
            if size < length:
                found = f"{size} Bytes" if size >= 0 else "keine Datei"
                yield Finding(subject=name, message=f"{name}: erwartet {length} Bytes, gefunden {found}")
        for part in parts:
            if (self.workspace.data / part.name).is_file():
                yield from self._captures(part) if part.name.startswith("warc/") else self._derivations(part)
        if not quick and self.seen:
            for place in sorted(recorded_derivations(self.db) - self.seen):
                name = "{}@{}.{}".format(*place)
                yield Finding(subject=place[0], message=f"{name}: die Ableitung steht in keinem derivations-Satz")
        if not quick:
            for record_id, name in self.otherwise.items():
                message = f"{record_id}: Ergebnis und Grund in der Datenbank weichen von {name} ab"
                yield Finding(subject=record_id, message=message)
        for subject, message in contradictions(self.db, quick=quick):
            yield Finding(subject=subject, message=f"{subject}: {message}")
        yield from self._decisions(quick=quick)
        yield from self._learned()
        yield from self._sets()
        for erasure in pending_erasures(self.db):
            message = f"Fall {erasure.case}: das Löschen ist nicht zu Ende geführt (archive-pipeline takedown finish)"
            yield Finding(subject=f"Fall {erasure.case}", message=message)
        if not quick:
            yield from self._index_files()
        yield from self._index()

    def _captures(self, part: _Part) -> Iterator[Finding]:
        length, lines, position = self.lengths[part.name], list[str](), part.start
        records: set[str] = set()
        damage: list[FixityError] = []
        for found in self.workspace.warc_store().verify(part.name, part.start, length, accounted=length, lines=lines):
            if isinstance(found, FixityError):
                damage.append(found)
                continue
            records.add(found.capture.record_id)
            yield from self._capture(found)
            position = found.end
            self._read(part, position)
            if position >= part.end:
                break
        else:
            position = length
        rows = recorded_records(self.db, part.name, part.start, position)
        for error in damage:
            yield Finding(subject=part.name, message=error.message)
        for record_id, release_id in rows.items():
            if record_id not in records:
                of = f" der Mitteilung {release_id}" if release_id else ""
                message = f"{part.name}: der Satz {record_id}{of} ist nicht lesbar oder fehlt"
                yield Finding(subject=record_id, message=message)
        if not damage:
            yield from self._cdxj(part.name, part.start, position, lines)
        self._finish(part, position)

    def _capture(self, stored: StoredCapture) -> Iterator[Finding]:
        capture = stored.capture
        where = f"{capture.warc_file}, Byte {capture.warc_offset}, Datensatz {capture.record_id}"
        differing = differing_columns(self.db, capture)
        if differing is None:
            yield Finding(subject=capture.record_id, message=f"{where}: die Datenbank kennt die Erfassung nicht")
        elif differing:
            names = ", ".join(differing)
            yield Finding(subject=capture.record_id, message=f"{where}: in der Datenbank weicht ab: {names}")

    def _cdxj(self, name: str, start: int, end: int, lines: list[str]) -> Iterator[Finding]:
        """Whether the CDXJ lines say what lies in these bytes; a run may not have come to write the newest ones yet."""
        path = cdxj_file(self.workspace.data, name).relative_to(self.workspace.data).as_posix()
        listed = read_cdxj(self.workspace.data, name)
        if listed is None:
            return
        by_place: dict[int, str] = {}
        for line in listed:
            try:
                by_place[int(json.loads(line.split(" ", 2)[2])["offset"])] = line
            except (ValueError, IndexError, KeyError, TypeError):
                yield Finding(subject=path, message=f"{path}: eine Zeile ist nicht lesbar ({line[:60]!r})")
                return
        if listed != sorted(listed):
            yield Finding(subject=path, message=f"{path}: die Zeilen stehen nicht in ihrer Ordnung")
        newest = max(by_place, default=-1)
        right = {int(json.loads(line.split(" ", 2)[2])["offset"]): line for line in lines}
        wrong = [place for place, line in right.items() if place <= newest and by_place.get(place) != line]
        wrong += [place for place in by_place if start <= place < end and place not in right]
        for place in sorted(set(wrong)):
            yield Finding(
                subject=path, message=f"{path}: die Zeile zu Byte {place} von {name} weicht von der WARC-Datei ab"
            )

    def _derivations(self, part: _Part) -> Iterator[Finding]:
        length, position = self.lengths[part.name], part.start
        for end, found in self.workspace.derivation_log().verify(part.name, part.start, length, accounted=length):
            position = end
            if isinstance(found, FixityError):
                yield Finding(subject=part.name, message=found.message)
            else:
                yield from self._derivation(part.name, found)
            self._read(part, position)
            if position >= part.end:
                break
        else:
            position = length
        self._finish(part, position)

    def _derivation(self, name: str, derived: Derived) -> Iterator[Finding]:
        self._ending(name, derived)
        if derived.release_id is None or derived.version_id is None or derived.number is None:
            return
        place = (derived.release_id, derived.version_id, derived.number)
        self.seen.add(place)
        if derived.change == "unchanged" or not derived.made or derived.article is None:
            return
        tables = self.check.differing(self.db, place, derived.processed, derived.software)
        if tables:
            message = f"Mitteilung {derived.name}: {', '.join(tables)} in der Datenbank weicht von {name} ab"
            yield Finding(subject=derived.release_id, message=message)

    def _ending(self, name: str, derived: Derived) -> None:
        """How the newest attempt at a capture ended, and why; the log holds those before it as well."""
        if derived.step != "ingestion":
            return
        self.otherwise.pop(derived.record_id, None)
        if ending_differs(self.db, derived.record_id, derived.status, derived.reason):
            self.otherwise[derived.record_id] = name

    def _read(self, part: _Part, position: int) -> None:
        self.records += 1
        self.progress(self.done + min(position, part.end) - part.start, self.total)

    def _finish(self, part: _Part, position: int) -> None:
        self.done += position - part.start
        self.next_name, self.next_offset = part.name, position
        self.progress(min(self.done, self.total), self.total)

    def _decisions(self, *, quick: bool) -> Iterator[Finding]:
        path = self.workspace.decisions_file
        try:
            decisions = list(read_decisions(path))
        except ArchiveError as error:
            yield Finding(subject=path.name, message=error.message)
            return
        changed = list(self._decided_lines(decisions))
        yield from changed
        if not changed and not quick:
            yield from self._decided_rows(decisions)

    def _decided_lines(self, decisions: Sequence[Decision]) -> Iterator[Finding]:
        """Lines that say something else than when the database read them."""
        name = self.workspace.decisions_file.name
        written = {decision.id: decision_sha256(decision) for decision in decisions}
        for id_, applied in sorted(decided_hashes(self.db).items()):
            if id_ not in written:
                message = f"{name}: die Entscheidung {id_} der Datenbank fehlt darin"
                yield Finding(subject=name, message=message)
            elif applied not in (None, written[id_]):
                message = f"{name}: die Entscheidung {id_} sagt etwas anderes als damals, als sie galt"
                yield Finding(subject=name, message=message)

    def _decided_rows(self, decisions: Sequence[Decision]) -> Iterator[Finding]:
        """Rows that say something else than the decisions which the database has read."""
        read = decided_ids(self.db)
        for table, row in differing_decisions(self.db, (one for one in decisions if one.id in read)):
            message = f"archive.db, Tabelle {table}, Zeile {row}: weicht von {self.workspace.decisions_file.name} ab"
            yield Finding(subject="archive.db", message=message)

    def _learned(self) -> Iterator[Finding]:
        """Profiles and topic models prove themselves."""
        try:
            read_profiles(self.workspace.profiles_folder)
        except ArchiveError as error:
            yield Finding(subject="profiles", message=error.message)
        models = self.workspace.topic_models_folder
        try:
            active_number(models)
            for number in topic_model_numbers(models):
                read_topic_model(models, number)
        except ArchiveError as error:
            yield Finding(subject=models.name, message=error.message)

    def _sets(self) -> Iterator[Finding]:
        """Frozen sets are files of their own, which nothing can make again."""
        try:
            sets = list_sets(self.db)
        except ValueError as error:
            yield Finding(subject="archive.db", message=f"archive.db, Tabelle result_set: nicht lesbar ({error})")
            return
        for row in sets:
            wrong = verify_set(self.workspace.data, row)
            if wrong is not None:
                yield Finding(subject=f"sets/{row.name}.jsonl", message=wrong)

    def _index_files(self) -> Iterator[Finding]:
        """Whether the files of the index are those that were written; a writer may replace them while they are read."""
        folder = self.workspace.index_folder
        subject = folder.relative_to(self.workspace.data).as_posix()
        try:
            damaged = damaged_files(folder)
        except FileNotFoundError:
            return
        except OSError as error:
            yield Finding(subject=subject, message=f"{subject}: nicht lesbar ({error.strerror})")
            return
        for name in damaged:
            message = f"{subject}/{name}: hat nicht mehr den Inhalt, der geschrieben wurde"
            yield Finding(subject=f"{subject}/{name}", message=f"{message}; archive-pipeline index rebuild")

    def _index(self) -> Iterator[Finding]:
        """Whether the index holds what the outbox announced, where nobody is writing: else it may be behind."""
        name = f"index/{self.workspace.config.archive.engine}"
        try:
            with self.workspace.index() as index:
                seq, count = index.seq(), index.count()
        except IndexingError:
            return  # disposable, and built anew by the next search
        newest, releases = last_seq(self.db), visible_count(self.db, ARCHIVIST)
        if seq == newest and count != releases:
            message = f"{name}: {count} Mitteilungen im Index, {releases} in der Datenbank"
            yield Finding(subject=name, message=f"{message}; archive-pipeline rebuild baut ihn neu")
