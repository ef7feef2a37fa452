"""What an endpoint of the API declares, and how a request to it is read, answered, cached and refused.

One `Endpoint` is the only place that says what an address takes and gives: requests are checked by it, answers are
written by it, and the OpenAPI document is made of it.
"""

import csv
import hashlib
import io
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from http import HTTPStatus
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from archive_pipeline.archive.reading import last_seq
from archive_pipeline.archive.visibility import Visibility, embargo_text
from archive_pipeline.errors import ArchiveError, ArchivePipelineError, ConfigError, QueryError
from archive_pipeline.export.table import plain_cell
from archive_pipeline.web.api_limits import Budget
from archive_pipeline.web.rendering import Site, own_path, site_of
from archive_pipeline.web.viewer import Viewer, ViewerRole, viewer_of, visibility_of
from archive_pipeline.workspace import utc_now

__all__ = [
    "PREFIX",
    "Asked",
    "Body",
    "Call",
    "Endpoint",
    "PageAsked",
    "Rows",
    "is_api",
    "page_of",
    "problem",
    "problem_of",
    "refused",
    "route",
]

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
MOST_ROWS = 10_000
"""Rows of one CSV or JSONL answer; `/export` has no such end."""

LONGEST_BODY = 64 * 1024
FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv"}

_SALT = secrets.token_hex(8)
"""Vocabularies, titles of sources and the program itself change with a new start."""


class Asked(BaseModel):
    """What a request may say: fields named in the path come from there, the others are parameters. Anything else is
    refused, so that a slip of the pen is no silent other answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Body(BaseModel):
    """What a request says that changes something."""

    model_config = ConfigDict(extra="forbid")


class PageAsked(Asked):
    """What every list takes."""

    limit: int = Field(default=20, ge=1, le=200, description="rows of this page")
    cursor: str | None = Field(default=None, max_length=2000, description="`next` of the page before")
    format: Literal["json", "jsonl", "csv"] = Field(
        default="json", description=f"jsonl and csv go through all pages, up to {MOST_ROWS} rows"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One page of a list: its rows, the cursor of the next page, and how many there are, where that is known."""

    items: Sequence[Any]
    next: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: the archive, who asks, and what that person sees. `body` is that of a POST."""

    request: Request
    site: Site
    viewer: Viewer
    visibility: Visibility
    body: Any = None


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One address of the API. `run` gets the call and what was asked, and returns what `answers` describes: an object,
    `Rows` of it where `is_list`, or a whole response where `media_types` names what that may be. `cost` is what it
    takes from a client's budget. What `from_index` answers depends on archive, index and day alone: it is not even
    computed where the client has it already."""

    path: str
    name: str
    tag: str
    summary: str
    run: Callable[[Call, Any], Any]
    asks: type[Asked] = Asked
    answers: Any = None
    is_list: bool = False
    media_types: tuple[str, ...] = ()
    method: Literal["GET", "POST", "DELETE"] = "GET"
    body: type[BaseModel] | None = None
    role: ViewerRole = "reader"
    needs_account: bool = False
    cost: int = 1
    from_index: bool = False

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Writes what `run` returns."""
        return TypeAdapter(self.answers)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The names that `fields=` may choose from: those of the object, or of a row."""
        if self.answers is None or self.method != "GET":
            return ()
        schema = self.adapter.json_schema(mode="serialization")
        while "$ref" in schema:
            schema = {**schema["$defs"][schema["$ref"].rpartition("/")[2]], "$defs": schema["$defs"]}
        return tuple(schema.get("properties", ()))


def route(endpoint: Endpoint, budget: Budget) -> Route:
    """The route of an endpoint."""

    async def answer(request: Request) -> Response:
        try:
            viewer = viewer_of(request)
            if not viewer.may(endpoint.role) or (endpoint.needs_account and not viewer.name):
                raise HTTPException(403 if viewer.name else 401)
            budget.take(request, endpoint.cost)
            if endpoint.method != "GET":
                _refuse_pages(request)
            body = await _body(request, endpoint) if endpoint.body is not None else None
            return await run_in_threadpool(_answer, request, endpoint, body)
        except ValidationError as error:
            return _invalid(error)
        except HTTPException as error:
            return problem(error.status_code, headers=error.headers)
        except ArchivePipelineError as error:
            return problem_of(error)

    return Route(PREFIX + endpoint.path, answer, methods=[endpoint.method], name=f"api_{endpoint.name}")


def is_api(request: Request) -> bool:
    """Whether a program asked, who gets errors in the API's form."""
    return own_path(request).startswith("/api/")


