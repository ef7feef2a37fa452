"""The way back: a backup in the place of the archive it was made of, or of none.

Everything is verified before anything is replaced, and verified again as it is copied. The new data take the place of
the old ones in one step; the old ones stay beside.
"""

import ctypes
import os
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from pydantic.dataclasses import dataclass

from archive_pipeline.archive.database import open_database, write_tx
from archive_pipeline.archive.decision_forms import Decision
from archive_pipeline.archive.decisions import apply_new_decisions, read_decisions
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.archive.rights_forms import Erasure, TakedownStep
from archive_pipeline.durable import sync
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.upkeep.backup_files import (
    DATA,
    DATABASE,
    Entry,
    Manifest,
    copy_durably,
    explained,
    hash_file,
    inside,
    verify_backup,
)
from archive_pipeline.workspace import CONFIG_NAME, SOFTWARE, utc_now

__all__ = ["Restored", "restore"]

DECISIONS = "decisions.jsonl"
RENAME_EXCHANGE, AT_FDCWD = 2, -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put where, and the folder that was there before (None: none). `config_beside` is the backup's
    sources.toml where the archive has another one, which stays. `missing_decisions` counts what people decided since
    the backup was made, `missing_cases` are those among it by which releases were hidden or erased: they are to be seen
    again."""

    data: Path
    before: Path | None
    releases: int
    config_beside: Path | None
    missing_decisions: int
    missing_cases: tuple[str, ...]


def restore(
    backup: Path,
    folder: Path,
    data: Path | None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Restored:
    """Put a backup in the place of the archive in `folder`, whose data lie in `data` (None: where the sources.toml of
    the backup says). Everything is verified before anything is replaced; what was there stays beside.

    Raises FixityError naming the damaged file, LockedError while somebody writes, ArchiveError.
    """
    manifest, wrong = verify_backup(backup, progress=progress)
    if wrong:
        more = f" (und {len(wrong) - 1} weitere)" if len(wrong) > 1 else ""
        raise FixityError(
            f"Die Sicherung ist beschädigt: {wrong[0]}{more}",
            hint="eine andere Sicherung nehmen; hier wurde nichts verändert",
        )
    data = data or _data_folder(backup, folder)
    now = utc_now()
    fresh, old = (data.with_name(f"{data.name}.{word}-{now:%Y%m%dT%H%M%S.%fZ}") for word in ("neu", "alt"))
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        data.parent.mkdir(parents=True, exist_ok=True)
        for left in data.parent.glob(f"{data.name}.neu-*"):  # of a restore that was killed
            shutil.rmtree(left)
        try:
            for entry in manifest.files:
                if entry.path.startswith(f"{DATA}/"):
                    name = entry.path.removeprefix(f"{DATA}/")
                    _copy_verified(inside(backup, entry.path), inside(fresh, name), entry)
            _prepare(fresh / Path(DATABASE).name, backup)
            _sync_tree(fresh)
            before = _swap(fresh, data, old)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        beside = _restore_beside(backup, folder, manifest)
    missing = _missing_decisions(before, data) if before else []
    hidden = [one.case for one in missing if isinstance(one, Erasure | TakedownStep) and _withholds(one)]
    return Restored(
        data=data,
        before=before,
        releases=manifest.releases,
        config_beside=beside,
        missing_decisions=len(missing),
        missing_cases=tuple(dict.fromkeys(hidden)),
    )


def _withholds(decision: Erasure | TakedownStep) -> bool:
    return isinstance(decision, Erasure) or decision.step == "hide"


def _prepare(database: Path, backup: Path) -> None:
    """Make the database of a backup that of an archive: it writes ahead, knows where its texts lie as well, and has the
    decisions that were taken while the backup was made. Those stand in its decisions.jsonl alone, and what was hidden
    then must not be shown until somebody decides something else."""
    with suppress(ArchiveError), closing(open_database(database, create=True)) as db:
        with write_tx(db):
            detail = f"Sicherung {backup.name}: hieraus wiederhergestellt"
            record_event(db, "replication", at=utc_now(), agent=SOFTWARE, subject="archive", detail=detail)
        apply_new_decisions(db, database.with_name(DECISIONS))  # an unreadable line is told to whoever decides next


def _missing_decisions(before: Path, data: Path) -> list[Decision]:
    """What was decided in the archive that was here and stands in the restored one no more."""
    kept = {one.id for one in _readable(data / DECISIONS)}
    return [one for one in _readable(before / DECISIONS) if one.id not in kept]


def _readable(path: Path) -> Iterator[Decision]:
    """The decisions of a file up to the first that can't be read: an archive may be restored for that."""
    with suppress(ArchiveError):
        yield from read_decisions(path)


def _copy_verified(source: Path, target: Path, entry: Entry) -> None:
    """Copy a file that was verified a moment ago, and look again at what was read now."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if copy_durably(source, target, entry.bytes) != (entry.bytes, entry.sha256):
        raise FixityError(f"{entry.path} hat sich beim Lesen verändert", hint="den Datenträger der Sicherung prüfen")


def _data_folder(backup: Path, folder: Path) -> Path:
    """Where the sources.toml of a backup puts the data, below the folder that it is restored to."""
    config = tomllib.loads((backup / CONFIG_NAME).read_text(encoding="utf-8-sig"))
    path = Path(config.get("archive", {}).get("path", DATA))
    data = (folder / path).resolve()
    if path.is_absolute() or not data.is_relative_to(folder.resolve()) or data == folder.resolve():
        raise ArchiveError(
            f"{CONFIG_NAME} der Sicherung legt die Daten außerhalb des Archivordners ab: {path}",
            hint=f"im Zielordner eine {CONFIG_NAME} mit dem gewünschten [archive] path anlegen, dann wiederholen",
        )
    return data


def _swap(fresh: Path, data: Path, old: Path) -> Path | None:
    """Put the new data in the place of the old ones in one step; where the old ones are now."""
    if not data.exists():
        fresh.rename(data)
        sync(data.parent)
        return None
    with writer_lock(data, "restore", utc_now()):
        # whole now, it gets a name that nothing ever cleans away: after the exchange it is that of the old data
        fresh.rename(old)
        if not _exchange(old, data):
            before = data.with_name(old.name + "-vorher")
            data.rename(before)
            old.rename(data)
            old = before
        sync(data.parent)
    return old


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step (Linux, renameat2); False where the system can't."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _restore_beside(backup: Path, folder: Path, manifest: Manifest) -> Path | None:
    """sources.toml, plugins and vocabularies, where there are none: what is there is somebody's work, and stays."""
    beside: Path | None = None
    for entry in manifest.files:
        if entry.path.startswith(f"{DATA}/"):
            continue
        source, target = inside(backup, entry.path), inside(folder, entry.path)
        if not target.exists():
            _copy_verified(source, target, entry)
        elif entry.path == CONFIG_NAME and hash_file(target)[1] != entry.sha256:
            beside = target.with_name(f"{CONFIG_NAME}.sicherung")
            _copy_verified(source, beside, entry)
    return beside


def _sync_tree(folder: Path) -> None:
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        sync(path)
