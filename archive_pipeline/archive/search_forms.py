"""The decision by which a search is kept under a name."""

from typing import Literal

from pydantic.dataclasses import dataclass
from sqlite_utils import Database

from archive_pipeline.archive.form import Decided

__all__ = ["SavedSearchDecision"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearchDecision(Decided):
    """A person kept a search under a name, in place of one that had it, or removed it. `match` says whether all words
    of the query must be found, `sort` how hits are ordered."""

    name: str
    action: Literal["save", "remove"]
    query: str = ""
    match: Literal["all", "any"] = "all"
    sort: Literal["score", "newest", "oldest"] = "newest"
    schema: Literal["apl/saved-search/1"] = "apl/saved-search/1"

    def apply(self, db: Database) -> None:
        """List it, with everything that was in the archive by then counted as known; or take it off the list."""
        db.execute("DELETE FROM saved_search WHERE name = ?", [self.name])
        if self.action == "save":
            at = self.decided_at.isoformat()
            db.execute(
                """INSERT INTO saved_search (name, query, match, sort, saved_by, saved_at, seen_seq, seen_at)
                   VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(seq), 0) FROM outbox WHERE at <= ?), ?)""",
                [self.name, self.query, self.match, self.sort, self.decided_by, at, at, at],
            )
