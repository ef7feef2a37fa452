"""Frozen result sets: which there are, what one holds and how it is cited, what has changed since, and freezing."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, cast

from sqlite_utils import Database
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from archive_pipeline.archive.reading import load_releases
from archive_pipeline.archive.result_sets import Frozen, SetRow, frozen_members, list_sets, open_set, verify_set
from archive_pipeline.archive.visibility import Standing, visible_ids
from archive_pipeline.decide.deciding import Deciding, new_id, storable
from archive_pipeline.decide.freezing import SetDifference, cite_set, freeze, set_difference
from archive_pipeline.errors import ArchiveError, ArchivePipelineError, NoArchiveError, QueryError
from archive_pipeline.exchange.export_job import ExportRequest
from archive_pipeline.exchange.exporting import export_to
from archive_pipeline.model import Release
from archive_pipeline.searching import open_search
from archive_pipeline.web.asking import LONGEST, Asked
from archive_pipeline.web.cards import source_titles
from archive_pipeline.web.forms import checked_form, see_other
from archive_pipeline.web.frozen import seen_set, seen_sets
from archive_pipeline.web.pages.taking import FORMATS, chunks
from archive_pipeline.web.rendering import Site, render, site_of
from archive_pipeline.web.viewer import Viewer, require, require_account, visibility_of

__all__ = ["compare", "export", "exported", "freeze_form", "frozen_set", "frozen_sets", "make"]

PAGE = 50
MOST_DIFFERENT = 200
IN_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a set: `release` is the text of then, None where it may not be seen today or was erased."""

    frozen: Frozen
    release: Release | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One kind of difference: how many releases, and the first of them by name."""

    kind: str
    total: int
    releases: tuple[Release, ...]
    gone: tuple[str, ...]


def frozen_sets(request: Request) -> Response:
    """The list."""
    require_account(request)
    site = site_of(request)
    rows: list[SetRow] = []
    try:
        with site.workspace.reading() as db:
            rows = seen_sets(site.workspace, db, visibility_of(request))
    except NoArchiveError:
        pass
    return render(request, "sets.html", {"sets": rows})


def frozen_set(request: Request) -> Response:
    """One set: what was asked, how it is cited, its members; with `pruefen` it is compared with its hash."""
    require_account(request)
    site = site_of(request)
    with site.workspace.reading() as db:
        row = _seen(request, db)
        last = max(1, -(-row.releases // PAGE))
        asked = request.query_params.get("page", "1")
        page = min(int(asked), last) if asked.isascii() and asked.isdigit() and 0 < len(asked) < 8 and int(asked) else 1
        found, wrong = _members(site.workspace.data, row.name, page)
        seen = visible_ids(db, [one.release_id for one in found], visibility_of(request))
    is_verified = "pruefen" in request.query_params
    if is_verified and wrong is None:
        wrong = verify_set(site.workspace.data, row)
    titles = source_titles(site)
    members = [
        Member(
            frozen=one,
            release=one.release if one.release_id in seen else None,
            source=titles.get(one.release.source_id, one.release.source_id) if one.release else "",
        )
        for one in found
    ]
    return render(
        request,
        "set.html",
        {
            "set": row,
            "citation": cite_set(site.title, row),
            "members": members,
            "page": page,
            "last": last,
            "is_verified": is_verified or wrong is not None,
            "wrong": wrong,
            "asked": Asked(words=row.query),
            "formats": tuple(FORMATS),
            "is_new": "new" in request.query_params,
        },
        status=200 if wrong is None else 500,
    )


def _members(data: Path, name: str, page: int) -> tuple[list[Frozen], str | None]:
    """The members of a page, and what is wrong with the file of the set."""
    try:
        return list(islice(frozen_members(data, name, start=(page - 1) * PAGE), PAGE)), None
    except ArchiveError as error:
        return [], error.message


def compare(request: Request) -> Response:
    """What the query of a set finds otherwise today, or what another set holds otherwise."""
    require_account(request)
    site, other = site_of(request), request.query_params.get("mit") or None
    with site.workspace.reading() as db:
        row = _seen(request, db)
        others = [one for one in seen_sets(site.workspace, db, visibility_of(request)) if one.name != row.name]
        if other is not None and other not in {one.name for one in others}:
            raise HTTPException(404)
    found = set_difference(site.workspace, row.name, other, today=date.today())
    with site.workspace.reading() as db:
        kinds = _differences(request, db, found)
    values = {"set": row, "other": other, "others": others, "kinds": kinds, "most": MOST_DIFFERENT}
    return render(request, "set_compare.html", values)


def _differences(request: Request, db: Database, found: SetDifference) -> list[Difference]:
    """What may be seen of it: releases that joined since may be closed to this reader, those of the set are not."""
    visibility = visibility_of(request)
    seen_added = visible_ids(db, found.added, visibility)
    added = tuple(one for one in found.added if one in seen_added)
    kinds = {"added": added, "removed": found.removed, "changed": found.changed, "retagged": found.retagged}
    differences = []
    for kind, ids in kinds.items():
        releases = load_releases(db, ids[:MOST_DIFFERENT], visibility)
        known = {one.id for one in releases}
        gone = tuple(one for one in ids[:MOST_DIFFERENT] if one not in known)
        differences.append(Difference(kind=kind, total=len(ids), releases=tuple(releases), gone=gone))
    return differences


def export(request: Request) -> Response:
    """The texts of then as a file, as far as they may be read today."""
    viewer = require_account(request)
    site, form = site_of(request), request.path_params["form"]
    if form not in FORMATS:
        raise HTTPException(404)
    with site.workspace.reading() as db:
        row = _seen(request, db)
    return exported(site, row, form, viewer.standing)


def exported(site: Site, row: SetRow, form: str, standing: Standing) -> Response:
    """A set in a format of `FORMATS` for somebody who sees so much, as a file."""
    frozen = open_set(site.workspace.data, row.name)
    asked = ExportRequest(format=form, result_set=frozen, standing=standing, with_captures=False)
    file = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - closed when it was sent
    out = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    export_to(site.workspace, asked, out)
    out.detach()
    ending, media_type = FORMATS[form]
    name = f"{row.name}.{ending}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-cache"}
    return StreamingResponse(chunks(file), media_type=media_type, headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What the form says."""

    query: str = ""
    name: str = ""
    note: str = ""


