"""Takedown cases: which are open and until when, what one is about, and every step of it down to erasing."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlite_utils import Database
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from archive_pipeline.archive.lock import lock_owner
from archive_pipeline.archive.reading import load_releases
from archive_pipeline.archive.rights_forms import TakedownRequest, TakedownStep
from archive_pipeline.archive.takedown import Case, find_cases, load_case
from archive_pipeline.archive.visibility import EVERYTHING
from archive_pipeline.decide.deciding import Deciding, storable
from archive_pipeline.decide.hiding import Asked, decide_case, hide_at_once, open_case, take_step
from archive_pipeline.decide.taking_down import ErasurePlan, erase, erasure_of, finish_erasures, plan_erasure
from archive_pipeline.errors import ArchiveError, ArchivePipelineError, NoArchiveError
from archive_pipeline.web.cards import Card, releases_as_cards
from archive_pipeline.web.forms import checked_form, see_other
from archive_pipeline.web.rendering import Site, render, site_of
from archive_pipeline.web.viewer import Viewer, require
from archive_pipeline.workspace import utc_now

__all__ = ["case", "cases", "decide", "finish", "request_form", "submit"]

MOST_CAPTURES = 5_000
"""Erasing reads every capture and builds the index anew. In larger archives that takes longer than anybody should wait
for a page, and belongs on the command line."""

MOST_RELEASES = 200
LONGEST = 1000
BESIDE = ("run", "import")

NOT_CONFIRMED = "case.not_confirmed"
DONE = {"opened": "requested", "hide": "hidden", "keep": "kept", "erase": "erased"}
"""What an address may say was done, and the state that the case then has."""

Verdict = Literal["hide", "keep", "plan", "erase"]
VERDICTS: tuple[Verdict, ...] = ("hide", "keep", "plan", "erase")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseLine:
    """One case in the list: `days` are left until it is due, below zero when that day has gone by; `titles` are those
    of its releases that are still there."""

    case: Case
    days: int | None
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One release of a case, as a card; None where it was erased."""

    id: str
    card: Card | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What erasing would take away, and a digest of it: another plan is not the one that was looked at."""

    plan: ErasurePlan
    digest: str
    attachments: bool


def cases(request: Request) -> Response:
    """The list: what waits for a decision first, by the day it is due."""
    require(request, "archivist")
    found: list[CaseLine] = []
    try:
        with site_of(request).workspace.reading() as db:
            known = find_cases(db)
            open_ones = sorted((one for one in known if one.due), key=lambda one: one.due or date.max)
            decided = [one for one in reversed(known) if not one.due]
            found = [_line(db, one) for one in (*open_ones, *decided)]
    except NoArchiveError:
        pass
    return render(request, "cases.html", {"lines": found})


def _line(db: Database, one: Case) -> CaseLine:
    releases = load_releases(db, one.release_ids[:3], EVERYTHING)
    return CaseLine(
        case=one,
        days=(one.due - utc_now().date()).days if one.due else None,
        titles=tuple(release.article.heading for release in releases),
    )


def case(request: Request) -> Response:
    """One case."""
    require(request, "archivist")
    return _case_page(request, request.path_params["id"], done=request.query_params.get("done"))


def _case_page(
    request: Request,
    name: str,
    *,
    done: str | None = None,
    error: ArchivePipelineError | None = None,
    problem: str | None = None,
    planned: Planned | None = None,
    reason: str = "",
) -> Response:
    site = site_of(request)
    with site.workspace.reading() as db:
        one = _find(db, name)
        releases = {release.id: release for release in load_releases(db, one.release_ids[:MOST_RELEASES], EVERYTHING)}
        captures = _captures(db)
    cards = {card.id: card for card in releases_as_cards(site, list(releases.values()))}
    values = {
        "case": one,
        "days": (one.due - utc_now().date()).days if one.due else None,
        "affected": [Affected(id=key, card=cards.get(key)) for key in one.release_ids[:MOST_RELEASES]],
        "more": max(0, len(one.release_ids) - MOST_RELEASES),
        **_writing(site),
        "may_erase": captures <= MOST_CAPTURES,
        "captures": captures,
        "done": done if done and DONE.get(done) == one.state else None,
        "error": error,
        "problem": problem,
        "planned": planned,
        "reason": reason,
    }
    status = 200
    if error is not None:
        status = 409 if error.http_status == 500 else error.http_status
    elif problem is not None:
        status = 400
    return render(request, "case.html", values, status=status, private=True)


def _writing(site: Site) -> dict[str, object]:
    """Who writes at this moment for longer than a moment, and since when: then hiding is all that does not have to
    wait."""
    owner = lock_owner(site.workspace.data)
    if owner is None or not owner.command.startswith(BESIDE):
        return {"writer": None}
    return {"writer": owner, "writer_since": datetime.fromisoformat(owner.since)}


def request_form(request: Request) -> Response:
    """The form that opens a case."""
    require(request, "archivist")
    return _request_form(request, {"releases": request.query_params.get("d", "")[:64]})


FIELDS = ("releases", "ground", "requester", "reason", "hide")


def _request_form(
    request: Request, said: Mapping[str, str], *, error: ArchivePipelineError | None = None, problem: str | None = None
) -> Response:
    status = 200 if error is None else 409 if error.http_status == 500 else error.http_status
    values = {
        "said": {name: said.get(name, "") for name in FIELDS},
        "error": error,
        "problem": problem,
        **_writing(site_of(request)),
    }
    return render(request, "case_new.html", values, status=400 if problem else status, private=True)


async def submit(request: Request) -> Response:
    """Open a case, and hide its releases where that is asked for."""
    viewer = require(request, "archivist")
    form = await checked_form(request)
    said = {name: str(form.get(name, "")) for name in FIELDS}
    asked = Asked(
        names=_names(said["releases"]),
        ground=storable(said["ground"])[:LONGEST],
        requester=storable(said["requester"])[:LONGEST],
        reason=storable(said["reason"])[:LONGEST],
    )
    problem = _lacking(asked, hides=said["hide"] == "1")
    if problem is not None:
        return await run_in_threadpool(_request_form, request, said, problem=problem)
    try:
        name = await run_in_threadpool(_open, site_of(request), viewer, asked, hides=said["hide"] == "1")
    except ArchivePipelineError as error:
        return await run_in_threadpool(_request_form, request, said, error=error)
    return see_other(request, f"/takedown/{name}?done={'hide' if said['hide'] == '1' else 'opened'}")


def _names(text: str) -> tuple[str, ...]:
    """The releases that somebody typed, each once. Addresses may hold commas and semicolons."""
    found: list[str] = []
    for word in text.split():
        found += re.split(r"[,;]+(?=\w+://)" if "://" in word else r"[,;]+", word)
    return tuple(dict.fromkeys(name for one in found if (name := one.strip(",;"))))


def _lacking(asked: Asked, *, hides: bool) -> str | None:
    """What is missing in a request, or too much; hiding is a decision, and needs a reason."""
    if not asked.names:
        return "case.no_release"
    if len(asked.names) > MOST_RELEASES:
        return "case.too_many"
    return "case.no_reason" if hides and not asked.reason else None


def _open(site: Site, viewer: Viewer, asked: Asked, *, hides: bool) -> str:
    deciding = Deciding.begin(viewer.name)
    if not hides:
        return open_case(site.workspace, asked, deciding)

    def both(db: Database) -> list[TakedownRequest | TakedownStep]:
        opened = asked.request(db, deciding)
        return [opened, take_step(deciding, opened.case, "hide", asked.reason)]

    return hide_at_once(site.workspace, both)


async def decide(request: Request) -> Response:
    """Take a step of a case: hide it, show it again, look at what erasing takes away, erase."""
    viewer = require(request, "archivist")
    form = await checked_form(request)
    name = request.path_params["id"]
    verdict = next((one for one in VERDICTS if one == form.get("verdict")), None)
    reason = storable(str(form.get("reason", "")))[:LONGEST]
    if verdict is None:
        raise HTTPException(400)
    problem = _missing(form, verdict, name, reason)
    if problem is not None and problem != NOT_CONFIRMED:
        return await run_in_threadpool(_case_page, request, name, problem=problem, reason=reason)
    site, attachments = site_of(request), form.get("attachments") == "1"
    planned: Planned | None = None
    try:
        if verdict in ("hide", "keep"):
            steps = str(form.get("steps", ""))
            looked_at = int(steps[:9]) if steps.isascii() and steps.isdigit() else 0
            await run_in_threadpool(_decide, site, viewer, name, verdict, reason, looked_at)
        else:
            wanted = str(form.get("plan", "")) if verdict == "erase" and problem is None else None
            planned = await run_in_threadpool(
                _erase, site, viewer, name, reason, attachments=attachments, wanted=wanted
            )
    except ArchivePipelineError as error:
        return await run_in_threadpool(_case_page, request, name, error=error, reason=reason)
    if planned is not None:
        problem = problem or ("case.plan_changed" if verdict == "erase" else None)
        return await run_in_threadpool(_case_page, request, name, planned=planned, reason=reason, problem=problem)
    return see_other(request, f"/takedown/{name}?done={verdict}")


def _missing(form: FormData, verdict: Verdict, name: str, reason: str) -> str | None:
    """What a step lacks: every decision needs a reason, and erasing the number of the case, typed."""
    if not reason:
        return "case.no_reason"
    if verdict == "erase" and str(form.get("confirm", "")).strip() != name:
        return NOT_CONFIRMED
    return None


def _decide(
    site: Site, viewer: Viewer, name: str, verdict: Literal["hide", "keep"], reason: str, looked_at: int
) -> None:
    with site.workspace.reading() as db:
        _find(db, name)
    decide_case(site.workspace, name, verdict, reason, Deciding.begin(viewer.name), looked_at=looked_at)


def _erase(
    site: Site, viewer: Viewer, name: str, reason: str, *, attachments: bool, wanted: str | None
) -> Planned | None:
    """Erase what the plan with this digest says; None then. Where none is named, or it is another one by now, the plan
    to be looked at."""
    workspace = site.workspace
    with workspace.writing("takedown") as db:
        finish_erasures(workspace, db)
        one = _find(db, name)
        if _captures(db) > MOST_CAPTURES:
            raise ArchiveError(
                f"Löschen liest jede Erfassung: bei mehr als {MOST_CAPTURES} geht es nur auf der Kommandozeile",
                hint=f"archive-pipeline takedown decide {one.id} erase --reason TEXT",
            )
        plan = plan_erasure(workspace, db, one, attachments=attachments)
        digest = _digest(plan, one)
        if wanted != digest:
            return Planned(plan=plan, digest=digest, attachments=attachments)
        erase(workspace, db, plan, erasure_of(plan, Deciding.begin(viewer.name), reason))
    return None


def _captures(db: Database) -> int:
    return int(next(db.query("SELECT count(*) AS n FROM capture"))["n"])


def _digest(plan: ErasurePlan, one: Case) -> str:
    """What was looked at: what goes, and how far the case had come."""
    captures = sorted(one.record_id for one in plan.captures)
    covered = (plan.case, str(len(one.steps)), *sorted(plan.release_ids), *captures)
    return hashlib.sha256("\n".join(covered).encode()).hexdigest()


async def finish(request: Request) -> Response:
    """Carry out what was broken off."""
    require(request, "archivist")
    await checked_form(request)
    name = request.path_params["id"]
    try:
        await run_in_threadpool(_finish, site_of(request), name)
    except ArchivePipelineError as error:
        return await run_in_threadpool(_case_page, request, name, error=error)
    return see_other(request, f"/takedown/{name}?done=erase")


def _finish(site: Site, name: str) -> None:
    with site.workspace.writing("takedown") as db:
        _find(db, name)
        finish_erasures(site.workspace, db)


def _find(db: Database, name: str) -> Case:
    try:
        return load_case(db, name)
    except ArchiveError:
        raise HTTPException(404) from None
