"""Endpoints about the archive itself: sources, runs, the review queue, frozen sets, takedown cases, and who asks."""

import uuid
from datetime import datetime
from itertools import islice
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlite_utils import Database
from starlette.exceptions import HTTPException

from archive_pipeline.archive.decided import find_batch
from archive_pipeline.archive.decision_forms import Undo
from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.health import HealthState
from archive_pipeline.archive.journal import RunSummary, find_run, list_runs, run_visits
from archive_pipeline.archive.lock import lock_owner
from archive_pipeline.archive.result_sets import SetRow, find_set, frozen_members, list_sets
from archive_pipeline.archive.review import NO_VALUE, Case, find_case, review_cases
from archive_pipeline.archive.runs import failures, source_status
from archive_pipeline.archive.takedown import find_cases, load_case
from archive_pipeline.archive.visibility import visible_ids
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Axis
from archive_pipeline.scheduling import SourceHealth, source_healths
from archive_pipeline.web import api_forms as forms
from archive_pipeline.web.api_declaring import Asked, Call, Endpoint, PageAsked, Rows, page_of
from archive_pipeline.web.pages.review import decisions_on
from archive_pipeline.workspace import utc_now

__all__ = ["ARCHIVE_ENDPOINTS"]

MOST_RUNS = 1000
MOST_CASES = 500


class SourceAsked(Asked):
    """One source."""

    id: str = Field(max_length=200)


class RunAsked(Asked):
    """One run: its id, the beginning of one, or `last`."""

    id: str = Field(max_length=64)


class ReviewAsked(PageAsked):
    """The review queue."""

    axis: Axis | None = None
    source: str | None = Field(default=None, max_length=200)


class SetAsked(Asked):
    """One frozen set."""

    name: str = Field(max_length=200)


class MembersAsked(PageAsked):
    """The members of a frozen set."""

    name: str = Field(max_length=200)


class CaseAsked(Asked):
    """One takedown case."""

    id: str = Field(max_length=64)


class Verdict(BaseModel):
    """A decision on a case of the review queue, with the digest it was shown with."""

    model_config = ConfigDict(extra="forbid")

    release: str = Field(max_length=64)
    axis: Axis
    value: str = Field(max_length=200)
    digest: str = Field(max_length=64)
    verdict: Literal["accept", "reject", "skip"]
    note: str | None = Field(default=None, max_length=500)


class TakeBack(BaseModel):
    """A batch of decisions to take back."""

    model_config = ConfigDict(extra="forbid")

    batch: str = Field(min_length=4, max_length=40, pattern="^[0-9a-f-]+$")


def myself(call: Call, asked: Asked) -> forms.Self:
    """Who asks, and what they may."""
    return forms.Self(name=call.viewer.name, role=call.viewer.role, standing=call.viewer.standing)


def sources(call: Call, asked: PageAsked) -> Rows:
    """All sources."""
    return page_of(_source_rows(call), asked)


def source(call: Call, asked: SourceAsked) -> forms.SourceRow:
    """One source."""
    found = next((one for one in _source_rows(call) if one.id == asked.id), None)
    if found is None:
        raise HTTPException(404)
    return found


def _source_rows(call: Call) -> list[forms.SourceRow]:
    workspace, is_archivist = call.site.workspace, call.viewer.may("archivist")
    configured = {one.id: one for one in workspace.config.sources}
    condition, values = call.visibility.condition()
    counting = f"""SELECT r.source_id, count(*) AS n, max(r.first_captured_at) AS last FROM release r
                   WHERE {condition} GROUP BY r.source_id"""
    with workspace.reading() as db:
        known = {one.source_id: one.title for one in source_status(db)}
        counts = {row["source_id"]: row for row in db.query(counting, values)}
        healths = {
            one.source.id: one for one in source_healths(workspace.config, db, utc_now(), lock_owner(workspace.data))
        }
    rows = []
    for source_id in dict.fromkeys([*configured, *known]):
        told, health = configured.get(source_id), healths.get(source_id)
        count = counts.get(source_id)
        if told is None and count is None and not is_archivist:
            continue  # no longer in sources.toml, and nothing of it is to be seen
        planned = health.planned if health else None
        rows.append(
            forms.SourceRow(
                id=source_id,
                title=(told.title if told else "") or known.get(source_id, "") or source_id,
                url=told.url if told else None,
                district=told.district if told else None,
                party=told.party if told else None,
                organisation=told.organisation if told else None,
                access=told.access if told else "public",
                legal_basis=told.legal_basis if told else None,
                appraisal=told.appraisal if told else None,
                enabled=told.enabled if told else False,
                configured=told is not None,
                releases=count["n"] if count else 0,
                health=_state(health),
                since=health.health.since if health else None,
                cause=health.health.cause if health and is_archivist else None,
                remedy=health.health.remedy if health and is_archivist else None,
                last_new_at=datetime.fromisoformat(count["last"]) if count else None,
                next_visit_at=planned.next_at if planned else None,
            )
        )
    return rows


