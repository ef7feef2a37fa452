"""Lists of sources that others made: OPML of feed readers, CSV of spreadsheets.

What a file says becomes tables of sources.toml line by line; what can't be used keeps its line and a reason. Feed
readers write OPML 1.0 to 2.0 (http://opml.org/spec2.opml) loosely, spreadsheets write CSV in the habits of their
country: both are read as they are.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from lxml import etree

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import ConfigError
from archive_pipeline.sources.editing import NewSource, Setting, in_order
from archive_pipeline.sources.tables import slug

__all__ = ["ListedSource", "bare_address", "read_list"]

MAX_BYTES = 50_000_000
"""A longer list is none."""

LONGEST_ID = 60
MOST_CELL = 2000
"""Characters of a cell that are read."""

FEED_COLUMNS = ("xmlurl", "feedurl", "feed", "rssfeed", "rss")
"""Columns of addresses that are those of feeds; they come before an address of whatever kind."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "url": (*FEED_COLUMNS, "url", "adresse", "address", "webadresse", "link"),
    "id": ("id", "kennung"),
    "title": ("title", "titel", "name", "bezeichnung", "quelle", "text"),
    "fetcher": ("fetcher", "art", "typ", "type"),
    "path": ("path", "pfad", "ordner"),
    "schedule": ("schedule", "zeitplan", "abstand", "intervall", "interval"),
    "district": ("district", "kreis", "ags", "kreisschluessel", "agsschluessel"),
    "party": ("party", "partei"),
    "organisation": ("organisation", "organization", "stelle", "herausgeber"),
    "language": ("language", "sprache"),
    "access": ("access", "zugang"),
    "legal_basis": ("legalbasis", "rechtsgrundlage", "grundlage"),
    "appraisal": ("appraisal", "bewertung"),
    "responsible": ("responsible", "zustaendig", "verantwortlich"),
    "capture_scope": ("capturescope", "umfang"),
    "call_number": ("callnumber", "signatur"),
    "enabled": ("enabled", "aktiv", "eingeschaltet"),
}
"""The keys of a source and what their columns are called, the clearest name first: in lower case, umlauts written out,
nothing but letters."""