def freeze_form(request: Request) -> Response:
    """The form: what would be frozen, and a name for it."""
    require(request, "archivist")
    wanted = _Wanted(query=storable(request.query_params.get("q", "")))
    return _freeze_form(request, wanted, _too_long(wanted))


async def make(request: Request) -> Response:
    """Freeze, then show the set."""
    viewer = require(request, "archivist")
    form = await checked_form(request)
    wanted = _Wanted(
        query=storable(str(form.get("q", ""))),
        name=storable(str(form.get("name", "")))[:200],
        note=storable(str(form.get("note", "")))[:500],
    )
    error = await run_in_threadpool(_freeze, site_of(request), viewer, wanted)
    if error is not None:
        return await run_in_threadpool(_freeze_form, request, wanted, error)
    return see_other(request, f"/sets/{wanted.name}?new=1")


def _freeze(site: Site, viewer: Viewer, wanted: _Wanted) -> ArchivePipelineError | None:
    if (problem := _too_long(wanted)) is not None:
        return problem
    deciding = Deciding.begin(viewer.name)
    try:
        freeze(
            site.workspace,
            wanted.name,
            wanted.query,
            note=wanted.note or None,
            decided_by=deciding.decided_by,
            decided_at=deciding.decided_at,
            id=new_id(),
        )
    except ArchivePipelineError as error:
        return error
    return None


def _too_long(wanted: _Wanted) -> QueryError | None:
    """A query is frozen as it was asked, or not at all."""
    if len(wanted.query) <= LONGEST:
        return None
    return QueryError(f"Die Anfrage hat mehr als {LONGEST} Zeichen", hint="sie kürzen; eingefroren ist nichts")


def _freeze_form(request: Request, wanted: _Wanted, error: ArchivePipelineError | None = None) -> Response:
    site = site_of(request)
    with open_search(site.workspace, visibility_of(request)) as service:
        found = service.search(wanted.query[:LONGEST], today=date.today(), match="all", limit=0, facets=())
    with site.workspace.reading() as db:
        taken = {row.name for row in list_sets(db)}
    status = 200
    if error is not None:
        status = 400 if error.http_status == 500 else error.http_status
    values = {
        "wanted": wanted,
        "suggested": wanted.name or _free_name(taken),
        "found": found,
        "error": error,
        "asked": Asked(words=wanted.query),
    }
    return render(request, "freeze.html", values, status=status, private=True)


def _free_name(taken: set[str]) -> str:
    """A name by day that no set has."""
    day = date.today().isoformat()
    names: Iterator[str] = (day if not number else f"{day}-{number + 1}" for number in range(len(taken) + 1))
    return next(name for name in names if name not in taken)


def _seen(request: Request, db: Database) -> SetRow:
    found = seen_set(site_of(request).workspace, db, request.path_params["name"], visibility_of(request))
    if found is None:
        raise HTTPException(404)
    return found
