"""Endpoints about the archive itself: sources, runs, the review queue, and who asks."""

from collections.abc import Sequence
from itertools import islice
from typing import Literal

from pydantic import Field
from sqlite_utils import Database
from starlette.exceptions import HTTPException
from starlette.responses import Response

from archive_pipeline.archive.decided import find_batch
from archive_pipeline.archive.decision_forms import TagDecision
from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.health import HealthState
from archive_pipeline.archive.journal import RunSummary, find_run, list_runs, run_visits
from archive_pipeline.archive.lock import lock_owner
from archive_pipeline.archive.reading import derived_tags, find_release, load_release
from archive_pipeline.archive.review import Case, find_case, review_cases
from archive_pipeline.archive.runs import failures, source_status
from archive_pipeline.archive.visibility import visible_ids
from archive_pipeline.decide.deciding import ROLES_OF, Change, Deciding, Labels, decisions_on, storable
from archive_pipeline.errors import ArchiveError, ConfigError
from archive_pipeline.ingest.scheduling import SourceHealth, source_healths
from archive_pipeline.model import Axis, Role, Tag
from archive_pipeline.web import api_forms as forms
from archive_pipeline.web.api_declaring import Asked, Body, Call, Endpoint, PageAsked, Rows, page_of, refused
from archive_pipeline.web.counting import counted_by_run, counted_by_source, with_counts
from archive_pipeline.web.pages.review import case_label
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


class RefAsked(Asked):
    """One release."""

    ref: str = Field(max_length=120)


class Verdict(Body):
    """A decision on a case of the review queue, with the digest it was shown with."""

    release: str = Field(max_length=64)
    axis: Axis
    value: str = Field(max_length=200)
    digest: str = Field(max_length=64)
    verdict: Literal["accept", "reject", "skip"]
    note: str | None = Field(default=None, max_length=500)


class TagChange(Body):
    """One value to set or remove. Without `role` it keeps the one it was found with; a topic becomes the main one."""

    action: Literal["add", "remove"]
    axis: Axis
    value: str = Field(min_length=1, max_length=200)
    role: Role | None = None


class TagsToChange(Body):
    """Changes of the tags of a release."""

    changes: list[TagChange] = Field(min_length=1, max_length=50)
    note: str | None = Field(default=None, max_length=500)


class TakeBack(Body):
    """A batch of decisions to take back."""

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
    with workspace.reading() as db:
        known = {one.source_id: one.title for one in source_status(db)}
        counts = counted_by_source(db, call.visibility)
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
                releases=count.releases if count else 0,
                health=_state(health),
                since=health.health.since if health and is_archivist else None,
                cause=health.health.cause if health and is_archivist else None,
                remedy=health.health.remedy if health and is_archivist else None,
                last_new_at=count.last_new_at if count else None,
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
        page = page_of(list_runs(db, MOST_RUNS), asked)
        rows = _run_rows(call, db, page.items)
    return Rows(items=rows, next=page.next, total=page.total)


def run(call: Call, asked: RunAsked) -> forms.Run:
    """One run, source by source. What failed names what could not be had, so only archivists see it; others are told
    what was new and changed of what they may see."""
    with call.site.workspace.reading() as db:
        try:
            found = find_run(db, asked.id)
        except ArchiveError:
            raise HTTPException(404) from None
        row = _run_rows(call, db, [found])[0]
        visits = run_visits(db, found.id)
        if call.viewer.may("archivist"):
            told = [forms.VisitRow.model_validate(one) for one in visits]
            return forms.Run(run=row, sources=told, failures=failures(db, found.id))
        counts = counted_by_run(db, [found], call.visibility)[found.id]
    told = [
        forms.VisitRow(
            source_id=one.source_id,
            started_at=one.started_at,
            new=counts.new.get(one.source_id, 0),
            changed=counts.changed.get(one.source_id, 0),
        )
        for one in visits
    ]
    return forms.Run(run=row, sources=told, failures=None)


