"""What an OParl server answers, as values: pure functions of addresses and bytes.

All facts are from the specification OParl 1.1, https://dev.oparl.org/spezifikation: sections "URLs", "JSON-Ausgabe",
"Objektlisten und Paginierung" (with "Filter" and "Der Aktualisierungsmechanismus"), "Dateizugriffe", "Gelöschte
Objekte", "Ausnahmebehandlung", "OParl Endpunkt" and the schema of System, Body, Paper, Meeting and File. Servers of
OParl 1.0 answer in the same form.

Servers in use deviate from it, and what is common is read: addresses with another scheme or prefix than the one the
server answers at, relative ones, a single object or a bare list where a page of a list is due, pages without `links`,
one file where a list of files is due, deleted objects without type, moments without a time zone, values like "N/A",
control characters and character references in strings.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from archive_pipeline import FetchError

__all__ = [
    "BERLIN",
    "Body",
    "Document",
    "Kind",
    "NoOParlError",
    "Page",
    "Record",
    "Site",
    "bodies",
    "read_json",
    "read_page",
    "read_record",
    "system",
    "with_parameters",
]

Kind = Literal["paper", "meeting", "file"]
"""The kinds of objects that documents belong to, by the name of their list in a body."""

BERLIN = ZoneInfo("Europe/Berlin")
"""Where a moment without a time zone was written."""

_NOTHING = frozenset({"", "n/a", "-", "null", "none"})
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_GERMAN_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_NO_YEAR = 1900
"""Databases put days of this year and before (1900-01-01, 0001-01-01) where there is none."""

Object = Mapping[str, Any]


class NoOParlError(FetchError):
    """The server does not answer as OParl says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a server answers, and how it writes its own address.

    `address` is where the system was found. Many servers stand behind another one that adds TLS or a prefix, and go on
    writing what they see themselves: what begins with `written` is meant to begin with `answers`.
    """

    address: str
    written: str = ""
    answers: str = ""

    @classmethod
    def of(cls, address: str, system: Object) -> "Site":
        """The site whose system, found at `address`, calls itself by its `id`."""
        own = system.get("id")
        if not isinstance(own, str) or own == address or "://" not in own:
            return cls(address=address)
        written, answers = own.rstrip("/").split("/"), address.rstrip("/").split("/")
        same = 0
        while written and answers and written[-1] == answers[-1]:
            written.pop()
            answers.pop()
            same += 1
        if not same or min(len(written), len(answers)) < len(("https:", "", "host")):
            return cls(address=address)  # they have no path in common, or differ in the scheme alone
        return cls(address=address, written="/".join(written) + "/", answers="/".join(answers) + "/")

    def url(self, link: object) -> str | None:
        """The web address that a link of this server means, or None when it is none."""
        text = _line(link) if isinstance(link, str) else ""
        if not text:
            return None
        if self.written and text.startswith(self.written) and not text.startswith(self.answers):
            text = self.answers + text.removeprefix(self.written)
        try:
            url = urljoin(self.address, text)
            parts, here = urlsplit(url), urlsplit(self.address)
            if parts.scheme == "http" and here.scheme == "https" and parts.netloc == here.netloc:
                parts = parts._replace(scheme="https")
                url = urlunsplit(parts)
            return url if parts.scheme in ("http", "https") and parts.hostname else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file: where it is, how it is called, and its declared type."""

    url: str
    key: str
    title: str | None = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A paper, meeting or file.

    `id` is its address, `documents` are its files, the main one first, `web` is a page that shows it. `published` is an
    ISO day, `type` that of a paper. `state` changes with the object or its main file, and is None when nothing tells.
    Of a deleted object nothing else is left.
    """

    id: str
    deleted: bool = False
    title: str | None = None
    published: str | None = None
    type: str = ""
    created: datetime | None = None
    modified: datetime | None = None
    state: str | None = None
    web: str | None = None
    documents: tuple[Document, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body (Körperschaft): its names, and the addresses of its lists."""

    id: str
    names: tuple[str, ...]
    lists: tuple[tuple[Kind, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list: the objects as they stand there, and the address of the next page."""

    objects: tuple[Object, ...]
    following: str | None = None


def read_json(body: bytes, url: str) -> Any:
    """The answer. Raises NoOParlError when it is no JSON, or an error that the server tells."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("cp1252", "replace")
    try:
        answer = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        what = "HTML" if text.lstrip()[:1] == "<" else "kein JSON"
        raise NoOParlError(f"Die Antwort ist {what}, nicht die einer OParl-Schnittstelle", url=url) from error
    if isinstance(answer, dict) and _is(answer, "Error"):
        raise NoOParlError(f"Die OParl-Schnittstelle meldet: {_text(answer.get('message')) or 'Fehler'}", url=url)
    return answer


def system(answer: Any) -> Object | None:
    """The System object in an answer, that of the newest version where there are several; None when there is none."""
    found = [one for one in _objects(answer) if "body" in one and "data" not in one and not _is(one, "Body")]
    return max(found, key=lambda one: _text(one.get("oparlVersion")).rstrip("/"), default=None)


def read_page(answer: Any, url: str, site: Site) -> Page:
    """A page of a list. Raises NoOParlError when it is none."""
    if isinstance(answer, list):
        return Page(objects=_objects(answer))
    if not isinstance(answer, dict) or not ({"data", "id"} & answer.keys()):
        raise NoOParlError("Die Antwort ist keine Objektliste: data fehlt", url=url)
    if "data" not in answer:
        return Page(objects=(answer,))
    links = answer.get("links")
    following = site.url(links.get("next")) if isinstance(links, dict) else None
    return Page(objects=_objects(answer["data"]), following=following or _counted(answer.get("pagination"), url))


def _counted(pagination: object, url: str) -> str | None:
    """The next page where only the numbers of pages are told."""
    if not isinstance(pagination, dict):
        return None
    try:
        current, total = int(pagination.get("currentPage") or 0), int(pagination.get("totalPages") or 0)
    except (TypeError, ValueError):
        return None
    return with_parameters(url, page=str(current + 1)) if 0 < current < total else None


def bodies(answer: Any, url: str, site: Site) -> tuple[Body, ...]:
    """The bodies in an answer: a body itself, or a list of them."""
    found = (_body(one, site) for one in read_page(answer, url, site).objects if not _is_deleted(one))
    return tuple(body for body in found if body is not None)


def _body(one: Object, site: Site) -> Body | None:
    address = site.url(one.get("id"))
    lists: list[tuple[Kind, str]] = []
    for kind in ("paper", "meeting", "file"):
        if listed := site.url(one.get(kind)):
            lists.append((kind, listed))
    if address is None or not lists:
        return None
    names = (_text(one.get("name")), _text(one.get("shortName")), address)
    return Body(id=address, names=tuple(name for name in names if name), lists=tuple(lists))


def read_record(one: Object, site: Site) -> Record | None:
    """A paper, meeting or file; None when it has no address to name it by."""
    address = site.url(one.get("id"))
    if address is None:
        return None
    created, modified = _moment(one.get("created")), _moment(one.get("modified"))
    if _is_deleted(one):
        return Record(id=address, deleted=True, created=created, modified=modified)
    documents = tuple({document.url: document for document in _documents(one, site)}.values())
    changes = [one.get("modified"), *(file.get("modified") for file in _files(one)[:1])]
    return Record(
        id=address,
        title=_text(one.get("name")) or _text(one.get("fileName")) or _text(one.get("reference")) or None,
        published=_day(one.get("date")) or _day(one.get("start")),
        type=_text(one.get("paperType")),
        created=created,
        modified=modified,
        state=" ".join(text for change in changes if (text := _text(change))) or None,
        web=site.url(one.get("web")),
        documents=documents,
    )


def _documents(one: Object, site: Site) -> Iterator[Document]:
    for file in _files(one):
        url = site.url(file.get("accessUrl")) or site.url(file.get("downloadUrl"))
        if url is None or _is_deleted(file):
            continue
        media_type = _text(file.get("mimeType")).lower()
        yield Document(
            url=url,
            key=site.url(file.get("id")) or url,
            title=_text(file.get("name")) or _text(file.get("fileName")) or None,
            media_type=media_type if _MEDIA_TYPE.fullmatch(media_type) else None,
        )


def _files(one: Object) -> tuple[Object, ...]:
    """The File objects of an object, the main one first; a File is its own."""
    if "accessUrl" in one or "downloadUrl" in one:
        return (one,)
    main = (one.get(name) for name in ("mainFile", "resultsProtocol", "verbatimProtocol", "invitation"))
    return (*_objects(list(main)), *_objects(one.get("auxiliaryFile")))


def _objects(value: object) -> tuple[Object, ...]:
    """The objects in a list; one object stands for a list of one."""
    values = value if isinstance(value, list) else [value]
    return tuple(one for one in values if isinstance(one, dict))


def _is(one: Object, kind: str) -> bool:
    return _text(one.get("type")).rpartition("/")[2].lower() == kind.lower()


def _is_deleted(one: Object) -> bool:
    return _text(one.get("deleted")).lower() == "true"


def with_parameters(url: str, **parameters: str) -> str:
    """The address with these query parameters, which replace others of the same name."""
    parts = urlsplit(url)
    kept = [pair for pair in parts.query.split("&") if pair and pair.partition("=")[0] not in parameters]
    return urlunsplit(parts._replace(query="&".join([*kept, urlencode(parameters)])))


def _line(value: object) -> str:
    """A value as one line that can be stored; empty for what says nothing."""
    if not isinstance(value, str | int | float):
        return ""
    line = " ".join(_CONTROL.sub(" ", str(value).encode("utf-8", "replace").decode()).split())
    return "" if line.lower() in _NOTHING else line


def _text(value: object) -> str:
    """A line of text, without the character references that some servers put there."""
    return _line(html.unescape(value) if isinstance(value, str) else value)


def _moment(value: object) -> datetime | None:
    """A point in time, in UTC."""
    try:
        moment = datetime.fromisoformat(_text(value))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=BERLIN)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _day(value: object) -> str | None:
    """A day, or the day of a moment in Germany, in ISO form."""
    text = _text(value)
    try:
        if _ISO_DAY.fullmatch(text):
            day = date.fromisoformat(text)
        elif moment := _moment(text):
            day = moment.astimezone(BERLIN).date()
        elif found := _GERMAN_DAY.match(text):
            day = date(int(found[3]), int(found[2]), int(found[1]))
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return day.isoformat() if day.year > _NO_YEAR else None
