"""Taking our own exports back: JSON lines with their captures, and bags.

An export that can be restored carries the truth itself: the records of captures, what the derivation log says of them,
and decisions. These are put behind the truth that is here, and then taken up as what a killed run left is: so releases,
versions, derivations and tags come to be under the ids they had, a rebuild makes them again, and an import that is
killed is finished by the next one.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlite_utils import Database

from archive_pipeline.archive.captures import is_recorded, known_lengths, warc_lengths
from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.decision_forms import Decision
from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.extracts import ERASURE, ReleaseHere, capture_of, release_here, was_erased
from archive_pipeline.archive.foreign_decisions import PROTECTING, adoptable, is_about
from archive_pipeline.archive.identity import ID_LENGTH
from archive_pipeline.archive.runs import follow_access, record_source
from archive_pipeline.archive.takedown import erased_payloads
from archive_pipeline.archive.verification import release_count
from archive_pipeline.decide.hiding import one_at_a_time
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.exchange.exporting import verify_export
from archive_pipeline.export.bagit import is_bag
from archive_pipeline.export.manifest import find_manifest
from archive_pipeline.ingest.committing import TakingUp, batched, take_up
from archive_pipeline.model import Source
from archive_pipeline.processing.workers import Workers
from archive_pipeline.upkeep.reusing import update_reuse
from archive_pipeline.warc import DerivationLog, Derived, WarcStore, update_cdxj
from archive_pipeline.warc.derivations import text_sha256
from archive_pipeline.warc.transfer import CaptureRecords, parse_capture
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = ["Imported", "import_export", "is_export"]

RELEASES_A_BATCH = 25
BYTES_A_BATCH = 32_000_000

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What values of other kinds than ours lead to, those of pydantic and base64 among them."""

RELEASE = re.compile(r"[0-9a-f]{16}")

DERIVED = TypeAdapter(Derived)
DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import came to. `releases` are new here, `known` were here already; `kept_apart` counts derivations that
    were left out because the same permalink shows another text here, `refused` releases whose text was erased here,
    `held_back` decisions that were not taken because this archive decided otherwise."""

    releases: int
    known: int
    captures: int
    decisions: int
    kept_apart: int
    refused: int
    held_back: int


@dataclass(slots=True)
class _Counts:
    lines: int = 0
    captures: int = 0
    kept_apart: int = 0
    refused: int = 0
    decisions: int = 0
    held_back: set[str] = field(default_factory=set)


def is_export(path: Path) -> bool:
    """Whether a file or folder is an export of ours that can be restored, or was meant to be: JSON lines of releases, a
    bag, or a folder of bags."""
    if path.is_dir():
        return bool(list(_bags(path))) and any((bag / "data" / "releases.jsonl").is_file() for bag in _bags(path))
    with path.open("rb") as lines:
        return lines.read(64).startswith(b'{"schema": "apl/release/1"')


def _bags(path: Path) -> Iterator[Path]:
    if is_bag(path):
        yield path
    elif find_manifest(path) is not None:
        yield from sorted(found.parent for found in path.glob("*/bagit.txt"))


def import_export(workspace: Workspace, path: Path, *, progress: Callable[[int], None] = lambda done: None) -> Imported:
    """Restore the releases of an export here, beside what is there. Every file is verified before anything is written.

    Raises FixityError where the export is damaged, ArchiveError where it holds no captures (exported without them, or
    without texts) or a disk does not take what is to be written, LockedError.
    """
    _verify(path)
    counts = _Counts()
    with workspace.writing("import") as db, workspace.workers(1) as pool:
        before = release_count(db)
        store, log = workspace.warc_store(), workspace.derivation_log()
        try:
            _finish_killed(workspace, db, pool, store, log)
            taking = _Taking(workspace, db, pool, store, log, counts)
            for batch in _batches(path):
                taking.take(batch)
                progress(counts.lines)
        finally:
            store.close()
            log.close()
        taking.finish()
        done = Imported(
            releases=release_count(db) - before,
            known=counts.lines - counts.refused - (release_count(db) - before),
            captures=counts.captures,
            decisions=counts.decisions,
            kept_apart=counts.kept_apart,
            refused=counts.refused,
            held_back=len(counts.held_back),
        )
        with write_tx(db):
            follow_access(db, workspace.config.sources)
            told = f"Import eines Exports: {done.releases} neue Mitteilungen, {done.captures} Erfassungen"
            record_event(
                db, "information package merging", at=utc_now(), agent=SOFTWARE, subject="archive", detail=told
            )
        workspace.update_index(db)
        update_cdxj(workspace.data, warc_lengths(db))
        update_reuse(db)
    return done


def _verify(path: Path) -> None:
    if find_manifest(path) is None and not path.is_dir():
        return  # lines that went through a pipe: each record proves itself
    manifest, wrong = verify_export(path)
    if wrong:
        more = f" (und {len(wrong) - 1} weitere)" if len(wrong) > 1 else ""
        raise FixityError(f"Der Export ist beschädigt: {wrong[0]}{more}", hint="neu holen; hier wurde nichts verändert")
    if manifest is not None and not manifest.restorable:
        raise _not_restorable(path)


def _not_restorable(path: Path) -> ArchiveError:
    return ArchiveError(
        f"{path.name} wurde ohne Erfassungen oder ohne Texte exportiert: daraus lässt sich nichts wiederherstellen",
        hint="neu exportieren: archive-pipeline export jsonl --out PFAD, oder bagit",
    )


def _finish_killed(workspace: Workspace, db: Database, pool: Workers, store: WarcStore, log: DerivationLog) -> None:
    """What a killed run left comes first, as every place in the files is counted from there."""
    known = known_lengths(db)
    store.recover(known)
    log.recover(known)
    apply_new_decisions(db, workspace.decisions_file)
    for _ in take_up(db, pool, store, log):
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One release of an export: the records of its captures, what was made of them, and decisions by number."""

    release_id: str
    captures: tuple[CaptureRecords, ...]
    derivations: tuple[Derived, ...]
    decisions: tuple[tuple[int, Decision], ...]
    size: int


