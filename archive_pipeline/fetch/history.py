"""What the archive knows of a source, and the history of one that nothing was archived of."""

from datetime import date
from typing import Protocol

from archive_pipeline.warc import Previous

__all__ = ["History", "NoHistory"]


class History(Protocol):
    """What the archive knows of one source."""

    def previous(self, target: str) -> Previous | None:
        """The last complete capture of an address or URN of this source (status 200 or a file), or None.

        Its `captured_at` is when the server last sent the whole body. Its `etag` and `last_modified` are None, too,
        once the server was caught: a kind of validator that came with two different bodies (complete captures of status
        200 with other `sha256`) is no longer asked with, and neither is any after a capture of status 304 that is not
        complete.
        """

    def last_answer(self, target: str) -> Previous | None:
        """The last complete answer of an address that was stored as evidence of discovery, to whatever source of the
        archive and with whatever status, or None."""

    def is_known(self, key: str) -> bool:
        """Whether the source offered an item with this key in an earlier run."""

    @property
    def since(self) -> date | None:
        """The day from which on releases are wanted, or None."""

    @property
    def bookmark(self) -> str | None:
        """What the fetcher kept in an earlier run, or None."""


class NoHistory:
    """A `History` that knows nothing: every address and item is new, everything is wanted."""

    since: date | None = None
    bookmark: str | None = None

    def previous(self, target: str) -> Previous | None:
        """None: nothing was captured before."""
        return None

    def last_answer(self, target: str) -> Previous | None:
        """None: nothing was asked before."""
        return None

    def is_known(self, key: str) -> bool:
        """False: nothing was offered before."""
        return False
