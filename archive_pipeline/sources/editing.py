"""Changing sources.toml for its owner: what is not meant to change stays byte for byte.

Comments, blank lines, order, line ends and byte order mark are the owner's, so a change replaces the characters of a
value, adds or takes away whole lines, and leaves the rest alone; tomlkit writes the new values. Nothing replaces the
file before the result was read back: as the TOML that was wanted, and as a valid configuration.
"""

import codecs
import copy
import fcntl
import os
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import tomlkit

from archive_pipeline.durable import sync
from archive_pipeline.errors import ConfigError, ConfigProblem
from archive_pipeline.model import Source
from archive_pipeline.sources.positions import KeyPath, Positions
from archive_pipeline.sources.problems import did_you_mean
from archive_pipeline.sources.values import Config

__all__ = ["NewSource", "Setting", "SourcesFile", "TomlValue", "in_order", "render_source"]

TomlValue = str | bool | int | float | date | tuple[str, ...] | Mapping[str, str | bool | int | float | date]
"""What a setting may hold: a mapping becomes an inline table."""

FIRST = (
    *("id", "title", "fetcher", "url", "path", "schedule", "district", "party", "organisation", "language", "access"),
    *("legal_basis", "appraisal", "responsible", "capture_scope", "call_number", "retention", "enabled"),
)
"""The order in which a new table has the keys that every source may have; those of its fetcher follow."""

BY_HAND = "die Datei von Hand ändern, dann prüfen: archive-pipeline sources check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key of a source's table; `comment` is written behind a new one."""

    key: str
    value: TomlValue
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """A table to be added, its settings in the order they are to stand in; `note` is a comment above it."""

    settings: tuple[Setting, ...]
    note: str = ""

    def value(self, key: str) -> TomlValue | None:
        """What a setting holds, or None when there is none of this name."""
        return next((setting.value for setting in self.settings if setting.key == key), None)


