"""Erasing releases: from the WARC files, the derivation log, the decisions, the profiles, the database and the index.

An erasure is decided by one line of `decisions.jsonl`, which takes its place together with everything in that file that
quotes the text. From then on nothing of the text is needed to carry it out: the line names the bytes, captures and
releases. Each step can be repeated, so a process killed at any moment leaves something that the next command which
writes finishes.
"""

import html
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlite_utils import Database

from archive_pipeline.archive.captures import known_lengths
from archive_pipeline.archive.database import compact, write_tx
from archive_pipeline.archive.decisions import apply_new_decisions, read_decisions, rewrite_decisions
from archive_pipeline.archive.erased_text import ErasedText
from archive_pipeline.archive.profiles import read_profiles, replace_profile
from archive_pipeline.archive.redaction import redacting, sync_redactions
from archive_pipeline.archive.result_sets import erase_from_sets
from archive_pipeline.archive.rights_forms import ErasedPlace, ErasedSpan, Erasure
from archive_pipeline.archive.takedown import (
    Case,
    Coverage,
    CoveredCapture,
    coverage,
    finish_erasure,
    forget_titles,
    free_captures,
    known_backups,
    other_texts,
    pending_erasures,
    remove_rows,
    sync_profiles,
    texts_of,
)
from archive_pipeline.clean.page import CapturePage
from archive_pipeline.decide.deciding import Deciding, new_id, storable
from archive_pipeline.errors import ArchiveError, CleanError
from archive_pipeline.ingest.committing import take_up
from archive_pipeline.model import Capture
from archive_pipeline.warc import Span, erase_spans, record_spans
from archive_pipeline.workspace import Workspace, utc_now

__all__ = [
    "ErasurePlan",
    "clear_files",
    "erase",
    "erasure_of",
    "finish_erasures",
    "finish_rebuilt",
    "plan_erasure",
    "remove_other_indexes",
]

UNFINISHED = (".new", ".unfertig")
"""What names of files end with until they are whole."""

TAG = re.compile(r"<[^<>]{0,5000}>")
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasurePlan:
    """What an erasure is going to cover, for a person to look at before it is decided.

    `captures` are those of the releases and of their payloads, and lists of what a source offers that hold passages of
    the text. `elsewhere` are captures of other releases that hold passages too: they stay, unless their releases become
    part of the case. `kept` are attachments that stay. `backups` names what still holds the text: backups, folders that
    a restore left beside the archive, queries of frozen sets.
    """

    case: str
    release_ids: tuple[str, ...]
    captures: tuple[CoveredCapture, ...]
    places: tuple[ErasedPlace, ...]
    payloads: tuple[str, ...]
    spans: tuple[ErasedSpan, ...]
    elsewhere: tuple[CoveredCapture, ...]
    kept: tuple[CoveredCapture, ...]
    backups: tuple[str, ...]
    known: ErasedText


def plan_erasure(
    workspace: Workspace,
    db: Database,
    case: Case,
    *,
    attachments: bool = False,
    progress: Callable[[int], None] = lambda captures: None,
) -> ErasurePlan:
    """Find everything that has to go with the releases of a case: reads every capture of the archive. Call with the
    writer lock held. Raises ArchiveError when none of them is there, FixityError when a file is damaged."""
    _take_up(workspace, db)
    there = {row["id"] for row in db.query("SELECT id FROM release")}
    wanted = [release_id for release_id in case.release_ids if release_id in there]
    if not wanted:
        raise ArchiveError(f"Zum Fall {case.id} ist keine Mitteilung mehr im Archiv")
    found = coverage(db, wanted, attachments=attachments)
    texts, titles = texts_of(db, found.release_ids)
    known = ErasedText(texts, titles)
    for text in other_texts(db, set(found.release_ids)):
        known.forget(text)
    covered = {one.record_id: one for one in found.captures}
    more, elsewhere, kept = _passages(workspace, db, known, covered, found, progress)
    captures = (*found.captures, *more)
    return ErasurePlan(
        case=case.id,
        release_ids=found.release_ids,
        captures=captures,
        places=found.places,
        payloads=found.payloads,
        spans=tuple(_spans(workspace, captures)),
        elsewhere=elsewhere,
        kept=kept,
        backups=(*known_backups(db, found.release_ids), *_left_beside(workspace), *_named_in_sets(workspace, known)),
        known=known,
    )