def _batches(path: Path) -> Iterator[list[_Line]]:
    """The releases in lists that are written together, bounded in number and in bytes held in memory."""
    batch: list[_Line] = []
    files = [(path, None)] if path.is_file() else []
    bags = (
        [(bag / "data" / "releases.jsonl", bag / "data" / "captures.warc.gz") for bag in _bags(path)]
        if not files
        else []
    )
    for lines, captures in (*files, *bags):
        for one in _lines(lines, captures):
            batch.append(one)
            if len(batch) >= RELEASES_A_BATCH or sum(line.size for line in batch) >= BYTES_A_BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _lines(path: Path, captures: Path | None) -> Iterator[_Line]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{path.name}:{number}"
            try:
                row = json.loads(line)
                release_id, archive = str(row["id"]), row.get("archive")
            except UNREADABLE as error:
                raise FixityError(f"{where} ist keine lesbare Mitteilung ({line[:40]!r})") from error
            if archive is None:
                raise _not_restorable(path)
            try:
                yield _line(where, release_id, archive, captures)
            except UNREADABLE as error:
                raise FixityError(f"{where}, Mitteilung {release_id}: nicht lesbar ({error})") from error


def _line(where: str, release_id: str, archive: dict[str, Any], captures: Path | None) -> _Line:
    groups, size = [], 0
    for one in archive["captures"]:
        data = _records(one, captures)
        size += len(data)
        groups.append(parse_capture(data, f"{where}, Erfassung {one['record_id']}"))
    if not RELEASE.fullmatch(release_id):
        raise FixityError(f"{where}: {release_id!r} ist keine Kennung einer Mitteilung")
    derivations = tuple(DERIVED.validate_json(json.dumps(one)) for one in archive["derivations"])
    bodies = {group.capture.id: group.sha256 for group in groups}
    for derived in derivations:
        _check(where, release_id, derived, bodies)
    decisions = tuple(_decisions(where, release_id, archive["decisions"], bodies))
    return _Line(release_id=release_id, captures=tuple(groups), derivations=derivations, decisions=decisions, size=size)