WORDS = {
    **dict.fromkeys(("ja", "true", "1", "x", "wahr", "an", "yes"), True),
    **dict.fromkeys(("nein", "false", "0", "falsch", "aus", "no"), False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSource:
    """One line of a list. `source` is its table, without an id where the list names none; None with the `reason` why
    the line can't be used."""

    line: int
    name: str
    source: NewSource | None = None
    reason: str = ""

    @property
    def url(self) -> str:
        """The address, or an empty text."""
        return str(self.source.value("url") or "") if self.source else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceList:
    """A list, read. `ignored` names columns that nothing of a source goes by."""

    lines: tuple[ListedSource, ...]
    ignored: tuple[str, ...] = ()


def read_list(path: Path, *, taken: Collection[str], defaults: Sequence[Setting] = ()) -> SourceList:
    """The lines of an OPML or CSV file; which of the two it is shows in its first characters.

    Every table gets an id that is neither in `taken` nor in another table, and `defaults` for what it doesn't say.
    Raises ConfigError when the file can't be read at all.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} ist größer als {MAX_BYTES // 1_000_000} MB", hint="die Liste teilen")
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} ist nicht lesbar: {error.strerror}", hint="Pfad und Rechte prüfen") from error
    if content.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"<" or content[2:4] in (b"<\0", b"\0<"):
        return SourceList(lines=tuple(_with_ids(list(_opml(content, path)), taken, defaults)))
    lines, ignored = _csv(_text(content), path)
    return SourceList(lines=tuple(_with_ids(lines, taken, defaults)), ignored=tuple(ignored))


def bare_address(url: str) -> str:
    """An address without what two ways of writing the same source differ in: scheme, `www.`, final slash."""
    return canonical_url(url).partition("://")[2].removeprefix("www.").rstrip("/")


def _with_ids(
    lines: Sequence[ListedSource], taken: Collection[str], defaults: Sequence[Setting]
) -> Iterator[ListedSource]:
    used = {*taken, *(str(line.source.value("id")) for line in lines if line.source)}
    for line in lines:
        if line.source is None:
            yield line
            continue
        settings = {setting.key: setting for setting in line.source.settings}
        if "id" not in settings:
            source_id = _free_id(line, used)
            used.add(source_id)
            settings = {"id": Setting(key="id", value=source_id), **settings}
        for default in defaults:
            settings.setdefault(default.key, default)
        yield replace(line, source=replace(line.source, settings=in_order(settings.values())))


def _free_id(line: ListedSource, taken: Collection[str]) -> str:
    host = (urlsplit(line.url).hostname or "").removeprefix("www.").rpartition(".")[0]
    title = str(line.source.value("title") or "") if line.source else ""
    name = (slug(title) or slug(host) or "quelle")[:LONGEST_ID].strip("-")
    if name not in taken:
        return name
    return next(one for number in count(2) if (one := f"{name[: LONGEST_ID - 6].strip('-')}-{number}") not in taken)


def _opml(content: bytes, path: Path) -> Iterator[ListedSource]:
    """The outlines that name a feed, in their order, each with the folders it lies in."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=True
    )
    try:
        root = etree.fromstring(content.lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None or _name(root) != "opml":
        raise ConfigError(f"{path} ist keine OPML-Datei", hint="erwartet wird <opml> oder eine CSV-Datei mit Kopfzeile")
    for outline in root.iter():
        if _name(outline) == "outline":
            line = cast("int", outline.sourceline or 0)
            attributes = {str(name).lower(): _cell(str(value)) for name, value in outline.items()}
            name = attributes.get("title") or attributes.get("text", "")
            if url := attributes.get("xmlurl") or attributes.get("url", ""):
                yield _listed(line, name, {"url": url, **_feed(attributes)}, _note(outline, attributes))
            elif len(outline) == 0:
                yield ListedSource(line=line, name=name, reason="xmlUrl fehlt: keine Adresse")


def _feed(attributes: Mapping[str, str]) -> dict[str, str]:
    """What makes an outline a feed: it has an xmlUrl, whatever its type says."""
    return {"fetcher": "feed"} if attributes.get("xmlurl") else {}


def _note(outline: etree._Element, attributes: Mapping[str, str]) -> str:
    """The folders and categories of an outline, for the comment above its table."""
    folders = [
        _cell(folder.get("title") or folder.get("text") or "")
        for folder in reversed(list(outline.iterancestors()))
        if _name(folder) == "outline"
    ]
    return "; ".join(filter(None, (" / ".join(filter(None, folders)), attributes.get("category", ""))))


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname.lower() if isinstance(element.tag, str) else ""


def _text(content: bytes) -> str:
    """UTF-8 or UTF-16 as their mark says, else UTF-8 where it is valid, else the Windows code page of spreadsheets."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _csv(text: str, path: Path) -> tuple[list[ListedSource], list[str]]:
    """The rows below the header, and the columns that mean nothing here."""
    text = text.lstrip()
    first, _, rest = text.partition("\n")
    before = 0
    if first.lower().startswith("sep="):  # what Excel is told so
        first, text, before = rest.partition("\n")[0], rest, 1
    delimiter = max(";,\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((before + reader.line_num, [_cell(cell) for cell in cells]))
    except csv.Error as error:
        raise ConfigError(
            f"{path}, Zeile {before + reader.line_num}: {error}", hint="Datei als CSV neu speichern"
        ) from error
    if not rows:
        raise ConfigError(f"{path} ist leer", hint="erwartet wird OPML oder CSV mit einer Spalte url")
    header = rows[0][1]
    columns = [_column(cell) for cell in header]
    if not {"url", "path"} & {key for key, _ in columns}:
        if not any(_is_address(cell) for cell in header):
            raise ConfigError(
                f"{path}: die Spalte url (oder Adresse) fehlt; gefunden: {', '.join(filter(None, header))[:200]}",
                hint="der ersten Zeile die Namen der Spalten geben",
            )
        title = next((number for number, cell in enumerate(header) if cell and not _is_address(cell)), -1)
        columns = [
            ("url" if _is_address(cell) else "title" if number == title else "", "")
            for number, cell in enumerate(header)
        ]
        return [_row(line, cells, columns) for line, cells in rows], []
    ignored = [cell for cell, (key, _) in zip(header, columns, strict=True) if cell and not key]
    return [_row(line, cells, columns) for line, cells in rows[1:]], ignored


def _is_address(cell: str) -> bool:
    return cell.lower().startswith(("http://", "https://"))


def _column(cell: str) -> tuple[str, str]:
    """The key of a source that a column is for, or an empty text; and the name it goes by."""
    name = slug(cell).replace("-", "")
    return next((key for key, names in COLUMNS.items() if name in names), ""), name


def _row(line: int, cells: Sequence[str], columns: Sequence[tuple[str, str]]) -> ListedSource:
    values: dict[str, str] = {}
    filled = [(key, name, cell) for (key, name), cell in zip(columns, cells, strict=False) if key and cell]
    for key, name, cell in sorted(filled, key=lambda one: COLUMNS[one[0]].index(one[1]) if one[1] else 0):
        if key == "url" and name in FEED_COLUMNS and "url" not in values:
            values.setdefault("fetcher", "feed")
        values.setdefault(key, cell)
    named = next((cell for key, _, cell in filled if key == "fetcher"), None)
    if named:
        values["fetcher"] = named
    if not values.get("url") and not values.get("path"):
        return ListedSource(line=line, name=values.get("title", ""), reason="die Adresse fehlt")
    return _listed(line, values.get("title", ""), values, "")


def _listed(line: int, name: str, values: Mapping[str, str], note: str) -> ListedSource:
    """A line with its table; an address without a scheme is taken for https."""
    settings: dict[str, str | bool] = {}
    for key in ("id", "title", "fetcher", "url", *COLUMNS):
        value = name if key == "title" else values.get(key, "")
        if not value:
            continue
        if key == "enabled":
            if value.lower() not in WORDS:
                return ListedSource(line=line, name=name, reason=f"{key}: {value!r} ist weder ja noch nein")
            settings[key] = WORDS[value.lower()]
        elif key == "url":
            settings[key] = value if "://" in value else f"https://{value.removeprefix('//')}"
        elif key == "district" and re.fullmatch(r"\d{4}", value):
            settings[key] = f"0{value}"  # spreadsheets take the key for a number and drop its zero
        else:
            settings[key] = value.lower() if key in ("fetcher", "access", "language") else value
    table = NewSource(settings=tuple(Setting(key=key, value=value) for key, value in settings.items()), note=note)
    return ListedSource(line=line, name=name or str(settings.get("url", settings.get("path", ""))), source=table)


def _cell(text: str) -> str:
    """A cell or attribute on one line, without what would steer a terminal."""
    plain = "".join(char if char.isprintable() else " " for char in text[:MOST_CELL])
    return " ".join(plain.split())
