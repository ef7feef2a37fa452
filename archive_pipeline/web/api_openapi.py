"""The OpenAPI 3.1 document, made of what the endpoints declare."""

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import TypeAdapter

from archive_pipeline.web.api_declaring import FORMATS, PREFIX, Asked, Endpoint
from archive_pipeline.workspace import VERSION

__all__ = ["openapi"]

REF = "#/components/schemas/{model}"
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "An error (RFC 9457). `code` is for programs, `detail` and `hint` are for people.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("name", "code", "message")},
            },
        },
    },
}

TAGS = {
    "search": "Search, counts and exports",
    "searches": "Saved searches",
    "axes": "Districts, parties, organisations, topics",
    "releases": "Releases, their versions and what was found in them",
    "persons": "Office-holders and spokespersons",
    "sources": "Sources and runs",
    "review": "The review queue",
    "sets": "Frozen result sets",
    "takedown": "Takedown cases",
    "access": "Who asks",
}

Json = dict[str, Any]


def openapi(endpoints: Sequence[Endpoint], *, title: str, base: str, has_login: bool) -> Json:
    """The document. `title` is the archive's name, `base` the path below which the server answers. Where
    nobody logs in, nothing needs a token."""
    described = [one for one in endpoints if one.answers is not None]
    inputs: list[tuple[str, Literal["validation", "serialization"], TypeAdapter[Any]]] = [
        (one.name, "serialization", one.adapter) for one in described
    ]
    inputs += [(f"{one.name}_body", "validation", TypeAdapter(one.body)) for one in endpoints if one.body is not None]
    schemas, found = TypeAdapter.json_schemas(inputs, ref_template=REF)
    components: Json = {"Problem": PROBLEM, **found.get("$defs", {})}
    answers = {str(name): schema for (name, _), schema in schemas.items()}
    for endpoint in described:
        if endpoint.fields:
            _make_optional(answers[endpoint.name], components)
    paths: Json = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, answers, has_login=has_login)
        paths.setdefault(PREFIX + endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{title}: API",
            "version": VERSION,
            "description": "Press releases as an archive holds them. Times are UTC; spans count code points.",
        },
        "servers": [{"url": base or "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": {
                "Problem": {
                    "description": "An error",
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-apl_session"},
            },
        },
    }


def _make_optional(schema: Json, components: Json) -> None:
    """`fields=` may leave any of an answer's names out."""
    target = components[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    target.pop("required", None)


def _operation(endpoint: Endpoint, answers: Json, *, has_login: bool) -> Json:
    operation: Json = {
        "operationId": endpoint.name,
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, answers),
        "x-cost": endpoint.cost,
        "x-role": "account" if endpoint.needs_account else endpoint.role,
    }
    ways: list[Json] = [{"token": []}] if endpoint.method != "GET" else [{"token": []}, {"session": []}]
    is_open = not has_login or (endpoint.role == "reader" and not endpoint.needs_account)
    operation["security"] = [{}, *ways] if is_open else ways
    if endpoint.body is not None:
        schema = answers[f"{endpoint.name}_body"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameters(endpoint: Endpoint) -> list[Json]:
    in_path = set(re.findall(r"{(\w+)}", endpoint.path))
    properties: Json = _inlined(endpoint.asks)
    found = []
    for name, described in properties.items():
        schema = _without_null(described)
        schema.pop("title", None)
        parameter: Json = {"name": name, "in": "path" if name in in_path else "query", "required": name in in_path}
        if text := schema.pop("description", None):
            parameter["description"] = text
        if name in in_path:
            schema.setdefault("minLength", 1)
            if "enum" in schema:
                schema.pop("minLength")
        if schema.get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        found.append({**parameter, "schema": schema})
    if endpoint.fields:
        found.append(
            {
                "name": "fields",
                "in": "query",
                "required": False,
                "description": "only these fields of the answer, or of each row",
                "style": "form",
                "explode": False,
                "schema": {"type": "array", "minItems": 1, "items": {"enum": list(endpoint.fields)}},
            }
        )
    return found


def _inlined(asks: type[Asked]) -> Json:
    """The properties of a model without references: parameters stand for themselves."""
    schema = asks.model_json_schema()
    shared = schema.get("$defs", {})

    def inline(value: Any) -> Any:
        if isinstance(value, dict) and "$ref" in value:
            rest = {name: inner for name, inner in value.items() if name != "$ref"}
            return {**inline(shared[value["$ref"].rpartition("/")[2]]), **rest}
        if isinstance(value, dict):
            return {name: inline(inner) for name, inner in value.items()}
        return [inline(inner) for inner in value] if isinstance(value, list) else value

    found: Json = inline(schema.get("properties", {}))
    return found


def _without_null(schema: Json) -> Json:
    """A parameter that is left out is left out: there is no null in an address."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    rest = {
        name: value for name, value in schema.items() if name != "anyOf" and not (name == "default" and value is None)
    }
    return {**rest, **kinds[0]} if len(kinds) == 1 else dict(schema)


def _responses(endpoint: Endpoint, answers: Json) -> Json:
    problem = {"$ref": "#/components/responses/Problem"}
    content: Json
    if endpoint.media_types:
        content = {kind: {"schema": {"type": "string"}} for kind in endpoint.media_types}
    elif endpoint.is_list:
        content = {"application/json": {"schema": _rows(answers[endpoint.name])}}
        content |= {kind: {"schema": {"type": "string"}} for kind in FORMATS.values()}
    else:
        content = {"application/json": {"schema": answers[endpoint.name]}}
    found: Json = {"200": {"description": endpoint.summary, "content": content}}
    if endpoint.method == "GET":
        found["304"] = {"description": "As the client has it (If-None-Match)"}
    statuses = ["400", "401", "403", "404", "410", "423", "429", "503"]
    if endpoint.method != "GET":
        statuses += ["409"]
    if endpoint.body is not None:
        statuses += ["413", "415"]
    return found | dict.fromkeys(sorted(statuses), problem) | {"default": problem}


def _rows(row: Json) -> Json:
    return {
        "type": "object",
        "required": ["items", "next", "total"],
        "properties": {
            "items": {"type": "array", "items": row},
            "next": {"type": ["string", "null"], "description": "`cursor` of the next page, null on the last"},
            "total": {"type": ["integer", "null"]},
        },
    }
