"""Who looks at a page: the one place that pages ask, and that a login would answer."""

import os
from dataclasses import dataclass
from typing import Literal, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from archive_pipeline.archive.visibility import Standing, Visibility, seen_by
from archive_pipeline.decide.deciding import user_name
from archive_pipeline.workspace import utc_now

__all__ = ["LocalViewer", "Viewer", "ViewerRole", "require", "require_account", "viewer_of", "visibility_of"]

ViewerRole = Literal["reader", "archivist", "admin"]
"""What somebody may do: readers search and read, archivists decide, admins manage users as well."""

RANKS: dict[ViewerRole, int] = {"reader": 0, "archivist": 1, "admin": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """The person behind a request. `name` stands in the decisions that person makes and is empty for somebody without
    account, `standing` says which releases they see."""

    name: str
    role: ViewerRole
    standing: Standing

    def may(self, role: ViewerRole) -> bool:
        """Whether this person may do what the role may."""
        return RANKS[self.role] >= RANKS[role]


class LocalViewer:
    """Middleware for an archive that only this machine reaches: everybody is the person who started the server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._viewer = Viewer(
            name=os.environ.get("ARCHIVE_PIPELINE_USER") or user_name(), role="archivist", standing="archivist"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set `request.state.viewer` and pass the request on."""
        if scope["type"] == "http":
            scope.setdefault("state", {})["viewer"] = self._viewer
        await self._app(scope, receive, send)


def viewer_of(request: Request) -> Viewer:
    """The person behind a request."""
    return cast(Viewer, request.state.viewer)


def visibility_of(request: Request) -> Visibility:
    """What that person sees now. Every page reads releases through it."""
    return seen_by(viewer_of(request).standing, utc_now())


def require(request: Request, role: ViewerRole) -> Viewer:
    """The person behind a request, if the role is theirs. Raises HTTPException (403)."""
    viewer = viewer_of(request)
    if not viewer.may(role):
        raise HTTPException(403)
    return viewer


def require_account(request: Request) -> Viewer:
    """The person behind a request, if they have an account. Raises HTTPException (403)."""
    viewer = viewer_of(request)
    if not viewer.name:
        raise HTTPException(403)
    return viewer
