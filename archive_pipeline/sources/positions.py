"""Where every key and value of a TOML text stands.

tomllib forgets positions and tomlkit keeps none, so this module reads the text a second time. It relies on
tomllib having accepted the text already: it looks for structure only and never judges it (TOML 1.0).
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

__all__ = ["KeyPath", "Position", "Positions"]

KeyPath = tuple[str | int, ...]
"""The way to a value: table and key names, and indexes into arrays, e.g. ("source", 2, "district")."""

_BLANK = re.compile(r"(?:[ \t\n,]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+?(?=[ \t]*(?:[,\]}#\n]|\Z))")
_BASIC_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LITERAL_STRING = re.compile(r"'[^']*'")
_MULTILINE_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""+|' r"'''.*?'''+", re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text; both count from 1, columns in code points."""

    line: int
    column: int


class Positions:
    """The positions of all keys and values of `text`, which must be valid TOML with `\\n` line ends. It is read when
    the first of them is asked for: a text without mistakes needs none."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _scanned(self) -> "_Scanner":
        scanner = _Scanner(self._text)
        scanner.read_document()
        return scanner

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self._text))]

    @property
    def headers(self) -> tuple[int, ...]:
        """Where the headers of tables stand, as offsets, in the order of the text."""
        return tuple(self._scanned.headers)

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._scanned.keys)

    def of_key(self, path: KeyPath) -> Position:
        """Where the key (or the header of the table) stands; for an unknown path its nearest known parent."""
        return self._nearest(self._scanned.keys, path)

    def of_value(self, path: KeyPath) -> Position:
        """Where the value begins; for an unknown path its nearest known parent."""
        return self._nearest(self._scanned.values, path)

    def lines_of(self, path: KeyPath) -> range:
        """The lines, counted from 0, that a key and its value take. Raises KeyError where no value is written."""
        start, end = self._scanned.keys[path], self._scanned.ends[path]
        return range(bisect_right(self._line_starts, start) - 1, bisect_right(self._line_starts, end - 1))

    def span_of(self, path: KeyPath) -> tuple[int, int]:
        """Where a value begins, and the character behind it, as offsets. Raises KeyError where no value is written."""
        return self._scanned.values[path], self._scanned.ends[path]

    def _nearest(self, places: dict[KeyPath, int], path: KeyPath) -> Position:
        while path and path not in places:
            path = path[:-1]
        offset = places.get(path, 0)
        line = bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)


class _Scanner:
    """Walks over the text once and notes offsets."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: dict[KeyPath, int] = {}
        self.values: dict[KeyPath, int] = {}
        self.ends: dict[KeyPath, int] = {}
        self.headers: list[int] = []
        self._table_counts: dict[KeyPath, int] = {}

    def read_document(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._read_header()
            else:
                self._read_pair(table)
            self._skip(_BLANK)

    def _read_header(self) -> KeyPath:
        start = self.at
        self.headers.append(start)
        brackets = 2 if self.text.startswith("[[", start) else 1
        self.at += brackets
        names = [name for name, _ in self._read_dotted_key()]
        self.at += brackets
        path: KeyPath = ()
        for depth, name in enumerate(names, start=1):
            path = (*path, name)
            if brackets == 2 and depth == len(names):
                index = self._table_counts.get(path, 0)
                self._table_counts[path] = index + 1
                self._note(path, start)
                path = (*path, index)
            elif path in self._table_counts:
                path = (*path, self._table_counts[path] - 1)
            self._note(path, start)
        return path

    def _read_pair(self, table: KeyPath) -> None:
        path = table
        for name, offset in self._read_dotted_key():
            path = (*path, name)
            self._note(path, offset)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._read_value(path)

    def _read_dotted_key(self) -> list[tuple[str, int]]:
        parts: list[tuple[str, int]] = []
        while True:
            self._skip(_SPACE)
            parts.append(self._read_simple_key())
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _read_simple_key(self) -> tuple[str, int]:
        start = self.at
        quoted = self.text[start] in "\"'"
        self._skip(self._string_pattern() if quoted else _BARE_KEY)
        raw = self.text[start : self.at]
        return (tomllib.loads(f"key = {raw}")["key"] if quoted else raw), start

    def _read_value(self, path: KeyPath) -> None:
        self.values[path] = self.at
        first = self.text[self.at]
        if first == "[":
            self._read_array(path)
        elif first == "{":
            self._read_inline_table(path)
        elif first in "\"'":
            self._skip(self._string_pattern())
        else:
            self._skip(_SCALAR)
        self.ends[path] = self.at

    def _read_array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        self._skip(_BLANK)
        while self.text[self.at] != "]":
            self._note((*path, index), self.at)
            self._read_value((*path, index))
            index += 1
            self._skip(_BLANK)
        self.at += 1

    def _read_inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._read_pair(path)
            self._skip(_BLANK)
        self.at += 1

    def _string_pattern(self) -> re.Pattern[str]:
        if self.text.startswith(('"""', "'''"), self.at):
            return _MULTILINE_STRING
        return _BASIC_STRING if self.text[self.at] == '"' else _LITERAL_STRING

    def _note(self, path: KeyPath, offset: int) -> None:
        self.keys.setdefault(path, offset)
        self.values.setdefault(path, offset)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