def _check(where: str, release_id: str, derived: Derived, bodies: Mapping[str, str]) -> None:
    """Whether a derivation is one of this release, made of one of its captures (sha256 of the body, by record), with
    the text it had."""
    found = text_sha256(derived.article.text) if derived.article is not None else derived.text_sha256
    is_whole = found == derived.text_sha256 and derived.status == "accepted" and (derived.number or 0) > 0
    if derived.change != "unchanged":
        is_whole = is_whole and derived.article is not None
        is_whole = is_whole and bodies.get(derived.record_id, "")[:ID_LENGTH] == derived.version_id
    if derived.release_id != release_id or derived.record_id not in bodies or not is_whole:
        raise FixityError(f"{where}, Mitteilung {release_id}: die Ableitung {derived.name} gehört nicht zu ihr")


def _decisions(
    where: str, release_id: str, rows: Sequence[dict[str, Any]], bodies: Mapping[str, str]
) -> Iterator[tuple[int, Decision]]:
    """The decisions about a release, each with its place in their order; those that name bytes of another archive's
    files mean nothing here."""
    found: list[tuple[int, Decision]] = []
    for row in rows:
        if row["decision"]["schema"] == ERASURE:
            continue
        try:
            found.append((int(row["number"]), DECISION.validate_python(row["decision"])))
        except ValidationError as error:
            raise ArchiveError(
                f"{where}, Mitteilung {release_id}: eine Entscheidung, die diese Version nicht kennt: "
                f"{error.errors()[0]['msg']}",
                hint="archive-pipeline aktualisieren, dann den Import wiederholen",
            ) from error
    beside = [one for _, one in found]
    for number, one in found:
        if one.decided_at.tzinfo is None or not is_about(one, release_id, bodies, beside):
            raise FixityError(f"{where}, Mitteilung {release_id}: die Entscheidung {one.id} gehört nicht zu ihr")
        yield number, one


def _records(capture: dict[str, Any], captures: Path | None) -> bytes:
    """The records of a capture: from the line, or from the WARC file beside it."""
    if captures is None:
        return base64.b64decode(capture["records"], validate=True)
    with captures.open("rb") as file:
        file.seek(capture["offset"])
        return file.read(capture["length"])


