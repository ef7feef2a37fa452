"""What was written lasts: after a power cut, too, a file is there and whole."""

import errno
import os
from pathlib import Path

__all__ = ["replace_durably", "sync"]


def sync(path: Path) -> None:
    """Make durable what a file holds, or which files a folder has. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems sync no folders
            raise
    finally:
        os.close(handle)


def replace_durably(path: Path, data: bytes) -> None:
    """Give a file other contents in one step: whoever reads it, also after a crash, finds the old ones or the new ones
    whole. That the folder has the file is for the caller to `sync`. Raises OSError."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
