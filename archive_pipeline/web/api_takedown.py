"""Endpoints about takedown cases."""

from typing import Annotated, Literal

from pydantic import Field
from sqlite_utils import Database
from starlette.exceptions import HTTPException
from starlette.responses import Response

from archive_pipeline.archive.rights_forms import TakedownRequest, TakedownStep
from archive_pipeline.archive.takedown import find_cases, load_case
from archive_pipeline.decide.deciding import Deciding, storable
from archive_pipeline.decide.hiding import Asked as Requested
from archive_pipeline.decide.hiding import decide_case, hide_at_once, open_case, take_step
from archive_pipeline.errors import ArchiveError, QueryError, UnknownReleaseError
from archive_pipeline.web import api_forms as forms
from archive_pipeline.web.api_declaring import Asked, Body, Call, Endpoint, PageAsked, Rows, page_of, refused

__all__ = ["TAKEDOWN_ENDPOINTS"]

Said = Annotated[str, Field(max_length=1000)]


class CaseAsked(Asked):
    """One takedown case."""

    id: str = Field(max_length=64)


class CaseToOpen(Body):
    """Releases (id, permalink or address) that somebody wants taken down. With `hide` they are withheld at once."""

    releases: list[Annotated[str, Field(min_length=1, max_length=2000)]] = Field(min_length=1, max_length=200)
    ground: Said | None = Field(default=None, description="legal ground as it was stated")
    requester: Said | None = None
    reason: Said | None = Field(default=None, description="no text of the release: it stays when that is erased")
    hide: bool = Field(default=False, description="withhold them at once; that needs a reason")


class Verdict(Body):
    """A decision in a case: `hide` withholds its releases, `keep` shows them again."""

    verdict: Literal["hide", "keep"]
    reason: str = Field(min_length=1, max_length=1000)
    looked_at: int | None = Field(
        default=None, ge=0, lt=2**31, description="steps the case had when it was read: with others `keep` is refused"
    )


def cases(call: Call, asked: PageAsked) -> Rows:
    """Takedown cases."""
    with call.site.workspace.reading() as db:
        return page_of([forms.TakedownCase.model_validate(one) for one in find_cases(db)], asked)


def case(call: Call, asked: CaseAsked) -> forms.TakedownCase:
    """One takedown case."""
    return _case(call, asked.id)


def request(call: Call, asked: Asked) -> forms.TakedownCase | Response:
    """Open a case, and withhold its releases where that is asked for."""
    wanted: CaseToOpen = call.body
    workspace, deciding = call.site.workspace, Deciding.begin(call.viewer.name)
    opening = Requested(
        names=tuple(wanted.releases), ground=wanted.ground, requester=wanted.requester, reason=wanted.reason
    )

    if wanted.hide and not storable(wanted.reason or ""):
        raise QueryError("Eine Begründung fehlt", hint="reason sagt, warum die Mitteilungen gesperrt werden")

    def both(db: Database) -> list[TakedownRequest | TakedownStep]:
        opened = opening.request(db, deciding)
        return [opened, take_step(deciding, opened.case, "hide", wanted.reason)]

    try:
        name = hide_at_once(workspace, both) if wanted.hide else open_case(workspace, opening, deciding)
    except UnknownReleaseError as error:
        return refused(error)
    return _case(call, name)


def decide(call: Call, asked: CaseAsked) -> forms.TakedownCase | Response:
    """Decide a case. Erasing is not done here: a person has to look at what goes, on the pages or the command line."""
    wanted: Verdict = call.body
    if not storable(wanted.reason):
        raise QueryError("Eine Begründung fehlt", hint="reason sagt, warum so entschieden wurde")
    _case(call, asked.id)
    try:
        decide_case(
            call.site.workspace,
            asked.id,
            wanted.verdict,
            wanted.reason,
            Deciding.begin(call.viewer.name),
            looked_at=wanted.looked_at,
        )
    except ArchiveError as error:
        return refused(error)
    return _case(call, asked.id)


def _case(call: Call, name: str) -> forms.TakedownCase:
    with call.site.workspace.reading() as db:
        try:
            return forms.TakedownCase.model_validate(load_case(db, name))
        except ArchiveError:
            raise HTTPException(404) from None


TAKEDOWN_ENDPOINTS = (
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
        path="/takedown",
        name="request_takedown",
        tag="takedown",
        summary="Open a takedown case, and withhold its releases at once where asked",
        method="POST",
        body=CaseToOpen,
        answers=forms.TakedownCase,
        run=request,
        role="archivist",
        cost=4,
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
    Endpoint(
        path="/takedown/{id}/decide",
        name="decide_takedown",
        tag="takedown",
        summary="Withhold the releases of a case, or show them again",
        method="POST",
        asks=CaseAsked,
        body=Verdict,
        answers=forms.TakedownCase,
        run=decide,
        role="archivist",
        cost=4,
    ),
)
"""What is about takedown cases."""