class _Taking:
    """Puts lines of an export behind the files of this archive and takes them up, batch by batch."""

    def __init__(
        self,
        workspace: Workspace,
        db: Database,
        pool: Workers,
        store: WarcStore,
        log: DerivationLog,
        counts: _Counts,
    ) -> None:
        self._workspace = workspace
        self._db = db
        self._pool = pool
        self._store = store
        self._log = log
        self._counts = counts
        self._erased = erased_payloads(db)
        self._decisions: dict[int, Decision] = {}

    def take(self, batch: Sequence[_Line]) -> None:
        """One batch: what is made of the captures is on disk before them, so that a process killed in between cleans
        nothing anew; and what keeps its releases from readers holds before they are there."""
        known = known_lengths(self._db)
        groups: dict[str, CaptureRecords] = {}
        derived: list[Derived] = []
        wanted = [line for line in batch if not self._is_erased(line)]
        self._counts.lines += len(batch)
        self._counts.refused += len(batch) - len(wanted)
        found = {number: one for line in wanted for number, one in line.decisions}
        self._decide({number: one for number, one in found.items() if isinstance(one, PROTECTING)})
        self._decisions |= {number: one for number, one in found.items() if not isinstance(one, PROTECTING)}
        for line in wanted:
            for group in line.captures:
                if not is_recorded(self._db, group.capture.id):
                    groups.setdefault(group.capture.id, group)
            derived += self._derivations(line, release_here(self._db, line.release_id))
        self._require_originals(groups)
        if derived:
            self._log.append(derived)
            self._log.sync()
        self._write(groups)
        self._take_up(known)
        self._counts.captures += len(groups)

    def finish(self) -> None:
        """Take all other decisions, in the order they had."""
        self._decide(self._decisions)

    def _decide(self, decisions: Mapping[int, Decision]) -> None:
        if not decisions:
            return
        path = self._workspace.decisions_file
        with one_at_a_time(self._workspace):
            apply_new_decisions(self._db, path)  # somebody may have hidden something meanwhile
            found = adoptable(self._db, [decisions[number] for number in sorted(decisions)])
            if found.decisions:
                decide(self._db, path, found.decisions)
        self._counts.decisions += len(found.decisions)
        self._counts.held_back.update(found.left_out)

    def _is_erased(self, line: _Line) -> bool:
        bodies = {group.sha256 for group in line.captures}
        return not bodies.isdisjoint(self._erased) or was_erased(self._db, line.release_id)

    def _write(self, groups: dict[str, CaptureRecords]) -> None:
        """The records; what a revisit refers to lies where it came to lie here."""
        places: dict[str, tuple[str, int]] = {}
        for record_id, group in groups.items():
            places[record_id] = self._store.write_records(self._placed(group, places).parts)
        self._store.sync()

    def _placed(self, group: CaptureRecords, places: Mapping[str, tuple[str, int]]) -> CaptureRecords:
        if group.original is None:
            return group
        original = group.original_id or ""
        if original in places:
            return group.referring_to(*places[original])
        here = capture_of(self._db, original)
        assert here is not None  # looked for before
        return group.referring_to(here.warc_file, here.warc_offset)

    def _require_originals(self, groups: Mapping[str, CaptureRecords]) -> None:
        """What a revisit refers to came before it, or is here, and has the body that it stands for."""
        bodies: dict[str, str] = {}
        for record_id, group in groups.items():
            original = group.original_id or ""
            if group.original is not None and original not in bodies and (here := capture_of(self._db, original)):
                bodies[original] = here.sha256
            if group.original is not None and bodies.get(original) != group.sha256:
                raise FixityError(f"Die Erfassung {record_id} verweist auf {original}: die fehlt im Export")
            bodies[record_id] = group.sha256

    def _take_up(self, known: dict[str, int]) -> None:
        def note_source(source: Source) -> None:
            if next(self._db.query("SELECT 1 FROM source WHERE id = ?", [source.id]), None) is None:
                record_source(self._db, source)

        damaged: list[FixityError] = []
        taking = TakingUp(
            self._db,
            self._pool,
            self._store,
            self._log,
            entries=self._log.read(known),
            logged=self._log.record_ids(known),
            note_source=note_source,
        )
        for batch in batched(self._store.captures(after=known, damaged=damaged.append)):
            taking.take(batch)
        taking.finish()
        if damaged:
            raise damaged[0]

    def _derivations(self, line: _Line, here: ReleaseHere | None) -> list[Derived]:
        """What the log has to say of a release: of one that is not here, what it said there."""
        if here is None:
            return list(line.derivations)
        return [one for one in map(partial(self._merged, here), line.derivations) if one is not None]

    def _merged(self, here: ReleaseHere, one: Derived) -> Derived | None:
        """What was made of a capture, for a release that is here already. Its texts stay under their permalinks, and an
        older version does not become the current one; None: nothing is to be said."""
        text = one.article.text if one.article else None
        place = (one.version_id or "", one.number or 0)
        if text is not None and here.texts.get(place, text) != text:
            self._counts.kept_apart += 1
        if one.step == "derivation":
            if place not in here.texts:
                self._counts.kept_apart += 1
            return None
        if is_recorded(self._db, one.record_id):
            return None
        if one.change == "unchanged":
            return one
        if any(version == one.version_id for version, _ in here.texts):
            return replace(one, change="unchanged", text_sha256=None, article=None, tags=(), persons=(), quotes=())
        return replace(one, change="changed", current=one.at > here.captured_at)
