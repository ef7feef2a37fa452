"""Where the next page of a search begins, as a text that programs hand back: bound to the query, its order and the
state of the archive it was made for."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Literal

from archive_pipeline.errors import QueryError

__all__ = ["Cursor", "Sort"]

Sort = Literal["score", "newest", "oldest"]
"""The orders of hits."""

_SORTS: tuple[Sort, ...] = ("score", "newest", "oldest")
_HINT = "ohne --cursor von vorn beginnen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in a list of hits: `offset` hits come before it, `last` is the release id of the last of them. `seq` is
    the archive's change number when it was made, `today` what relative dates of the query count from."""

    query: str
    sort: Sort
    match: Literal["all", "any"]
    today: date
    seq: int
    offset: int
    last: str

    def encode(self) -> str:
        """The cursor as one word of URL-safe characters."""
        fields = [
            _digest(self.query),
            _SORTS.index(self.sort),
            self.match,
            self.today.isoformat(),
            self.seq,
            self.offset,
            self.last,
        ]
        text = json.dumps(fields, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, *, query: str) -> "Cursor":
        """The cursor of a query, as it was encoded. Raises QueryError when it is none, or another query's."""
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            digest, sort, match, today, seq, offset, last = json.loads(data)
            cursor = cls(
                query=query,
                sort=_SORTS[sort],
                match="any" if match == "any" else "all",
                today=date.fromisoformat(today),
                seq=int(seq),
                offset=max(0, int(offset)),
                last=str(last),
            )
        except (binascii.Error, ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
            raise QueryError("Der Cursor ist nicht lesbar", hint=_HINT) from error
        if digest != _digest(query):
            raise QueryError("Der Cursor gehört zu einer anderen Anfrage", hint=_HINT)
        return cursor


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode("utf-8", "replace")).hexdigest()[:12]
