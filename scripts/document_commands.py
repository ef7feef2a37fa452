"""Writes docs/commands.md from the command line itself: `python scripts/document_commands.py [--check]`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from archive_pipeline.cli.main import COMMANDS, command_line

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

HEAD = """# Commands

<!-- Written by scripts/document_commands.py from the commands themselves: change those, not this page. -->

Every command with every option, as `--help` says it, in German. What they are for stands in
[archivists.md](archivists.md), [search.md](search.md), [vocabularies.md](vocabularies.md), [web.md](web.md) and
[plugins.md](plugins.md). Commands of plugins are not listed here.
"""


def page() -> str:
    root = click.Context(command_line, info_name="archive-pipeline")
    parts = [HEAD, *section(command_line, root, 2)]
    for name in COMMANDS:
        command = command_line.get_command(root, name)
        assert command is not None
        parts += section(command, click.Context(command, info_name=name, parent=root), 2)
    return "\n".join(parts)


def section(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    """A command, then those below it; the whole program's own options without its commands."""
    whole = command is command_line
    yield f"{'#' * level} {'Options of every command' if whole else context.command_path.partition(' ')[2]}\n"
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"    {usage}\n"
    if command.help:
        yield "\n".join(" ".join(paragraph.split()) + "\n" for paragraph in command.help.split("\n\n"))
    options = [option.get_help_record(context) for option in command.params if isinstance(option, click.Option)]
    rows = [f"| `{escaped(name)}` | {escaped(text)} |" for name, text in filter(None, options)]
    if rows:
        yield "\n".join(["| option | meaning |", "|---|---|", *rows, ""])
    if isinstance(command, click.Group) and not whole:
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from section(below, click.Context(below, info_name=name, parent=context), level + 1)


def escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == page() else "docs/commands.md is out of date")
    PAGE.write_text(page(), encoding="utf-8")
