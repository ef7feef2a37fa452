"""The review queue: what a person should look at, and that person's word on it."""

from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from sqlite_utils import Database
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from archive_pipeline.archive.decided import find_batch
from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.holds import HeldDocument, find_held, held_documents, held_name
from archive_pipeline.archive.reading import load_release
from archive_pipeline.archive.review import NO_VALUE, Case, find_case, review_cases
from archive_pipeline.decide.deciding import Deciding, Verdict, decisions_on, storable
from archive_pipeline.errors import NoArchiveError
from archive_pipeline.model import Axis, Release
from archive_pipeline.upkeep.reprocessing import take_up_released
from archive_pipeline.web.cards import source_titles
from archive_pipeline.web.forms import checked_form, see_other
from archive_pipeline.web.marking import Mark, Piece, marked_pieces
from archive_pipeline.web.rendering import Site, render, site_of
from archive_pipeline.web.viewer import Viewer, require

__all__ = ["case_label", "judge", "queue", "undo"]

SHOWN = 20
AROUND = 160

VERDICTS: tuple[Verdict, ...] = ("accept", "reject", "skip")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCase:
    """A case with the passages that speak for it. `label` is the name of its value, None where there is none."""

    case: Case
    label: str | None
    source: str
    passages: tuple[tuple[Piece, ...], ...]


def queue(request: Request) -> Response:
    """The next cases, the most useful first, and documents in quarantine."""
    require(request, "archivist")
    site = site_of(request)
    axis = next((one for one in Axis if one == request.query_params.get("axis")), None)
    cases: list[ShownCase] = []
    held: list[HeldDocument] = []
    try:
        with site.workspace.reading() as db:
            found = list(islice(review_cases(db, axis=axis), SHOWN + 1))
            cases = [_shown(site, db, case) for case in found[:SHOWN]]
            held = held_documents(db) if axis is None else []
            more = len(found) > SHOWN
    except NoArchiveError:
        more = False
    return render(
        request,
        "review.html",
        {
            "cases": cases,
            "more": more,
            "held": [(held_name(one.record_id), one) for one in held[:SHOWN]],
            "axis": axis,
            "axes": tuple(Axis),
            "no_value": NO_VALUE,
            "done": request.query_params.get("done")
            if request.query_params.get("done") in (*VERDICTS, "undone")
            else None,
            "batch": request.query_params.get("batch", "")[:40],
        },
        private=True,
    )


async def judge(request: Request) -> Response:
    """Take a verdict on one case or held document, then show what comes next."""
    viewer = require(request, "archivist")
    form = await checked_form(request)
    verdict = next((one for one in VERDICTS if one == form.get("verdict")), None)
    if verdict is None:
        raise HTTPException(400)
    batch = await run_in_threadpool(_judge, site_of(request), viewer, verdict, form)
    return _to_queue(request, form, {"done": verdict, "batch": batch})


async def undo(request: Request) -> Response:
    """Take back what was decided last."""
    viewer = require(request, "archivist")
    form = await checked_form(request)
    await run_in_threadpool(_undo, site_of(request), viewer, str(form.get("batch", "")))
    return _to_queue(request, form, {"done": "undone"})


def _to_queue(request: Request, form: FormData, values: dict[str, str]) -> Response:
    axis = str(form.get("view", ""))
    kept = {"axis": axis} if axis in list(Axis) else {}
    return see_other(request, f"/review?{urlencode(kept | values)}")


def _shown(site: Site, db: Database, case: Case) -> ShownCase:
    release = load_release(db, case.release_id)
    return ShownCase(
        case=case,
        label=case_label(site, case),
        source=source_titles(site).get(case.source_id, case.source_id),
        passages=_passages(release, case)[:4],
    )


def case_label(site: Site, case: Case) -> str | None:
    """The name of a case's value, None where it has none."""
    if case.value == NO_VALUE:
        return None
    return site.names.label(case.axis, case.value) if case.reason == "no-issuer" else case.label


def _passages(release: Release, case: Case) -> tuple[tuple[Piece, ...], ...]:
    found = []
    for span in case.evidence:
        text = (release.article.title or "") if span.field == "title" else release.article.text
        start, end = max(0, span.start - AROUND), min(len(text), span.end + AROUND)
        start = text.find(" ", start, span.start) + 1 or span.start if start else 0
        cut = text.rfind(" ", span.end, end)
        end = cut if end < len(text) and cut > 0 else end
        found.append(
            marked_pieces(text, [Mark(start=span.start, end=span.end, kind="evidence", name="case")], start, end)
        )
    if not found and release.article.text:
        found.append(marked_pieces(release.article.text, [], 0, min(len(release.article.text), 2 * AROUND)))
    return tuple(found)


def _judge(site: Site, viewer: Viewer, verdict: Verdict, form: FormData) -> str:
    """Write the decision down and bring the index up to date; the batch it can be taken back by."""
    workspace, deciding = site.workspace, Deciding.begin(viewer.name)
    batch = deciding.batch
    note = storable(str(form.get("note", "")))[:500] or None
    with workspace.writing("review") as db:
        apply_new_decisions(db, workspace.decisions_file)
        if held := str(form.get("held", "")):
            if verdict == "skip":
                raise HTTPException(400)
            decide(db, workspace.decisions_file, [deciding.hold(find_held(db, held), verdict, note=note)])
            if verdict == "accept":
                take_up_released(workspace, db)
            batch = ""
        else:
            axis = next((one for one in Axis if one == form.get("axis")), None)
            case = find_case(db, str(form.get("release", "")), axis, str(form.get("value", ""))) if axis else None
            if case is None or case.digest != form.get("digest"):
                raise HTTPException(409)
            label = case_label(site, case) or case.label
            decide(db, workspace.decisions_file, decisions_on(case, verdict, deciding, label, note=note))
        workspace.update_index(db)
    return batch


def _undo(site: Site, viewer: Viewer, name: str) -> None:
    workspace, deciding = site.workspace, Deciding.begin(viewer.name)
    with workspace.writing("review") as db:
        apply_new_decisions(db, workspace.decisions_file)
        batch = find_batch(db, name if len(name) >= 4 else "last")
        decide(db, workspace.decisions_file, [deciding.undo(batch.id)])
        workspace.update_index(db)
