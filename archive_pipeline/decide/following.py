"""Searches that are kept under a name: keeping and removing them, and the hits to which something happened since
somebody last looked."""

import unicodedata
from collections.abc import Callable, Iterable
from datetime import date

from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.saved_searches import SavedSearch, find_saved, list_saved
from archive_pipeline.archive.search_forms import SavedSearchDecision
from archive_pipeline.decide.deciding import Deciding, new_id, storable
from archive_pipeline.errors import ArchiveError, ConfigError
from archive_pipeline.search.cursor import Sort
from archive_pipeline.search.parser import Match, ParsedQuery
from archive_pipeline.search.service import SearchService
from archive_pipeline.workspace import Workspace

__all__ = ["MAX_NAME", "changed_keys", "keep_search", "remove_search", "saved_name"]

MAX_NAME = 80
JOINER = "\u200d"
"""What holds the parts of a composed emoji together; other signs that nobody sees, and that turn the line round, are
left out of names."""

BLANK = "\u200d\u115f\u1160\u2800\u3164\uffa0"
"""Signs that count as letters or symbols and show nothing."""


def saved_name(name: str) -> str:
    """A name for a search, as it is kept. Raises ConfigError for one that is none."""
    name = "".join(sign for sign in storable(name) if unicodedata.category(sign) != "Cf" or sign == JOINER).strip()
    if not name.strip(BLANK) or len(name) > MAX_NAME:
        raise ConfigError(f"Ein Name hat 1 bis {MAX_NAME} Zeichen", hint="einen kürzeren Namen wählen")
    if not name.strip("."):
        raise ConfigError("Ein Name besteht nicht aus Punkten allein", hint="einen anderen Namen wählen")
    return name


def keep_search(
    workspace: Workspace,
    name: str,
    query: str,
    *,
    match: Match,
    sort: Sort,
    deciding: Deciding,
    may_replace: Callable[[SavedSearch], bool] = lambda known: True,
) -> bool:
    """Keep a search; whether it took the place of one that had the name, which `may_replace` is asked about while
    nobody else writes. Raises ConfigError for a name that is none, ArchiveError where the name is taken and may not be
    replaced, LockedError."""
    name = saved_name(name)
    with workspace.writing("search --save") as db:
        apply_new_decisions(db, workspace.decisions_file)
        known = {saved.name: saved for saved in list_saved(db)}.get(name)
        if known is not None and not may_replace(known):
            raise ArchiveError(
                f"Eine gespeicherte Suche {name!r} gibt es schon", hint="einen anderen Namen wählen oder sie ersetzen"
            )
        decision = SavedSearchDecision(
            id=new_id(),
            batch=deciding.batch,
            decided_by=deciding.decided_by,
            decided_at=deciding.decided_at,
            name=name,
            action="save",
            query=storable(query),
            match=match,
            sort=sort,
        )
        decide(db, workspace.decisions_file, [decision])
    return known is not None


def remove_search(
    workspace: Workspace,
    name: str,
    deciding: Deciding,
    *,
    may_remove: Callable[[SavedSearch], bool] = lambda saved: True,
) -> None:
    """Take a search off the list. Raises ArchiveError when there is none or it may not be removed, LockedError."""
    with workspace.writing("saved remove") as db:
        apply_new_decisions(db, workspace.decisions_file)
        saved = find_saved(db, name)
        if not may_remove(saved):
            raise ArchiveError(f"Die gespeicherte Suche {name!r} ist inzwischen eine andere")
        decision = SavedSearchDecision(
            id=new_id(),
            batch=deciding.batch,
            decided_by=deciding.decided_by,
            decided_at=deciding.decided_at,
            name=saved.name,
            action="remove",
        )
        decide(db, workspace.decisions_file, [decision])


def changed_keys(
    service: SearchService, search: SavedSearch, changes: Iterable[str], *, today: date
) -> tuple[ParsedQuery, list[str]]:
    """The query of a search, and the ids of its hits among the releases to which something happened, in its order."""
    parsed = service.parse(search.query, today=today, match=search.match)
    wanted = frozenset(changes)
    return parsed, [hit.key for hit in service.scan(parsed.node, sort=search.sort) if hit.key in wanted]