def _state(health: SourceHealth | None) -> HealthState | Literal["overdue"] | None:
    if health is None:
        return None
    return "overdue" if health.is_overdue else health.health.state


def runs(call: Call, asked: PageAsked) -> Rows:
    """The newest runs first."""
    with call.site.workspace.reading() as db:
        found = list_runs(db, MOST_RUNS)
    return page_of([_run(one) for one in found], asked)


def run(call: Call, asked: RunAsked) -> forms.Run:
    """One run, source by source. Failures name what could not be had, so only archivists see them."""
    with call.site.workspace.reading() as db:
        try:
            found = find_run(db, asked.id)
        except ArchiveError:
            raise HTTPException(404) from None
        visits = run_visits(db, found.id)
        failed = failures(db, found.id) if call.viewer.may("archivist") else None
    return forms.Run(run=_run(found), sources=visits, failures=failed)


def _run(one: RunSummary) -> forms.RunRow:
    return forms.RunRow.model_validate(one)


def review(call: Call, asked: ReviewAsked) -> Rows:
    """Open cases, the most useful first."""
    with call.site.workspace.reading() as db:
        found = list(islice(review_cases(db, axis=asked.axis, source=asked.source), MOST_CASES))
    return page_of([_case(call, one) for one in found], asked)


def _case(call: Call, one: Case) -> forms.ReviewCase:
    return forms.ReviewCase(
        release=one.release_id,
        title=one.title,
        published=one.published,
        source=one.source_id,
        label=_label(call, one),
        evidence=[span.text for span in one.evidence],
        **{
            name: getattr(one, name)
            for name in ("axis", "value", "role", "score", "reason", "digest", "priority", "is_changed")
        },
    )


def _label(call: Call, case: Case) -> str | None:
    if case.value == NO_VALUE:
        return None
    return call.site.names.label(case.axis, case.value) if case.reason == "no-issuer" else case.label


def judge(call: Call, asked: Asked) -> forms.Decided:
    """Take a verdict. The case must be as it was shown: with other evidence it is another one."""
    verdict: Verdict = call.body
    workspace, batch = call.site.workspace, uuid.uuid4().hex[:8]
    with workspace.writing("review") as db:
        apply_new_decisions(db, workspace.decisions_file)
        case = find_case(db, verdict.release, verdict.axis, verdict.value)
        if case is None or not visible_ids(db, [verdict.release], call.visibility):
            raise HTTPException(404)
        if case.digest != verdict.digest:
            raise HTTPException(409)
        note = " ".join((verdict.note or "").split()) or None
        made = decisions_on(case, verdict.verdict, call.viewer.name, batch, _label(call, case), note)
        decide(db, workspace.decisions_file, made)
        workspace.update_index(db)
    return forms.Decided(batch=batch, decisions=len(made))


def take_back(call: Call, asked: Asked) -> forms.Decided:
    """Take back what still counts of a batch."""
    wanted: TakeBack = call.body
    workspace = call.site.workspace
    with workspace.writing("review") as db:
        apply_new_decisions(db, workspace.decisions_file)
        try:
            batch = find_batch(db, wanted.batch)
        except ArchiveError:
            raise HTTPException(404) from None
        taken_back = Undo(
            id=str(uuid.uuid4()),
            batch=uuid.uuid4().hex[:8],
            note=None,
            decided_by=call.viewer.name,
            decided_at=utc_now(),
            undoes=batch.id,
        )
        decide(db, workspace.decisions_file, [taken_back])
        workspace.update_index(db)
    return forms.Decided(batch="", decisions=batch.decisions)


def sets(call: Call, asked: PageAsked) -> Rows:
    """Frozen sets, the newest first."""
    with call.site.workspace.reading() as db:
        return page_of(list_sets(db), asked)


def frozen_set(call: Call, asked: SetAsked) -> SetRow:
    """One frozen set."""
    with call.site.workspace.reading() as db:
        return _set(db, asked.name)


