"""The fetcher `oparl`: system, bodies, their lists of papers, meetings or files, and the documents of these."""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archive_pipeline import (
    Capture,
    CaptureResult,
    FetchContext,
    FetchError,
    Gone,
    HttpOptions,
    Item,
    Refused,
    RefusedError,
    Source,
    TransientFetchError,
    Unmodified,
)

from . import parse

__all__ = ["OParlFetcher", "OParlOptions"]

ADDRESS = re.compile(r"(^|/)oparl(/|$)", re.IGNORECASE)
HOST = re.compile(r"oparl\.[^.]+\..+")
FITS_WELL = 95

OVERLAP = timedelta(days=1)
"""Changes are asked for from so much before the last walk on: clocks differ, and many systems publish over night."""

ENTERED_BEFORE = timedelta(days=90)
"""So long before the day it is dated, a paper may have been entered and changed for the last time."""

MAX_BODY_PAGES = 50

IDLE_PAGES = 3
"""After so many pages in a row that bring nothing new, a list has no end."""

DELETED = "im Ratsinformationssystem gelöscht (deleted)"

logger = logging.getLogger(__name__)


class NotThereError(FetchError):
    """The server says that there is nothing at an address."""


class OParlOptions(HttpOptions):
    """Settings of a council information system.

    `objects`: which lists are read. `body` and `paper_type` are patterns (`*`): only bodies of this name or address,
    only papers of this type. `since`: only what was created on this day or later. `per_page`: objects asked for a page,
    0 leaves it to the server, which may do as it likes anyway. `max_pages`: pages of a list that one run reads at most;
    the next run goes on behind them.
    """

    objects: Annotated[tuple[parse.Kind, ...], Field(min_length=1)] = ("paper",)
    body: tuple[str, ...] = ()
    paper_type: tuple[str, ...] = ()
    since: date | None = None
    per_page: int = Field(default=100, ge=0)
    max_pages: int = Field(default=200, ge=1)


class Position(BaseModel):
    """How far a list was read. `since`: everything that changed before is known. A walk that is not at its end has
    `following`, the page to go on with, `began`, and `newest`, the last change it has seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: datetime | None = None
    following: str | None = None
    began: datetime | None = None
    newest: datetime | None = None


class Bookmark(BaseModel):
    """The positions in all lists, by address, and the settings they were reached with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: str
    lists: dict[str, Position] = Field(default_factory=dict)


