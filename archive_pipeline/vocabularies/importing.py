"""Writing own entries: one from the command line, many from a table.

New tables go to the end of a file, and comments stay where they are. Nothing is written before the result was read
back as a valid vocabulary.
"""

import csv
import fcntl
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp

import tomlkit

from archive_pipeline.errors import ConfigError
from archive_pipeline.model import Vocabulary
from archive_pipeline.sources.config import parse_toml, read_text
from archive_pipeline.sources.problems import did_you_mean
from archive_pipeline.sources.tables import slug
from archive_pipeline.vocabularies.own import FOLDER, TABLES, read_own

__all__ = ["COLUMNS", "NewEntry", "add_entries", "read_csv"]

LISTS = frozenset({"variants", "weak_variants", "remove_variants", "successors", "adjectives"})
"""Columns with several values in one cell, separated by `|`."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "axis": ("achse", "art"),
    "value": ("key", "schlüssel", "schluessel", "slug", "ags"),
    "label": ("name", "bezeichnung", "itemlabel", "preferredname", "prefname"),
    "variants": ("varianten", "alias", "aliases", "itemaltlabel", "variantname", "altlabel"),
    "weak_variants": ("schwache varianten",),
    "adjectives": ("adjektive",),
    "kind": ("typ", "type"),
    "parent": ("übergeordnet", "uebergeordnet"),
    "district": ("kreis",),
    "place": ("ort", "gemeinde"),
    "wikidata": ("item", "qid", "wikidata-id"),
    "gnd": ("gndidentifier", "gnd-id", "id"),
    "valid_from": ("inception", "von", "gründung", "dateofestablishment"),
    "valid_to": ("abolition", "dissolved", "bis", "auflösung", "dateoftermination"),
    "successors": ("nachfolger", "succeedingcorporatebody"),
    "note": ("notiz", "bemerkung"),
}
"""The columns of a table, each with other names for it: German ones, and those of exports from Wikidata (`item`,
`itemLabel`, `itemAltLabel`) and lobid-gnd (`id`, `preferredName`, `variantName`)."""

_ORDER = tuple(dict.fromkeys(("value", "label", *COLUMNS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """A table to be written: its kind ("organisation"), and its settings by name; lists as tuples."""

    kind: str
    settings: Mapping[str, str | tuple[str, ...]]


def add_entries(
    archive: Path, vocabularies: Sequence[Vocabulary], entries: Sequence[NewEntry], *, name: str = "own"
) -> Path:
    """Put entries into `vocab/NAME.toml`, which is made when it is not there: new ones at its end, further variants and
    changed settings into the tables that are there. Returns the file. Raises ConfigError when another file has an
    entry already, or one has a mistake; then nothing was written."""
    with _held(archive):
        return _add(archive, vocabularies, entries, name)


@contextmanager
def _held(archive: Path) -> Iterator[None]:
    """One change at a time: a file is read and then replaced, and of two at once one would be lost."""
    handle = os.open(archive, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _add(archive: Path, vocabularies: Sequence[Vocabulary], entries: Sequence[NewEntry], name: str) -> Path:
    path = archive / FOLDER / f"{name}.toml"
    text = read_text(path) if path.exists() else ""
    if path.exists():
        parse_toml(path, text)
    document = tomlkit.parse(text)
    new = [entry for entry in entries if not _extend(document, entry)]
    text = tomlkit.dumps(document)
    blocks = [text.rstrip("\n") + "\n"] if text.strip() else []
    text = "\n".join((*blocks, *map(_rendered, new)))
    read_own(archive / FOLDER, vocabularies, drafts={path: text})
    path.parent.mkdir(exist_ok=True)
    _replace(path, text)
    return path


def _extend(document: tomlkit.TOMLDocument, entry: NewEntry) -> bool:
    """Add what is new to the table of the same value, and of the same place where one is named: voter groups of two
    places may have one value. False when there is none."""
    tables = document.get(entry.kind, [])
    for table in tables if isinstance(tables, list) else []:
        if _is_same(table, entry):
            for key, value in entry.settings.items():
                if key == "value":
                    continue
                known = table.get(key)
                if isinstance(value, tuple) and isinstance(known, list):
                    known.extend(one for one in value if one not in known)
                else:
                    table[key] = list(value) if isinstance(value, tuple) else value
            return True
    return False


def _is_same(table: Mapping[str, object], entry: NewEntry) -> bool:
    known, known_place = _value_of(table)
    value, place = _value_of(entry.settings)
    return known == value and (not place or place == known_place)


def _value_of(settings: Mapping[str, object]) -> tuple[str, str]:
    """The value of an entry without the place it is bound to, and the key of that place's district."""
    value, _, district = str(settings.get("value", "")).partition("@")
    return value, district or str(settings.get("place") or "")[:5]


