"""What the commands that ask the index share: the words as typed, the index brought up to date, the service."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

import click

from archive_pipeline.archive.visibility import Standing, seen_by
from archive_pipeline.cli.main import Settings
from archive_pipeline.search.service import SearchService
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

__all__ = ["asking", "query_of", "say_notes"]


def query_of(ctx: click.Context, words: Sequence[str]) -> str:
    """The query as typed. Options are known by two dashes; one that the command lacks is a mistake, while `-wort` is
    part of the query. Raises UsageError."""
    known = [option for parameter in ctx.command.params for option in parameter.opts if option.startswith("--")]
    for word in words:
        name = word.partition("=")[0]
        if name.startswith("--") and name[2:3].isalpha() and name not in known:
            near = get_close_matches(name, known, n=1)
            raise click.UsageError(f"Die Option {word} gibt es nicht" + (f" – meinten Sie {near[0]}?" if near else ""))
    return " ".join(words)


@contextmanager
def asking(settings: Settings, standing: Standing) -> Iterator[tuple[Workspace, SearchService]]:
    """The archive and its search, for somebody who sees so much. Says on stderr when the newest releases are not in the
    index yet."""
    workspace = open_workspace(settings.folder)
    behind = workspace.refresh_index()
    if behind:
        click.echo(behind, err=True)
    with open_search(workspace, seen_by(standing, utc_now())) as service:
        yield workspace, service


def say_notes(notes: Sequence[str]) -> None:
    """The liberties taken with a query, on stderr."""
    for note in notes:
        click.echo(f"Hinweis: {note}", err=True)