class OParlFetcher:
    """Every object with a document or a web page is an item; its main document is what gets captured, the others are
    attachments. The objects themselves are kept in the lists that named them.

    An item's key is the object's id, its fingerprint the time of its last change. Deleted objects are not offered; one
    that was captured and is deleted now is gone.
    """

    options: type[BaseModel] = OParlOptions

    def __init__(self) -> None:
        self._records: WeakKeyDictionary[FetchContext, dict[str, parse.Record]] = WeakKeyDictionary()

    def claims(self, url: str) -> int | None:
        """95 for addresses with `oparl` as a folder or the host's first name, else None."""
        parts = urlsplit(url)
        return FITS_WELL if ADDRESS.search(parts.path) or HOST.match(parts.hostname or "") else None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """What the lists hold or, in later runs, what changed in them. A list that can't be read is raised after
        everything else was listed. Raises FetchError, RefusedError."""
        options = source.options_as(OParlOptions)
        site, bodies = _bodies(source, context)
        settings = _settings(source, options)
        before = _bookmark(context, settings)
        records = self._records.setdefault(context, {})
        seen: set[str] = set()
        reached: dict[str, Position] = {}
        failures: list[FetchError] = []
        for address in _lists(bodies, options):
            walk = _Walk(source, context, options, site, address, before.lists.get(address, Position()))
            try:
                for record in walk.records():
                    if record.id not in seen and _wanted(record, options, context.since):
                        seen.add(record.id)
                        records[record.id] = record
                        yield _item(record, source.id)
            except FetchError as error:
                logger.warning("%s: %s: %s", source.id, address, error.message)
                failures.append(error)
            reached[address] = walk.position
        if failures:
            raise failures[0]
        if context.since is None:
            context.keep_bookmark(Bookmark(settings=settings, lists=reached).model_dump_json())

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The main document, and the others as its attachments; Gone for an object that was deleted."""
        record = self._records.get(context, {}).get(item.key) or _asked(item, context)
        if record is not None and record.deleted:
            yield Gone(DELETED)
            return
        documents = record.documents if record else ()
        result = context.get(documents[0].url if documents else item.url or item.key, item=item)
        yield result
        page = result.capture if isinstance(result, Unmodified) else result
        if isinstance(page, Capture) and source.options_as(OParlOptions).attachments:
            yield from _attachments(page, documents[1:], context)


def _bodies(source: Source, context: FetchContext) -> tuple[parse.Site, tuple[parse.Body, ...]]:
    """How the server writes addresses, and its bodies. Raises FetchError."""
    if source.url is None:
        raise FetchError("Der Quelle fehlt url", hint='in sources.toml url = "https://…/oparl/system" setzen')
    capture, answer = _ask(source.url, context)
    system = parse.system(answer)
    site = parse.Site.of(capture.target, system if system is not None else answer if isinstance(answer, dict) else {})
    address: str | None = capture.target
    if system is not None:
        address = site.url(system["body"])
        answer = system["body"] if address is None else _ask(address, context)[1]
    found: dict[str, parse.Body] = {}
    visited: set[str] = set()
    while address not in visited and len(visited) < MAX_BODY_PAGES:
        here = address or capture.target
        visited.add(here)
        found |= {body.id: body for body in parse.bodies(answer, here, site)}
        address = parse.read_page(answer, here, site).following
        if address is None:
            break
        if address not in visited:
            answer = _ask(address, context)[1]
    if not found:
        raise parse.NoOParlError(
            "Die OParl-Schnittstelle nennt keine Körperschaft",
            url=source.url,
            hint="url muss das System nennen (…/oparl/system) oder eine Körperschaft",
        )
    return site, tuple(found.values())


def _lists(bodies: Iterable[parse.Body], options: OParlOptions) -> list[str]:
    """The addresses of the lists that are wanted. Raises FetchError when there is none."""
    wanted = [body for body in bodies if not options.body or any(_fits(name, options.body) for name in body.names)]
    if not wanted:
        names = ", ".join(body.names[0] for body in bodies)
        raise FetchError(f"Keine Körperschaft passt auf body; es gibt: {names}", hint="body der Quelle prüfen")
    lists = [address for body in wanted for kind, address in body.lists if kind in options.objects]
    if not lists:
        raise FetchError(
            f"Die Schnittstelle hat keine Liste {' oder '.join(options.objects)}", hint="objects der Quelle prüfen"
        )
    return list(dict.fromkeys(lists))


def _fits(text: str, patterns: tuple[str, ...]) -> bool:
    wanted = ("".join(".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", one)) for one in patterns)
    return any(re.fullmatch(pattern, text, re.IGNORECASE) for pattern in wanted)


def _ask(address: str, context: FetchContext) -> tuple[Capture, Any]:
    """An answer as evidence, and what it says. Raises FetchError, RefusedError."""
    result = context.get(address)
    if isinstance(result, Refused):
        raise RefusedError(result.reason, url=address)
    if not isinstance(result, Capture):
        reason = getattr(result, "reason", "keine Antwort")
        raise NotThereError(f"Die OParl-Schnittstelle antwortet dort nicht: {reason}", url=address, hint="url prüfen")
    return result, parse.read_json(result.body, address)


@dataclass(slots=True)
class _Walk:
    """One run's way through one list. `position` is how far it came."""

    source: Source
    context: FetchContext
    options: OParlOptions
    site: parse.Site
    address: str
    position: Position
    _filters: dict[str, str] = field(default_factory=dict)

    def records(self) -> Iterator[parse.Record]:
        """The objects of the list, from where the last run got to. Raises FetchError, RefusedError."""
        seen: set[str] = set()
        visited: set[str] = set()
        idle = 0
        capture, page = self._first()
        for number in range(1, self.options.max_pages + 1):
            visited.add(capture.target)
            records = [record for one in page.objects if (record := parse.read_record(one, self.site))]
            idle = 0 if any(record.id not in seen for record in records) else idle + 1
            seen.update(record.id for record in records)
            goes_on = page.following and page.following not in visited and idle < IDLE_PAGES
            changes = [record.modified for record in records if record.modified]
            self._move(page.following if goes_on else None, capture.captured_at, changes)
            yield from records
            if self.position.following is None:
                return
            if number < self.options.max_pages:
                capture, page = self._read(self._filtered(self.position.following))
        logger.warning(
            "%s: nach %d Seiten aufgehört (max_pages), der nächste Lauf liest weiter",
            self.source.id,
            self.options.max_pages,
        )

    def _first(self) -> tuple[Capture, parse.Page]:
        """The page that this run begins with. A server that forgot where the last run stopped is read anew; one that
        does not understand the filters is read without."""
        self._filters = self._wanted()
        if self.position.following:
            try:
                return self._read(self._filtered(self.position.following))
            except (RefusedError, TransientFetchError):
                raise
            except FetchError as error:
                logger.warning("%s: %s – die Liste beginnt von vorn", self.source.id, error.message)
                self.position = Position(since=self.position.since)
        try:
            return self._read(parse.with_parameters(self.address, **self._filters))
        except (RefusedError, TransientFetchError):
            raise
        except FetchError as error:
            if not self._filters:
                raise
            capture, page = self._read(self.address)
            nothing_changed = isinstance(error, NotThereError) and "modified_since" in self._filters
            logger.info("%s: %s: ohne Filter gelesen (%s)", self.source.id, self.address, error.message)
            self._filters = {}
            # SD.NET RIM says 404 where a list would be empty
            return capture, parse.Page(objects=()) if nothing_changed else page

    def _wanted(self) -> dict[str, str]:
        filters: dict[str, str] = {}
        if self.options.per_page:
            filters["limit"] = str(self.options.per_page)
        if self.options.since:
            filters["created_since"] = _midnight(self.options.since).isoformat()
        if self.context.since:
            filters["modified_since"] = (_midnight(self.context.since) - ENTERED_BEFORE).isoformat()
        elif self.position.since:
            filters["modified_since"] = self.position.since.isoformat(timespec="seconds")
        return filters

    def _filtered(self, following: str) -> str:
        """The next page, still filtered: servers must keep filters in their links, not all do."""
        changed = self._filters.get("modified_since")
        if changed is None or "modified_since=" in following:
            return following
        return parse.with_parameters(following, modified_since=changed)

    def _read(self, address: str) -> tuple[Capture, parse.Page]:
        capture, answer = _ask(address, self.context)
        return capture, parse.read_page(answer, capture.target, self.site)

    def _move(self, following: str | None, read_at: datetime, changes: list[datetime]) -> None:
        """Note that a page was read. At the end of the list, what changed before the walk began, or before the last
        change it saw, is known."""
        position = self.position
        began = position.began or read_at
        newest = max((*changes, *([position.newest] if position.newest else [])), default=None)
        if following:
            self.position = Position(since=position.since, following=following, began=began, newest=newest)
            return
        known = [position.since] if position.since else []
        if newest:
            known.append(min(began, newest) - OVERLAP)
        self.position = Position(since=max(known, default=None))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), parse.BERLIN)