def in_order(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    """The settings in the order of a table; of two with one key the last, in the place of both."""
    last = {setting.key: setting for setting in settings}
    return (*(last[key] for key in FIRST if key in last), *(one for key, one in last.items() if key not in FIRST))


def render_source(source: NewSource) -> str:
    """The table as it stands in sources.toml, with a final line end."""
    table = tomlkit.document()
    for setting in source.settings:
        item = _item(setting.value)
        if setting.comment:
            item.comment(_one_line(setting.comment))
        table.add(setting.key, item)
    note = f"# {_one_line(source.note)}\n" if source.note else ""
    return f"{note}[[source]]\n{tomlkit.dumps(table)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesFile:
    """A sources.toml that is to be changed. `load` reads and validates a configuration file (`load_config` with the
    registries of the plugins); it is given a draft beside the file before the file changes.

    Every method raises ConfigError when the result would be invalid, or would say anything but what was wanted; then
    the file is as it was. With `dry_run` it always is.
    """

    path: Path
    load: Callable[[Path], Config]

    def add(self, sources: Sequence[NewSource], *, dry_run: bool = False) -> None:
        """Put new tables at the end of the file."""
        self._rewrite(lambda text: _Draft(text).with_sources(sources), dry_run)

    def refused(self, sources: Sequence[NewSource]) -> Mapping[int, str]:
        """Which of these tables could not be added, by their place in the sequence, and why. Raises ConfigError when
        something else in the file is wrong."""
        reasons: dict[int, str] = {}
        while left := [number for number in range(len(sources)) if number not in reasons]:
            blocks = [sources[number] for number in left]
            try:
                self.add(blocks, dry_run=True)
                break
            except ConfigError as error:
                found = _by_block(error.problems, blocks, self._line_count())
                if not found:
                    raise
                reasons |= {left[place]: reason for place, reason in found.items()}
        return reasons

    def change(
        self, source_id: str, settings: Sequence[Setting] = (), *, remove: Sequence[str] = (), dry_run: bool = False
    ) -> Source:
        """Set some keys of one source, and take others away where they are there. A comment behind a key that goes
        stays, as a line of its own. Returns the source as it is then."""
        config = self._rewrite(lambda text: _Draft(text).with_settings(self.path, source_id, settings, remove), dry_run)
        broken = (one.source for one in config.broken)
        return next(source for source in (*config.sources, *broken) if source.id == source_id)

    def change_archive(self, setting: Setting) -> Config:
        """Set a key of `[archive]`. Returns the configuration as it is then."""
        return self._rewrite(lambda text: _Draft(text).with_archive(setting), dry_run=False)

    def _line_count(self) -> int:
        """The lines of the file before the first table that is added."""
        text = self.path.read_bytes().decode("utf-8-sig")
        return text.count("\n") + (not text.endswith("\n") and text != "") + bool(text.strip())

    def _rewrite(self, change: Callable[[str], str], dry_run: bool) -> Config:
        target = self.path.resolve()
        with _held(target.parent):
            before = _bytes_of(target, self.path, self.load)
            mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
            text = before.removeprefix(mark).decode("utf-8")
            draft = _written_beside(target, mark + change(text).encode("utf-8"))
            try:
                config = self._checked(draft)
                if not dry_run:
                    _swap(draft, target, before)
            finally:
                draft.unlink(missing_ok=True)
        return config

    def _checked(self, draft: Path) -> Config:
        """What the draft says. Raises ConfigError, with problems that name the file itself, when it is not valid."""
        try:
            return self.load(draft)
        except ConfigError as error:
            problems = tuple(replace(problem, file=str(self.path)) for problem in error.problems)
            raise ConfigError(
                f"{self.path} bleibt, wie sie ist: geändert hätte sie {len(problems)} Fehler",
                problems=problems,
                hint=BY_HAND,
            ) from error


def _by_block(problems: Sequence[ConfigProblem], sources: Sequence[NewSource], before: int) -> dict[int, str]:
    """The mistakes of tables that follow one another behind so many lines, by the number of the table."""
    starts: list[int] = []
    line = before + 1
    for source in sources:
        starts.append(line)
        line += render_source(source).count("\n") + 1  # an empty line between two
    found: dict[int, str] = {}
    for problem in problems:
        if problem.line > before:
            place = bisect_right(starts, problem.line) - 1
            said = problem.message.removeprefix(f'Quelle "{sources[place].value("id")}": ')
            found[place] = f"{found[place]}; {said}" if place in found else said
    return found


class _Draft:
    """The text of a configuration and where everything in it stands.

    `Positions` counts in a text with `\\n` line ends; `_at` leads from there to the text as it is.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._plain = text.replace("\r\n", "\n")
        self._returns = [at - number for number, at in enumerate(_places("\r\n", text))]
        self._data = tomllib.loads(self._plain)
        self._positions = Positions(self._plain)
        self._starts = [0, *(at + 1 for at in _places("\n", self._plain))]
        first, _, _ = text.partition("\n")
        self._line_end = "\r\n" if first.endswith("\r") else "\n"

    def with_sources(self, sources: Sequence[NewSource]) -> str:
        """The text with further tables at its end."""
        tables = self._data.get("source", [])
        blocks = [render_source(source) for source in sources]
        end = "" if not self._text or self._text.endswith("\n") else self._line_end
        gap = self._line_end if self._text.strip() else ""
        added = "\n".join(blocks).replace("\n", self._line_end)
        wanted = {**self._data, "source": [*tables, *(_plain_table(source.settings) for source in sources)]}
        return _verified(f"{self._text}{end}{gap}{added}", wanted)

    def with_settings(self, path: Path, source_id: str, settings: Sequence[Setting], remove: Sequence[str]) -> str:
        """The text with some keys of one source set and others gone."""
        number = self._number(path, source_id)
        wanted = copy.deepcopy(self._data)
        table = wanted["source"][number]
        for key in remove:
            table.pop(key, None)
        table.update(_plain_table(settings))
        splices: list[tuple[int, int, str]] = []
        for key in remove:
            splices += self._without(("source", number, key))
        for setting in settings:
            splices += self._with(("source", number, setting.key), setting)
        text = self._text
        for start, end, new in sorted(splices, reverse=True):
            text = text[: self._at(start)] + new.replace("\n", self._line_end) + text[self._at(end) :]
        return _verified(text, wanted)

    def with_archive(self, setting: Setting) -> str:
        """The text with one key of the archive's own table set; the table comes first where there was none."""
        wanted = copy.deepcopy(self._data)
        wanted.setdefault("archive", {}).update(_plain_table([setting]))
        text = self._text
        if "archive" not in self._data:
            table = f"[archive]\n{setting.key} = {_item(setting.value).as_string()}\n\n"
            return _verified(table.replace("\n", self._line_end) + text, wanted)
        for start, end, new in sorted(self._with(("archive", setting.key), setting), reverse=True):
            text = text[: self._at(start)] + new.replace("\n", self._line_end) + text[self._at(end) :]
        return _verified(text, wanted)

    def _number(self, path: Path, source_id: str) -> int:
        tables = self._data.get("source", [])
        ids = [table.get("id") for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
        if source_id not in ids:
            meant = did_you_mean(source_id, [known for known in ids if isinstance(known, str)])
            raise ConfigError(
                f'Quelle "{source_id}" steht nicht in {path}{meant}', hint="archive-pipeline sources list"
            )
        return ids.index(source_id)

    def _with(self, path: KeyPath, setting: Setting) -> list[tuple[int, int, str]]:
        """Where the setting goes: in the place of the old value, else as a line of its own behind the last key."""
        rendered = _item(setting.value).as_string()
        with suppress(KeyError):
            return [(*self._positions.span_of(path), rendered)]
        removed = self._without(path)  # a table with a header, or keys with a dot
        line = self._last_line(path[:-1])
        indent = self._indent(line)
        at = self._end(line)
        start = "" if self._plain[:at].endswith("\n") else "\n"
        return [*removed, (at, at, f"{start}{indent}{setting.key} = {rendered}\n")]

    def _without(self, path: KeyPath) -> list[tuple[int, int, str]]:
        """Without the lines of a key, or of all keys of a table and its header; comments behind them stay."""
        removed: dict[int, tuple[int, int, str]] = {}
        for key in self._positions:  # a key comes before those of its inline table, which stand in its lines
            if key[: len(path)] == path:
                with suppress(KeyError):
                    lines = self._positions.lines_of(key)
                    removed.setdefault(lines.start, self._lines_but_comment(lines, self._positions.span_of(key)[1]))
        line = self._positions.of_key(path).line - 1
        if path in set(self._positions) and any(self._line(at) == line for at in self._positions.headers):
            closing = self._plain.index("]", self._starts[line])
            removed[line] = self._lines_but_comment(range(line, line + 1), closing)
        return list(removed.values())

    def _lines_but_comment(self, lines: range, behind: int) -> tuple[int, int, str]:
        start, end = self._starts[lines.start], self._end(lines[-1])
        _, mark, comment = self._plain[behind:end].partition("#")
        return start, end, f"{self._indent(lines.start)}#{comment}" if mark else ""

    def _end(self, line: int) -> int:
        return self._starts[line + 1] if line + 1 < len(self._starts) else len(self._plain)

    def _last_line(self, table: KeyPath) -> int:
        """The last line of what stands directly below the header of a table."""
        header = self._positions.of_key(table).line - 1
        after = min((line for at in self._positions.headers if (line := self._line(at)) > header), default=None)
        last = header
        for key in self._positions:
            if len(key) == len(table) + 1 and key[: len(table)] == table:
                with suppress(KeyError):
                    lines = self._positions.lines_of(key)
                    if lines.start > header and (after is None or lines.start < after):
                        last = max(last, lines[-1])
        return last

    def _indent(self, line: int) -> str:
        text = self._plain[self._starts[line] :]
        return text[: len(text) - len(text.lstrip(" \t"))]

    def _line(self, offset: int) -> int:
        return bisect_right(self._starts, offset) - 1

    def _at(self, offset: int) -> int:
        """The offset in the text as it is."""
        return offset + bisect_right(self._returns, offset - 1)


def _places(part: str, text: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))


def _item(value: TomlValue) -> tomlkit.items.Item:
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update(value)
        return table
    return tomlkit.item(list(value) if isinstance(value, tuple) else value)


def _plain_table(settings: Sequence[Setting]) -> dict[str, Any]:
    """The settings as tomllib reads them."""
    plain: dict[str, Any] = {}
    for setting in settings:
        value = setting.value
        plain[setting.key] = (
            dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, tuple) else value
        )
    return plain


