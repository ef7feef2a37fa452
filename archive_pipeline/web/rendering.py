"""Pages out of templates: what every template knows, and errors as pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.web.messages import COOKIE as LANGUAGE_COOKIE
from archive_pipeline.web.messages import LANGUAGES, Words, language_of
from archive_pipeline.web.protection import FormTokens
from archive_pipeline.web.viewer import viewer_of
from archive_pipeline.workspace import Workspace

__all__ = ["Site", "base_of", "own_path", "render", "site_of", "templates"]

YEAR = 365 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all pages of one archive share."""

    workspace: Workspace
    names: VocabularyNames
    templates: Environment
    tokens: FormTokens
    style_digest: str

    @property
    def title(self) -> str:
        """The archive's own name."""
        return self.workspace.config.archive.title


def templates() -> Environment:
    """The templates of the package; values are escaped, names that don't exist are errors."""
    environment = Environment(
        loader=PackageLoader("archive_pipeline.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{round(share * 100)} %"
    return environment


def site_of(request: Request) -> Site:
    """The archive a request asks."""
    return cast(Site, request.app.state.site)


def render(
    request: Request, template: str, values: Mapping[str, object], *, status: int = 200, private: bool = False
) -> Response:
    """One page. `private` ones hold a form's token."""
    site = site_of(request)
    words = Words(language_of(request))
    text = site.templates.get_template(template).render(
        {
            "t": words,
            "site": site,
            "viewer": viewer_of(request),
            "has_login": hasattr(request.state, "came_by"),
            "base": base_of(request),
            "path": own_path(request),
            "here": own_path(request) + (f"?{request.url.query}" if request.url.query else ""),
            "other_language": next(one for one in LANGUAGES if one != words.language),
            "switch": _switch(request, next(one for one in LANGUAGES if one != words.language)),
            "token": site.tokens.issue(request) if private else None,
            **values,
        }
    )
    response = HTMLResponse(text, status_code=status, headers={"cache-control": "no-store" if private else "no-cache"})
    response.headers["content-language"] = words.language
    response.headers["vary"] = "Cookie"
    if request.query_params.get("lang") == words.language:
        response.set_cookie(LANGUAGE_COOKIE, words.language, max_age=YEAR, httponly=True, samesite="lax", path="/")
    site.tokens.seal(request, response)
    return response


def base_of(request: Request) -> str:
    """The path below which the server answers, as a proxy in front has it: empty, or `/archiv`."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def own_path(request: Request) -> str:
    """The address of the page below that path."""
    return request.url.path.removeprefix(base_of(request))


def _switch(request: Request, language: str) -> str:
    """The address of the same page in the other language."""
    asked = request.url.include_query_params(lang=language)
    return f"{asked.path}?{asked.query}"
