"""The decision by which an answer is frozen."""

from typing import Literal

from pydantic.dataclasses import dataclass
from sqlite_utils import Database

from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.form import Decided

__all__ = ["FreezeDecision"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeDecision(Decided):
    """A person froze the answer to a query as a result set. What it holds lies in the file that `name` names; `sha256`
    proves it. `understood` is how the query was read, `releases` how many it found, `seq` the newest change of the
    archive then."""

    name: str
    query: str
    understood: str
    releases: int
    sha256: str
    seq: int
    schema: Literal["apl/result-set/1"] = "apl/result-set/1"

    def apply(self, db: Database) -> None:
        """List the set."""
        db.execute(
            """INSERT INTO result_set
               (id, name, query, understood, note, releases, sha256, seq, created_by, created_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                self.id,
                self.name,
                self.query,
                self.understood,
                self.note,
                self.releases,
                self.sha256,
                self.seq,
                self.decided_by,
                self.decided_at.isoformat(),
            ],
        )
        detail = f"Ergebnisliste {self.name}: {self.releases} Mitteilungen, sha256 {self.sha256}"
        record_event(
            db,
            "information package creation",
            at=self.decided_at,
            agent=self.decided_by,
            subject=f"set/{self.name}",
            detail=detail,
        )