def members(call: Call, asked: MembersAsked) -> Rows:
    """The members of a set in the order of the answer: what they are called only where they are to be seen today."""
    workspace = call.site.workspace
    with workspace.reading() as db:
        name = _set(db, asked.name).name
        page = page_of(list(frozen_members(workspace.data, name)), asked)
        seen = visible_ids(db, [one.release_id for one in page.items], call.visibility)
    rows = [
        forms.MemberRow(
            rank=one.rank,
            score=one.score,
            permalink=f"d/{one.release_id}@{one.version_id}.{one.derivation}",
            title=one.release.article.title if one.release and one.release_id in seen else None,
            published=one.release.article.published if one.release and one.release_id in seen else None,
            erased_by=one.erased,
        )
        for one in page.items
    ]
    return Rows(items=rows, next=page.next, total=page.total)


def _set(db: Database, name: str) -> SetRow:
    try:
        return find_set(db, name)
    except ArchiveError:
        raise HTTPException(404) from None


def cases(call: Call, asked: PageAsked) -> Rows:
    """Takedown cases."""
    with call.site.workspace.reading() as db:
        return page_of([forms.TakedownCase.model_validate(one) for one in find_cases(db)], asked)


def case(call: Call, asked: CaseAsked) -> forms.TakedownCase:
    """One takedown case."""
    with call.site.workspace.reading() as db:
        try:
            return forms.TakedownCase.model_validate(load_case(db, asked.id))
        except ArchiveError:
            raise HTTPException(404) from None


ARCHIVE_ENDPOINTS = (
    Endpoint(
        path="/me",
        name="me",
        tag="access",
        summary="Who asks: name, role, and what that sees",
        answers=forms.Self,
        run=myself,
    ),
    Endpoint(
        path="/sources",
        name="sources",
        tag="sources",
        summary="Sources with their releases and health",
        asks=PageAsked,
        answers=forms.SourceRow,
        is_list=True,
        run=sources,
        cost=4,
    ),
    Endpoint(
        path="/sources/{id}",
        name="source",
        tag="sources",
        summary="One source",
        asks=SourceAsked,
        answers=forms.SourceRow,
        run=source,
        cost=4,
    ),
    Endpoint(
        path="/runs",
        name="runs",
        tag="sources",
        summary="Runs, the newest first",
        asks=PageAsked,
        answers=forms.RunRow,
        is_list=True,
        run=runs,
    ),
    Endpoint(
        path="/runs/{id}",
        name="run",
        tag="sources",
        summary="One run, source by source",
        asks=RunAsked,
        answers=forms.Run,
        run=run,
    ),
    Endpoint(
        path="/review",
        name="review",
        tag="review",
        summary="Open cases of the review queue, the most useful first",
        asks=ReviewAsked,
        answers=forms.ReviewCase,
        is_list=True,
        run=review,
        role="archivist",
        cost=4,
    ),
    Endpoint(
        path="/review/decisions",
        name="judge",
        tag="review",
        summary="A verdict on one case",
        method="POST",
        body=Verdict,
        answers=forms.Decided,
        run=judge,
        role="archivist",
        cost=4,
    ),
    Endpoint(
        path="/review/undo",
        name="undo",
        tag="review",
        summary="Take back a batch of decisions",
        method="POST",
        body=TakeBack,
        answers=forms.Decided,
        run=take_back,
        role="archivist",
        cost=4,
    ),
    Endpoint(
        path="/sets",
        name="sets",
        tag="sets",
        summary="Frozen result sets",
        asks=PageAsked,
        answers=SetRow,
        is_list=True,
        run=sets,
        needs_account=True,
    ),
    Endpoint(
        path="/sets/{name}",
        name="set",
        tag="sets",
        summary="One frozen set, with its hash",
        asks=SetAsked,
        answers=SetRow,
        run=frozen_set,
        needs_account=True,
    ),
    Endpoint(
        path="/sets/{name}/members",
        name="set_members",
        tag="sets",
        summary="The members of a frozen set in the order of the answer",
        asks=MembersAsked,
        answers=forms.MemberRow,
        is_list=True,
        run=members,
        needs_account=True,
        cost=4,
    ),
    Endpoint(
        path="/takedown",
        name="takedown_cases",
        tag="takedown",
        summary="Takedown cases",
        asks=PageAsked,
        answers=forms.TakedownCase,
        is_list=True,
        run=cases,
        role="archivist",
    ),
    Endpoint(
        path="/takedown/{id}",
        name="takedown_case",
        tag="takedown",
        summary="One takedown case with its steps",
        asks=CaseAsked,
        answers=forms.TakedownCase,
        run=case,
        role="archivist",
    ),
)
"""What is about the archive."""
