"""Keeping a search under a name, for `search --save` and `saved`."""

import click

from archive_pipeline.archive.decisions import decide
from archive_pipeline.archive.saved_searches import find_saved, list_saved
from archive_pipeline.archive.search_forms import SavedSearchDecision
from archive_pipeline.cli.deciding import Deciding, new_id, storable
from archive_pipeline.cli.main import Settings
from archive_pipeline.search.cursor import Sort
from archive_pipeline.search.parser import Match
from archive_pipeline.workspace import open_workspace

__all__ = ["remove_search", "save_search"]

MAX_NAME = 80


def save_search(settings: Settings, name: str, query: str, *, match: Match, sort: Sort, by: str | None) -> None:
    """Keep a search, in place of one that has the name. Raises UsageError for a name that is none, LockedError."""
    name = " ".join(storable(name).split())
    if not name or len(name) > MAX_NAME:
        raise click.UsageError(f"Ein Name hat 1 bis {MAX_NAME} Zeichen")
    if not query.strip():
        raise click.UsageError("Eine Anfrage fehlt: search ANFRAGE --save NAME")
    workspace = open_workspace(settings.folder)
    deciding = Deciding.begin(by)
    with workspace.writing("search --save") as db:
        known = {saved.name for saved in list_saved(db)}
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
    word = "Ersetzt" if name in known else "Gespeichert"
    click.echo(f"{word}: {name}. Neues zeigt: archive-pipeline saved run {_quoted(name)} --new", err=True)


def remove_search(settings: Settings, name: str, *, by: str | None) -> None:
    """Take a search off the list. Raises ArchiveError when there is none, LockedError."""
    workspace = open_workspace(settings.folder)
    deciding = Deciding.begin(by)
    with workspace.writing("saved remove") as db:
        saved = find_saved(db, name)
        decision = SavedSearchDecision(
            id=new_id(),
            batch=deciding.batch,
            decided_by=deciding.decided_by,
            decided_at=deciding.decided_at,
            name=saved.name,
            action="remove",
        )
        decide(db, workspace.decisions_file, [decision])


def _quoted(name: str) -> str:
    return name if name.isalnum() else f"'{name}'"
