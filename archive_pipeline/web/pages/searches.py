"""Saved searches: which there are, what is new in each since somebody last looked, saving and removing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from urllib.parse import quote, urlencode

from sqlite_utils import Database
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from archive_pipeline.archive.saved_searches import (
    Change,
    SavedSearch,
    changes_unseen,
    find_saved,
    list_saved,
    note_seen,
)
from archive_pipeline.decide.deciding import Deciding, storable
from archive_pipeline.decide.following import changed_keys, keep_search, remove_search, saved_name
from archive_pipeline.errors import ArchiveError, ArchivePipelineError, NoArchiveError
from archive_pipeline.search.service import SearchService
from archive_pipeline.searching import open_search
from archive_pipeline.web.asking import LONGEST, SORTS, Asked, Sort
from archive_pipeline.web.cards import Card, cards_of
from archive_pipeline.web.forms import checked_form, see_other
from archive_pipeline.web.rendering import Site, render, site_of
from archive_pipeline.web.viewer import Viewer, require_account, visibility_of
from archive_pipeline.workspace import utc_now

__all__ = [
    "feed_address",
    "find_search",
    "may_change",
    "note_looked",
    "remove",
    "save",
    "save_form",
    "saved",
    "search",
    "seen",
]

COUNTED = 40
"""Searches for which the list says how much is new, those of the one who looks first; further ones say it on their own
pages."""

MOST_SAVED = 100
"""Searches that one account has, unless an archivist's: everybody sees them, and the record of decisions keeps them."""

MOST_HITS = 5_000
SHOWN, MOST_NEW = 10, 50