def _run_rows(call: Call, db: Database, found: Sequence[RunSummary]) -> list[forms.RunRow]:
    if call.viewer.may("archivist"):
        return [forms.RunRow.model_validate(one) for one in found]
    counts = counted_by_run(db, found, call.visibility)
    rows = [forms.RunRow.model_validate(with_counts(one, counts[one.id])) for one in found]
    return [row.model_copy(update={"failed": None}) for row in rows]


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
        label=case_label(call.site, one),
        evidence=[span.text for span in one.evidence],
        **{
            name: getattr(one, name)
            for name in ("axis", "value", "role", "score", "reason", "digest", "priority", "is_changed")
        },
    )


def judge(call: Call, asked: Asked) -> forms.Decided:
    """Take a verdict. The case must be as it was shown: with other evidence it is another one."""
    verdict: Verdict = call.body
    workspace, deciding = call.site.workspace, Deciding.begin(call.viewer.name)
    with workspace.writing("review") as db:
        apply_new_decisions(db, workspace.decisions_file)
        case = find_case(db, verdict.release, verdict.axis, verdict.value)
        if case is None or not visible_ids(db, [verdict.release], call.visibility):
            raise HTTPException(404)
        if case.digest != verdict.digest:
            raise HTTPException(409)
        note = storable(verdict.note or "") or None
        made = decisions_on(case, verdict.verdict, deciding, case_label(call.site, case) or case.label, note=note)
        decide(db, workspace.decisions_file, made)
        workspace.update_index(db)
    return forms.Decided(batch=deciding.batch, decisions=len(made))


def change_tags(call: Call, asked: RefAsked) -> forms.Decided | Response:
    """Set and remove tags, as `tag` does on the command line: what people decide holds before any rule."""
    wanted: TagsToChange = call.body
    workspace, deciding = call.site.workspace, Deciding.begin(call.viewer.name)
    with workspace.writing("tag") as db:
        apply_new_decisions(db, workspace.decisions_file)
        release = load_release(db, find_release(db, asked.ref, call.visibility))
        carried = (*release.tags, *derived_tags(db, [release.id]).get(release.id, ()))
        labels, note = Labels(workspace), storable(wanted.note or "") or None
        try:
            made = [_tag_decision(one, release.id, carried, labels, deciding, note) for one in wanted.changes]
        except ConfigError as error:
            return refused(error)
        decide(db, workspace.decisions_file, made)
        workspace.update_index(db)
    return forms.Decided(batch=deciding.batch, decisions=len(made))


def _tag_decision(
    one: TagChange, release_id: str, carried: Sequence[Tag], labels: Labels, deciding: Deciding, note: str | None
) -> TagDecision:
    change = Change(action=one.action, axis=one.axis, value=storable(one.value), role=one.role)
    roles = ROLES_OF[one.axis]
    if one.role is not None and one.role not in roles:
        raise ConfigError(
            f"Die Rolle {one.role} gibt es auf der Achse {one.axis} nicht", hint=f"dort: {', '.join(roles)}"
        )
    if not change.value:
        raise ConfigError("Ein Wert fehlt", hint="Schlüssel wie 05370, spd oder housing verwenden")
    return deciding.tag(release_id, change, labels.of(change.axis, change.value, carried), carried, note=note)


def take_back(call: Call, asked: Asked) -> forms.Decided:
    """Take back what still counts of a batch."""
    wanted: TakeBack = call.body
    workspace, deciding = call.site.workspace, Deciding.begin(call.viewer.name)
    with workspace.writing("review") as db:
        apply_new_decisions(db, workspace.decisions_file)
        try:
            batch = find_batch(db, wanted.batch)
        except ArchiveError:
            raise HTTPException(404) from None
        decide(db, workspace.decisions_file, [deciding.undo(batch.id)])
        workspace.update_index(db)
    return forms.Decided(batch="", decisions=batch.decisions)


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
        path="/releases/{ref}/tags",
        name="change_tags",
        tag="review",
        summary="Set and remove tags of a release",
        method="POST",
        asks=RefAsked,
        body=TagsToChange,
        answers=forms.Decided,
        run=change_tags,
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
)
"""What is about the archive."""