def problem(
    status: int,
    detail: str = "",
    *,
    code: str = "",
    hint: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The one form of errors (RFC 9457): `code` is for programs, `detail` and `hint` are for people."""
    title = HTTPStatus(status).phrase
    found: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code or title.lower().replace(" ", "_").replace("-", "_"),
        "detail": detail or WORDS.get(status, title),
    }
    if hint:
        found["hint"] = hint
    if errors:
        found["errors"] = list(errors)
    sent = {"cache-control": "no-store", **(headers or {})}
    if status == HTTPStatus.UNAUTHORIZED:
        sent.setdefault("www-authenticate", "Bearer")
    return JSONResponse(found, status_code=status, media_type=PROBLEM, headers=sent)


WORDS = {
    401: "Dafür braucht es ein Token: Authorization: Bearer …",
    403: "Das ist mit dieser Rolle oder diesem Token nicht erlaubt",
    404: "Das gibt es hier nicht",
    405: "Diese Methode gibt es hier nicht",
    409: "Der Fall hat sich inzwischen geändert: noch einmal lesen",
    413: f"Höchstens {LONGEST_BODY} Bytes",
    415: "Der Inhalt muss application/json sein",
    429: "Zu viele Anfragen: warten, wie Retry-After sagt",
    500: "Unerwarteter Fehler; das Protokoll des Servers sagt mehr",
}


def problem_of(error: ArchivePipelineError, status: int | None = None) -> Response:
    """The same for an error of the archive, with another status where what was asked for is to blame."""
    name = type(error).__name__.removesuffix("Error")
    code = "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name).strip("_")
    return problem(status or error.http_status, error.message, code=code, hint=error.hint)


def refused(error: ArchivePipelineError) -> Response:
    """An error that is no fault of the server: what was sent is not to be had (400), or no longer (409)."""
    statuses = {ConfigError: 400, ArchiveError: 409}
    return problem_of(error, statuses.get(type(error)))


def page_of(rows: Sequence[Any], asked: PageAsked) -> Rows:
    """One page of rows that are all at hand."""
    start = 0
    if asked.cursor is not None:
        if not (asked.cursor.isascii() and asked.cursor.isdigit() and len(asked.cursor) < 10):
            raise QueryError("Der Cursor ist nicht lesbar", hint="ohne cursor von vorn beginnen")
        start = int(asked.cursor)
    end = start + asked.limit
    return Rows(items=rows[start:end], next=str(end) if end < len(rows) else None, total=len(rows))


def _answer(request: Request, endpoint: Endpoint, body: Any) -> Response:
    asked, chosen = _asked(request, endpoint)
    call = Call(
        request=request,
        site=site_of(request),
        viewer=viewer_of(request),
        visibility=visibility_of(request),
        body=body,
    )
    tag = _index_tag(call) if endpoint.from_index else None
    if tag is not None and _is_known(request, tag):
        return Response(status_code=304, headers=_headers(tag))
    form = getattr(asked, "format", "json")
    if endpoint.is_list and form != "json":
        return _streamed(call, endpoint, asked, form, chosen or endpoint.fields)
    found = endpoint.run(call, asked)
    if isinstance(found, Response):
        for name, value in _headers(None).items():
            found.headers.setdefault(name, value)
        return found
    content = json.dumps(_written(endpoint, found, chosen), ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )
    if endpoint.method != "GET":
        return Response(content, media_type="application/json", headers={"cache-control": "no-store"})
    tag = tag or _tag(content)
    if _is_known(request, tag):
        return Response(status_code=304, headers=_headers(tag))
    return Response(content, media_type="application/json", headers=_headers(tag))


def _asked(request: Request, endpoint: Endpoint) -> tuple[Any, tuple[str, ...]]:
    """The parameters, read by the endpoint's model; and the fields chosen."""
    values: dict[str, Any] = dict(request.path_params)
    chosen: tuple[str, ...] = ()
    for name in dict.fromkeys(request.query_params.keys()):
        texts = request.query_params.getlist(name)
        if name == "fields" and endpoint.fields:
            chosen = tuple(one for text in texts for one in text.split(","))
            unknown = [one for one in chosen if one not in endpoint.fields]
            if unknown:
                raise QueryError(
                    f"Felder, die es nicht gibt: {', '.join(unknown)[:200]}",
                    hint=f"Felder: {', '.join(endpoint.fields)}",
                )
        elif name in request.path_params:
            raise HTTPException(400)
        elif name in endpoint.asks.model_fields and _takes_many(endpoint.asks, name):
            values[name] = [one for text in texts for one in text.split(",")]
        elif len(texts) > 1:
            raise QueryError(f"Der Parameter {name[:100]!r} steht mehrmals da", hint="einmal genügt")
        else:
            values[name] = texts[0]
    return endpoint.asks.model_validate(values), chosen


def _takes_many(asks: type[Asked], name: str) -> bool:
    kind = asks.model_fields[name].annotation
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return any(get_origin(one) in (list, tuple) for one in kinds)


def _refuse_pages(request: Request) -> None:
    """What changes something comes from a program: not with the cookie of a browser, and not from a page of another
    site. Raises HTTPException (403)."""
    came_by = getattr(request.state, "came_by", "local")
    if came_by == "session" or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise HTTPException(403)


async def _body(request: Request, endpoint: Endpoint) -> Any:
    """The body of a request that changes something: JSON, which no form of a page can send."""
    assert endpoint.body is not None
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LONGEST_BODY:
            raise HTTPException(413)
    return endpoint.body.model_validate_json(bytes(data))


def _written(endpoint: Endpoint, found: Any, chosen: Sequence[str]) -> Any:
    if not endpoint.is_list:
        return _cut(endpoint.adapter.dump_python(found, mode="json", warnings=False), chosen)
    assert isinstance(found, Rows)
    items = [_cut(endpoint.adapter.dump_python(one, mode="json", warnings=False), chosen) for one in found.items]
    return {"items": items, "next": found.next, "total": found.total}


def _cut(value: Any, chosen: Sequence[str]) -> Any:
    return {name: value[name] for name in chosen if name in value} if chosen and isinstance(value, dict) else value


def _streamed(call: Call, endpoint: Endpoint, asked: Any, form: str, columns: Sequence[str]) -> Response:
    """All pages as one file. The first is read before the answer begins, so that errors still have their status."""
    first = endpoint.run(call, asked)

    def pages() -> Iterator[Rows]:
        page, count = first, 0
        while True:
            yield replace(page, items=page.items[: MOST_ROWS - count])
            count += len(page.items)
            if page.next is None or count >= MOST_ROWS:
                return
            page = endpoint.run(call, asked.model_copy(update={"cursor": page.next, "limit": 200}))

    def lines() -> Iterator[str]:
        if form == "csv":
            yield _csv_line(columns)
        for page in pages():
            for one in page.items:
                row = _cut(endpoint.adapter.dump_python(one, mode="json", warnings=False), columns)
                if form == "csv":
                    yield _csv_line([_cell(row.get(name)) for name in columns])
                else:
                    yield json.dumps(row, ensure_ascii=False) + "\n"

    data = (line.encode("utf-8", "replace") for line in lines())
    name = f"{endpoint.name}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"', **_headers(None)}
    return StreamingResponse(data, media_type=f"{FORMATS[form]}; charset=utf-8", headers=headers)


def _csv_line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()


def _cell(value: object) -> str:
    """A value as a cell: lists and objects as JSON, and what a spreadsheet would take for a formula as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return plain_cell(value)
    return json.dumps(value, ensure_ascii=False)


def _index_tag(call: Call) -> str:
    """What an answer out of the index depends on: the archive's and the index's change number, who asks, embargoes that
    ended since, the day, and what is asked."""
    workspace = call.site.workspace
    with workspace.reading() as db:
        lasting = "SELECT count(*) AS n FROM release WHERE embargo_until > ?"
        facts = [last_seq(db), next(db.query(lasting, [embargo_text(utc_now())]))["n"]]
    with workspace.index() as index:
        facts.append(index.seq())
    asked = [call.viewer.standing, date.today().isoformat(), call.request.url.path, call.request.url.query]
    return _tag(json.dumps([*facts, *asked]).encode())


def _tag(content: bytes) -> str:
    return f'W/"{hashlib.sha256(_SALT.encode() + content).hexdigest()[:32]}"'


def _is_known(request: Request, tag: str) -> bool:
    asked = request.headers.get("if-none-match", "")
    known = {one.strip().removeprefix("W/") for one in asked.split(",")}
    return tag.removeprefix("W/") in known or "*" in known


def _headers(tag: str | None) -> dict[str, str]:
    """Answers belong to who asked: nobody in between may keep them."""
    headers = {"cache-control": "private, no-cache", "vary": "Cookie, Authorization"}
    return headers | ({"etag": tag} if tag else {})


def _invalid(error: ValidationError) -> Response:
    errors = [
        {"name": ".".join(str(part) for part in one["loc"])[:100], "code": one["type"], "message": one["msg"][:300]}
        for one in error.errors(include_url=False, include_input=False)[:20]
    ]
    names = ", ".join(one["name"] for one in errors)
    return problem(400, f"Nicht lesbar: {names or 'der Inhalt'}", code="invalid", errors=errors)