def _settings(source: Source, options: OParlOptions) -> str:
    """A hash of what decides about the items of a source: with other settings its bookmark is void."""
    told = options.model_dump_json(include={"objects", "body", "paper_type", "since"})
    return hashlib.sha256(f"{source.url} {told}".encode()).hexdigest()[:16]


def _bookmark(context: FetchContext, settings: str) -> Bookmark:
    """What earlier runs kept; empty when it was with other settings, or when the run asks for a range of days."""
    empty = Bookmark(settings=settings)
    try:
        kept = empty if context.bookmark is None else Bookmark.model_validate_json(context.bookmark)
    except ValidationError:
        return empty
    return kept if kept.settings == settings and context.since is None else empty


def _wanted(record: parse.Record, options: OParlOptions, since: date | None) -> bool:
    if record.deleted or not (record.documents or record.web):
        return False
    if options.paper_type and not _fits(record.type, options.paper_type):
        return False
    created = record.created.astimezone(parse.BERLIN).date().isoformat() if record.created else record.published
    if options.since and created and created < options.since.isoformat():
        return False
    return not (since and record.published and record.published < since.isoformat())


def _item(record: parse.Record, source_id: str) -> Item:
    main = record.documents[0] if record.documents else None
    return Item(
        source_id=source_id,
        key=record.id,
        url=main.url if main else record.web,
        title=record.title,
        published=record.published,
        media_type=main.media_type if main else None,
        fingerprint=record.state,
    )


def _asked(item: Item, context: FetchContext) -> parse.Record | None:
    """The object of an item that this run did not list; None when the server does not give it by itself."""
    try:
        capture, answer = _ask(item.key, context)
    except TransientFetchError:
        raise
    except FetchError as error:  # also a refusal: the document may be permitted
        logger.info("%s: %s: %s", item.source_id, item.key, error.message)
        return None
    if not isinstance(answer, dict):
        return None
    return parse.read_record(answer, parse.Site.of(capture.target, answer))


def _attachments(page: Capture, documents: Iterable[parse.Document], context: FetchContext) -> Iterator[Capture]:
    """The further documents; one that can't be had never fails the main one."""
    for document in documents:
        attachment = Item(
            source_id=page.source_id,
            key=document.key,
            url=document.url,
            title=document.title,
            media_type=document.media_type,
        )
        try:
            result = context.get(document.url, item=attachment, parent=page)
        except FetchError as error:
            logger.warning("%s: Anlage %s nicht erfasst: %s", page.source_id, document.url, error.message)
            continue
        if isinstance(result, Capture):
            yield result
