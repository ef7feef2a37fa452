"""Keeping a search under a name, for `search --save` and `saved`."""

import click

from archive_pipeline.cli.deciding import Deciding
from archive_pipeline.cli.main import Settings
from archive_pipeline.decide.following import keep_search, saved_name
from archive_pipeline.decide.following import remove_search as remove_saved
from archive_pipeline.errors import ConfigError
from archive_pipeline.search.cursor import Sort
from archive_pipeline.search.parser import Match
from archive_pipeline.workspace import open_workspace

__all__ = ["remove_search", "save_search"]


def save_search(settings: Settings, name: str, query: str, *, match: Match, sort: Sort, by: str | None) -> None:
    """Keep a search, in place of one that has the name. Raises UsageError for a name that is none, LockedError."""
    try:
        name = saved_name(name)
    except ConfigError as error:
        raise click.UsageError(error.message) from None
    if not query.strip():
        raise click.UsageError("Eine Anfrage fehlt: search ANFRAGE --save NAME")
    workspace = open_workspace(settings.folder)
    is_known = keep_search(workspace, name, query, match=match, sort=sort, deciding=Deciding.begin(by))
    word = "Ersetzt" if is_known else "Gespeichert"
    click.echo(f"{word}: {name}. Neues zeigt: archive-pipeline saved run {_quoted(name)} --new", err=True)


def remove_search(settings: Settings, name: str, *, by: str | None) -> None:
    """Take a search off the list. Raises ArchiveError when there is none, LockedError."""
    remove_saved(open_workspace(settings.folder), name, Deciding.begin(by))


def _quoted(name: str) -> str:
    return name if name.isalnum() else f"'{name}'"