def erasure_of(plan: ErasurePlan, deciding: Deciding, reason: str) -> Erasure:
    """The decision that a plan comes to."""
    return Erasure(
        id=new_id(),
        batch=deciding.batch,
        note=storable(reason),
        decided_by=deciding.decided_by,
        decided_at=deciding.decided_at,
        case=plan.case,
        release_ids=plan.release_ids,
        record_ids=tuple(one.record_id for one in plan.captures),
        payloads=plan.payloads,
        places=plan.places,
        spans=plan.spans,
    )


def _take_up(workspace: Workspace, db: Database) -> None:
    """What a killed run left is part of the archive, too."""
    store, log = workspace.warc_store(), workspace.derivation_log()
    known = known_lengths(db)
    store.recover(known)
    log.recover(known)
    with workspace.workers(1) as pool:
        for _ in take_up(db, pool, store, log):
            pass
    log.close()


def _passages(
    workspace: Workspace,
    db: Database,
    known: ErasedText,
    covered: Mapping[str, CoveredCapture],
    found: Coverage,
    progress: Callable[[int], None],
) -> tuple[tuple[CoveredCapture, ...], tuple[CoveredCapture, ...], tuple[CoveredCapture, ...]]:
    """Captures with passages of the text: those that go too, those of other releases, and attachments that stay. Where
    a release was found, the title that its source gave counts, which stands beside an error page as well."""
    free = free_captures(db)
    places = {(place.source_id, place.key) for place in found.places}
    more: dict[str, CoveredCapture] = {}
    elsewhere: list[CoveredCapture] = []
    kept: list[CoveredCapture] = []
    for count, stored in enumerate(workspace.warc_store().captures(), start=1):
        progress(count)
        capture = stored.capture
        if capture.record_id in covered or stored.revisit is not None:
            continue
        is_named = (capture.source_id, capture.key) in places and known.is_in(capture.title or "")
        if not is_named and not known.is_in(legible(capture)):
            continue
        if capture.record_id in free:
            more |= {key: one for key, one in free.items() if one.sha256 == capture.sha256}
            continue
        rows = db.query("SELECT release_id FROM capture WHERE record_id = ?", [capture.record_id])
        release_id = next((row["release_id"] for row in rows), None)
        one = CoveredCapture(
            record_id=capture.record_id,
            source_id=capture.source_id,
            key=capture.key,
            target=capture.target,
            kind=capture.kind,
            sha256=capture.sha256,
            warc_file=capture.warc_file,
            release_id=release_id,
        )
        (kept if release_id in found.release_ids else elsewhere).append(one)
    return tuple(more.values()), tuple(elsewhere), tuple(kept)


def legible(capture: Capture) -> str:
    """The words that a person could read in the bytes of a capture: of pages and feeds without their tags, of PDF, Word
    and mail their text; nothing where there is none."""
    page = CapturePage(capture)
    try:
        text = page.text
    except CleanError:
        text = capture.body.decode("utf-8", "replace")
    if "json" in (capture.media_type or ""):
        text = ESCAPE.sub(lambda found: chr(int(found[1], 16)), text).replace("\\n", " ")
    return html.unescape(TAG.sub(" ", html.unescape(TAG.sub(" ", text))))


def _spans(workspace: Workspace, captures: Sequence[CoveredCapture]) -> Iterable[ErasedSpan]:
    payloads = {one.record_id: one.sha256 for one in captures}
    names = sorted({one.warc_file for one in captures})
    for name in (*names, *workspace.derivation_log().names()):
        for span in record_spans(workspace.data / name, payloads.keys()):
            yield ErasedSpan(
                name=name,
                start=span.start,
                end=span.end,
                record_id=span.record_id,
                sha256=payloads[span.record_id],
            )


def _left_beside(workspace: Workspace) -> list[str]:
    """Folders of data that a restore put aside."""
    data = workspace.data
    return [path.name for word in ("alt", "neu") for path in sorted(data.parent.glob(f"{data.name}.{word}-*"))]


def _named_in_sets(workspace: Workspace, known: ErasedText) -> list[str]:
    """Frozen sets whose query quotes the text: it is part of what their hash proves, and stays."""
    found = []
    for path in sorted((workspace.data / "sets").glob("*.jsonl")):
        with path.open("rb") as lines:
            if known.is_in(lines.readline().decode("utf-8", "replace")):
                found.append(f"Ergebnisliste {path.stem}: ihre Anfrage oder Notiz")
    return found


