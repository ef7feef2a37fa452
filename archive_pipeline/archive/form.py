"""What every form of decision has in common."""

from datetime import datetime
from typing import ClassVar

from pydantic.dataclasses import dataclass
from sqlite_utils import Database

__all__ = ["Decided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What every decision has: its id, who decided, when (UTC) and why. Decisions of one command share a `batch`."""

    undoable: ClassVar[bool] = False
    """Whether `Undo` may take it back: the database then goes on as if it had never been."""

    id: str
    batch: str | None = None
    note: str | None = None
    decided_by: str
    decided_at: datetime

    def apply(self, db: Database) -> None:
        """Write the decision into its table and announce what it changes. Called once, inside `write_tx`."""