Match = Literal["all", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One saved search in the list; `new` and `changed` are None where nobody counted."""

    search: SavedSearch
    feed: str
    new: int | None
    changed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCard:
    """A hit to which something happened."""

    change: Change
    card: Card


def saved(request: Request) -> Response:
    """The list."""
    viewer = require_account(request)
    lines, visibility = list[Line](), visibility_of(request)
    try:
        with site_of(request).workspace.reading() as db:
            known = list_saved(db)
            own_first = sorted(known, key=lambda one: one.saved_by != viewer.name)
            counted = {one.name for one in own_first[:COUNTED]}
            if known:
                with open_search(site_of(request).workspace, visibility) as service:
                    lines = [_line(service, db, one, visibility.at, is_counted=one.name in counted) for one in known]
    except NoArchiveError:
        pass
    return render(request, "searches.html", {"lines": lines, "removed": "removed" in request.query_params})


def search(request: Request) -> Response:
    """One saved search: what is new, and what it finds."""
    viewer = require_account(request)
    site, visibility = site_of(request), visibility_of(request)
    with site.workspace.reading() as db:
        one = find_search(db, request.path_params["name"])
        with open_search(site.workspace, visibility) as service:
            seq = service.seq
            changes = changes_unseen(db, one, seq, embargo_ended=visibility.at)
            told = {key: change for key, change in changes.items() if change != "retagged"}
            parsed, keys = changed_keys(service, one, changes, today=date.today())
            fresh = [key for key in keys if key in told]
            hits = list(service.hits_of(parsed, fresh[:MOST_NEW]))
            found = service.search(
                one.query, today=date.today(), match=one.match, sort=one.sort, limit=SHOWN, facets=()
            )
    return render(
        request,
        "saved_search.html",
        {
            "saved": one,
            "found": found,
            "new": [ChangedCard(change=told[card.id], card=card) for card in cards_of(site, hits, visibility)],
            "new_total": len(fresh),
            "retagged": len(keys) - len(fresh),
            "cards": cards_of(site, found.hits, visibility),
            "asked": Asked(words=one.query, sort=one.sort),
            "feed": feed_address(one),
            "seq": seq,
            "may_change": may_change(viewer, one),
            "done": next((name for name in ("saved", "looked") if name in request.query_params), None),
        },
        private=True,
    )


def save_form(request: Request) -> Response:
    """The form: a name for a search."""
    require_account(request)
    values = request.query_params
    wanted = _Wanted.read([("q", values.get("q", "")), ("sort", values.get("sort", ""))])
    return _save_form(request, wanted, TOO_LONG if len(wanted.query) > LONGEST else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What the form says."""

    query: str
    name: str
    sort: Sort
    match: Match
    replaces: bool

    @classmethod
    def read(cls, pairs: Iterable[tuple[str, object]]) -> "_Wanted":
        values = {name: str(value) for name, value in pairs}
        return cls(
            query=storable(values.get("q", "")),
            name=storable(values.get("name", ""))[:200],
            sort=next((one for one in SORTS if one == values.get("sort")), "newest"),
            match="any" if values.get("match") == "any" else "all",
            replaces=values.get("replace") == "1",
        )


async def save(request: Request) -> Response:
    """Keep a search, then show it."""
    viewer = require_account(request)
    form = await checked_form(request)
    wanted = _Wanted.read(form.multi_items())
    kept = await run_in_threadpool(_save, site_of(request), viewer, wanted)
    if isinstance(kept, _Problem):
        return await run_in_threadpool(_save_form, request, wanted, kept)
    return see_other(request, f"/searches/{quote(kept, safe='')}?{urlencode({'saved': 1})}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """Why a search was not kept: a message of the pages, or an error's own words."""

    status: int
    key: str = ""
    text: str = ""


TOO_LONG = _Problem(status=400, key="save.too_long")


def _save(site: Site, viewer: Viewer, wanted: _Wanted) -> _Problem | str:
    """The name under which a search was kept, or why it was not."""
    if not wanted.query:
        return _Problem(status=400, key="save.no_query")
    if len(wanted.query) > LONGEST:
        return TOO_LONG
    try:
        name = saved_name(wanted.name)
        with site.workspace.reading() as db:
            everything = list_saved(db)
        known = {one.name: one for one in everything}.get(name)
        own = sum(one.saved_by == viewer.name for one in everything)
        if known is None and own >= MOST_SAVED and not viewer.may("archivist"):
            return _Problem(status=409, key="save.too_many")
        if known is not None and not may_change(viewer, known):
            return _Problem(status=409, key="save.taken_by_other")
        if known is not None and not wanted.replaces:
            return _Problem(status=409, key="save.taken")
        keep_search(
            site.workspace,
            name,
            wanted.query,
            match=wanted.match,
            sort=wanted.sort,
            deciding=Deciding.begin(viewer.name),
            may_replace=lambda one: wanted.replaces and may_change(viewer, one),
        )
    except ArchivePipelineError as error:
        return _Problem(status=400 if error.http_status == 500 else error.http_status, text=error.message)
    return name


def _save_form(request: Request, wanted: _Wanted, problem: _Problem | None = None) -> Response:
    with open_search(site_of(request).workspace, visibility_of(request)) as service:
        found = service.search(wanted.query[:LONGEST], today=date.today(), match=wanted.match, limit=0, facets=())
    values = {
        "wanted": wanted,
        "found": found,
        "problem": problem,
        "most": MOST_SAVED,
        "asked": Asked(words=wanted.query),
    }
    return render(request, "save.html", values, status=problem.status if problem else 200, private=True)


async def seen(request: Request) -> Response:
    """Everything that is new up to a change number has been looked at."""
    viewer = require_account(request)
    form = await checked_form(request)
    name = await run_in_threadpool(_note_seen, site_of(request), viewer, form)
    return see_other(request, f"/searches/{quote(name, safe='')}?{urlencode({'looked': 1})}")


def _note_seen(site: Site, viewer: Viewer, form: FormData) -> str:
    text = str(form.get("seq", ""))
    with site.workspace.writing("saved run") as db:
        one = _changeable(db, viewer, form)
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise HTTPException(400)
        note_looked(db, one, int(text))
    return one.name


def note_looked(db: Database, one: SavedSearch, seq: int) -> None:
    """Everything up to a change number has been looked at; a number before that, or that no change has yet, says
    nothing."""
    newest = next(db.query("SELECT coalesce(max(seq), 0) AS seq FROM outbox"))["seq"]
    if one.seen_seq <= seq <= newest:
        note_seen(db, one.name, seq, utc_now())


async def remove(request: Request) -> Response:
    """Take a search off the list."""
    viewer = require_account(request)
    form = await checked_form(request)
    await run_in_threadpool(_remove, site_of(request), viewer, form)
    return see_other(request, "/searches?removed=1")


def _remove(site: Site, viewer: Viewer, form: FormData) -> None:
    with site.workspace.reading() as db:
        one = _changeable(db, viewer, form)
    deciding = Deciding.begin(viewer.name)
    remove_search(site.workspace, one.name, deciding, may_remove=lambda saved: may_change(viewer, saved))


def may_change(viewer: Viewer, one: SavedSearch) -> bool:
    """Whether somebody may replace and remove a search and say that it was looked at: who saved it, and archivists."""
    return viewer.may("archivist") or viewer.name == one.saved_by


def feed_address(one: SavedSearch) -> str:
    """The path of the feed of a search, which anybody may read as far as the releases are public."""
    return f"/search.atom?{urlencode({'q': one.query} | ({'match': 'any'} if one.match == 'any' else {}))}"


def _line(
    service: SearchService, db: Database, one: SavedSearch, embargo_ended: datetime | None, *, is_counted: bool
) -> Line:
    """One line of the list. To tell what is new all hits are gone through: of searches with many only on their own
    page."""
    changes = changes_unseen(db, one, service.seq, embargo_ended=embargo_ended) if is_counted else {}
    if not is_counted or (changes and _has_many(service, one)):
        return Line(search=one, feed=feed_address(one), new=None, changed=None)
    keys = changed_keys(service, one, changes, today=date.today())[1] if changes else []
    new, changed = (sum(changes[key] == kind for key in keys) for kind in ("new", "changed"))
    return Line(search=one, feed=feed_address(one), new=new, changed=changed)


def _has_many(service: SearchService, one: SavedSearch) -> bool:
    return service.count(service.parse(one.query, today=date.today(), match=one.match).node) > MOST_HITS


def find_search(db: Database, name: str) -> SavedSearch:
    """The saved search of this name. Raises HTTPException (404)."""
    try:
        return find_saved(db, name)
    except ArchiveError:
        raise HTTPException(404) from None


def _changeable(db: Database, viewer: Viewer, form: FormData) -> SavedSearch:
    one = find_search(db, str(form.get("name", "")))
    if not may_change(viewer, one):
        raise HTTPException(403)
    return one