def _rendered(entry: NewEntry) -> str:
    table = tomlkit.document()
    for key in (*_ORDER, *sorted(entry.settings.keys() - set(_ORDER))):
        value = entry.settings.get(key)
        if value:
            table.add(key, list(value) if isinstance(value, tuple) else value)
    return f"[[{entry.kind}]]\n{tomlkit.dumps(table)}"


def _replace(path: Path, text: str) -> None:
    """The file with its new text, or as it was: never half of it."""
    handle, draft = mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            os.fchmod(handle, path.stat().st_mode & 0o7777 if path.exists() else 0o644)
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.replace(draft, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise


def read_csv(path: Path, axis: str | None) -> tuple[NewEntry, ...]:
    """The rows of a table as entries; `axis` is the kind of those that name none. Columns nobody knows are left out.
    Raises ConfigError naming the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: die Datei ist nicht in UTF-8 gespeichert", hint="als CSV UTF-8 speichern") from None
    lines = text.splitlines()
    if not lines:
        raise ConfigError(f"{path} ist leer", hint="die erste Zeile nennt die Spalten, z. B. value,label,variants")
    delimiter = max(",;\t", key=lines[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [_column(cell) for cell in next(rows)]
    if "label" not in header:
        raise ConfigError(
            f"{path}: in der ersten Zeile fehlt die Spalte label", hint=f"bekannte Spalten: {', '.join(COLUMNS)}"
        )
    entries = []
    try:
        for row in rows:
            cells = {name: cell.strip() for name, cell in zip(header, row, strict=False) if name and cell.strip()}
            if cells:
                entries.append(_entry(cells, axis, f"{path}:{rows.line_num}"))
    except csv.Error as error:
        raise ConfigError(
            f"{path}:{rows.line_num}: die Zeile ist nicht lesbar ({error})", hint="Zeile kürzen oder löschen"
        ) from error
    return _merged(entries)


def _column(cell: str) -> str | None:
    name = cell.strip().lstrip("?").casefold()
    return next((column for column, others in COLUMNS.items() if name == column or name in others), None)


def _entry(cells: Mapping[str, str], axis: str | None, where: str) -> NewEntry:
    kind = cells.get("axis", axis or "").lower()
    if kind not in TABLES:
        raise ConfigError(
            f'{where}: "{kind}" ist keine Achse{did_you_mean(kind, TABLES)}',
            hint=f"Spalte axis oder --axis: {', '.join(TABLES)}",
        )
    if not cells.get("label"):
        raise ConfigError(f"{where}: label fehlt", hint="Zeile ergänzen oder löschen")
    settings: dict[str, str | tuple[str, ...]] = {}
    for name, cell in cells.items():
        if name == "axis" or name not in TABLES[kind].model_fields:
            continue
        settings[name] = tuple(_parts(cell)) if name in LISTS else _authority(name, cell)
    settings.setdefault("value", slug(cells["label"]))
    return NewEntry(kind=kind, settings=settings)


def _parts(cell: str) -> Iterable[str]:
    """Several values in one cell: separated by `|`, in exports of Wikidata by comma, of lobid by semicolon."""
    mark = next((mark for mark in ("|", ";") if mark in cell), ", ")
    return dict.fromkeys(part.strip() for part in cell.split(mark) if part.strip())


def _authority(name: str, cell: str) -> str:
    """A key out of its address (`http://www.wikidata.org/entity/Q1`), a day out of a time."""
    if name in ("wikidata", "gnd"):
        return cell.rstrip("/").rsplit("/", 1)[-1]
    if name in ("valid_from", "valid_to"):
        return re.sub(r"T[0-9:.]+Z?$", "", cell)
    return cell


def _merged(entries: Sequence[NewEntry]) -> tuple[NewEntry, ...]:
    """Rows of one value as one entry: an export of Wikidata has a row for each of several values."""
    found: dict[tuple[str, str], dict[str, str | tuple[str, ...]]] = {}
    for entry in entries:
        settings = found.setdefault((entry.kind, str(entry.settings["value"])), {})
        for name, value in entry.settings.items():
            known = settings.get(name)
            both = isinstance(known, tuple) and isinstance(value, tuple)
            settings[name] = tuple(dict.fromkeys((*known, *value))) if both else known or value  # type: ignore[misc]
    return tuple(NewEntry(kind=kind, settings=settings) for (kind, _), settings in found.items())