def erase(workspace: Workspace, db: Database, plan: ErasurePlan, decision: Erasure) -> None:
    """Decide an erasure and carry it out. `decision` is that of the plan (`ErasurePlan`). Call with the writer lock
    held. Raises ArchiveError; what is left to do then is done by `finish_erasures`."""
    with write_tx(db):
        forget_titles(db, plan.known)
    for profile in read_profiles(workspace.profiles_folder):
        lines = tuple(line for line in profile.lines if not plan.known.is_in(line.text))
        if lines != profile.lines:
            replace_profile(workspace.profiles_folder, replace(profile, lines=lines))
    change = redacting(plan.known, set(plan.release_ids), plan.case)
    if decision.note is not None and plan.known.is_in(decision.note):
        decision = replace(decision, note=f"[entfernt, Fall {plan.case}]")
    rewrite_decisions(workspace.decisions_file, change, [decision])
    finish_erasures(workspace, db)


def finish_erasures(workspace: Workspace, db: Database) -> tuple[str, ...]:
    """Carry out what was decided to be erased and is not gone yet; the cases. Call with the writer lock held, outside
    any transaction. Raises ArchiveError; the next call then goes on."""
    apply_new_decisions(db, workspace.decisions_file)
    pending = pending_erasures(db)
    if not pending:
        return ()
    ids = {one.decision for one in pending}
    everything = list(read_decisions(workspace.decisions_file))
    erasures = [one for one in everything if isinstance(one, Erasure) and one.id in ids]
    for erasure in erasures:
        _clear_files(workspace, erasure)
        erase_from_sets(workspace.data, erasure.release_ids, erasure.case)
    _remove_unfinished(workspace)
    db.execute("PRAGMA secure_delete = ON")
    with write_tx(db):
        for erasure in erasures:
            remove_rows(db, erasure.release_ids, erasure.record_ids, erasure.places, erasure.case)
        for decision in everything:
            sync_redactions(db, decision)
        sync_profiles(db, read_profiles(workspace.profiles_folder))
    compact(db)
    workspace.rebuild_index(db, resume=False)  # what a killed rebuild left may hold the texts
    remove_other_indexes(workspace)
    with write_tx(db):
        for one in pending:
            finish_erasure(db, one.decision, utc_now())
    return tuple(one.case for one in pending)


def remove_other_indexes(workspace: Workspace) -> None:
    """Remove the indexes of other engines, and what is left of an old one: they may hold what was erased. Raises
    ArchiveError."""
    for folder in workspace.index_folder.parent.glob("*"):
        if folder == workspace.index_folder:
            continue
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise ArchiveError(
                f"{folder.name} lässt sich nicht entfernen: {error.strerror}",
                hint="Rechte prüfen, dann: archive-pipeline takedown finish",
            ) from error


def clear_files(workspace: Workspace) -> tuple[Erasure, ...]:
    """Take out of the WARC files and the derivation log what was decided to be erased, before anything is read from
    them; every erasure there is. Call with the writer lock held. Raises ArchiveError."""
    erasures = tuple(one for one in read_decisions(workspace.decisions_file) if isinstance(one, Erasure))
    for erasure in erasures:
        _clear_files(workspace, erasure)
        erase_from_sets(workspace.data, erasure.release_ids, erasure.case)
    if erasures:
        _remove_unfinished(workspace)
    return erasures


def _remove_unfinished(workspace: Workspace) -> None:
    """Remove what killed commands left half-written, which may hold the text: nobody else writes, and whoever begins
    anew writes it anew."""
    fresh = f"{workspace.database_file.name}.new"
    for path in sorted(workspace.data.rglob("*")):
        if path.is_file() and (path.name.endswith(UNFINISHED) or path.name.startswith(fresh)):
            try:
                path.unlink()
            except OSError as error:
                raise ArchiveError(
                    f"{path.name} lässt sich nicht entfernen: {error.strerror}",
                    hint="Rechte prüfen, dann: archive-pipeline takedown finish",
                ) from error


def _clear_files(workspace: Workspace, erasure: Erasure) -> None:
    by_file: dict[str, list[Span]] = {}
    for one in erasure.spans:
        span = Span(start=one.start, end=one.end, record_id=one.record_id, sha256=one.sha256)
        by_file.setdefault(one.name, []).append(span)
    told = {"case": erasure.case, "decision": erasure.id, "by": erasure.decided_by, "reason": erasure.note or ""}
    for name, spans in by_file.items():
        if (workspace.data / name).is_file():
            erase_spans(workspace.data, name, spans, told, erasure.decided_at)


def finish_rebuilt(db: Database, erasures: Sequence[Erasure]) -> None:
    """Note in a database that was built from cleared files that nothing of these is left: what was taken over from the
    old one may name them. Call inside `write_tx`."""
    for erasure in erasures:
        remove_rows(db, erasure.release_ids, erasure.record_ids, erasure.places, erasure.case)
        finish_erasure(db, erasure.id, utc_now())
