"""What an index folder holds beside the files of its engine: which version wrote it, and the last change in it."""

import json
from pathlib import Path

from archive_pipeline.durable import replace_durably
from archive_pipeline.errors import IndexingError

__all__ = ["begin_state", "damaged", "read_seq", "require_version", "write_seq"]

VERSION_FILE = "version.json"
SEQ_FILE = "seq"
REBUILD = "archive-pipeline index rebuild"


def begin_state(folder: Path, version: str) -> None:
    """Note the version of the engine that made the index, and that no change is in it yet. Raises OSError."""
    write_seq(folder, 0)
    replace_durably(folder / VERSION_FILE, json.dumps({"engine": version}).encode())


def require_version(folder: Path, version: str) -> None:
    """Raises IndexingError unless there is an index that this version of the engine wrote."""
    try:
        found = json.loads((folder / VERSION_FILE).read_text("utf-8"))["engine"]
    except FileNotFoundError:
        raise IndexingError(f"Kein Suchindex in {folder}", hint=f"neu aufbauen: {REBUILD}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(folder, error) from error
    if found != version:
        raise IndexingError(
            f"Der Suchindex in {folder} stammt von Version {found}, nötig ist {version}",
            hint=f"neu aufbauen: {REBUILD}",
        )


def read_seq(folder: Path) -> int:
    """The change number of the last commit. Raises OSError, ValueError."""
    return int((folder / SEQ_FILE).read_text("ascii"))


def write_seq(folder: Path, seq: int) -> None:
    """Note the change number of a commit. Raises OSError."""
    replace_durably(folder / SEQ_FILE, str(seq).encode("ascii"))


def damaged(folder: Path, error: BaseException) -> IndexingError:
    """What an error of a library or of the disk comes to for the user."""
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return IndexingError(
            f"Der Suchindex in {folder} ist nicht lesbar oder schreibbar: {error}",
            hint=f"Platz und Rechte prüfen; sonst neu aufbauen: {REBUILD}",
        )
    return IndexingError(
        f"Der Suchindex in {folder} ist beschädigt oder unlesbar: {type(error).__name__}: {error}",
        hint=f"neu aufbauen: {REBUILD}",
    )