def _one_line(text: str) -> str:
    """A comment must not hold what ends a line or steers a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _verified(text: str, wanted: Mapping[str, Any]) -> str:
    """The text, if it says what was wanted."""
    try:
        said = tomllib.loads(text.encode().decode().replace("\r\n", "\n"))
    except ValueError:  # half characters, too
        said = None
    if said != wanted:
        raise ConfigError("In dieser Form lässt sich die Datei nicht ohne Verlust ändern", hint=BY_HAND)
    return text


def _bytes_of(target: Path, shown: Path, load: Callable[[Path], Config]) -> bytes:
    """What the file holds. Raises what reading the configuration raises when it is no TOML at all."""
    try:
        before = target.read_bytes()
        tomllib.loads(before.removeprefix(codecs.BOM_UTF8).decode("utf-8").replace("\r\n", "\n"))
    except (OSError, ValueError, RecursionError):
        load(shown)
        raise
    return before


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """One change at a time: the folder is locked, as the file itself is replaced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # reading the file says what is wrong
        yield
        return
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _written_beside(target: Path, content: bytes) -> Path:
    """A new file in the same folder with this content, durable, with mode and owner of `target`."""
    handle, name = mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    status = target.stat()
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, status.st_mode & 0o7777)
        with suppress(PermissionError):  # only root can give files away
            os.fchown(handle, status.st_uid, status.st_gid)
        file.write(content)
        file.flush()
        os.fsync(handle)
    return Path(name)


def _swap(draft: Path, target: Path, before: bytes) -> None:
    """Put the draft in the file's place, unless somebody changed the file meanwhile."""
    if target.read_bytes() != before:
        raise ConfigError(f"{target} wurde inzwischen geändert", hint="denselben Befehl wiederholen")
    try:
        os.replace(draft, target)
    except OSError as error:  # a container mounts the file alone
        raise ConfigError(
            f"{target} lässt sich nicht ersetzen: {error.strerror}",
            hint="den Ordner statt der einzelnen Datei einhängen, oder die Datei von Hand ändern",
        ) from error
    sync(target.parent)
