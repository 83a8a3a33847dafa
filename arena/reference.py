"""The description of the REST API: OpenAPI for programs, one page for people, both made from the routes themselves."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from arena.deps import Visitor
from arena.errors import ArenaError
from arena.problems import CODES, INTERNAL, MEDIA_TYPE, TITLES, Problem
from arena.rendering import render

OPENAPI = "/api/v1/openapi.json"
DESCRIPTION = """\
Everything a page can do, a program can do here. Log in with `POST /api/v1/login`, or make a token under Settings, and
send it as `Authorization: Bearer arena_…`. Challenges, files and leaderboards need no token.

Errors are `application/problem+json` with a stable `code` and a sentence in the language of `Accept-Language`. Lists
come in parts: send `next_cursor` back as `cursor`. Answers carry an `ETag`; send it as `If-None-Match` to get a short
304 while nothing has changed.
"""
METHODS = ("get", "put", "post", "patch", "delete")
STATUSES = {"get": (401, 404, 422, 429), "other": (401, 403, 404, 409, 413, 415, 422, 429)}
"""What any operation may answer, beside what its route says."""
SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token: `arena_…`."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "arena_session",
        "description": "A browser's session; writing needs the header `X-CSRF-Token` too.",
    },
}
PUBLIC_PREFIXES = ("/api/v1/challenges",)
PUBLIC = ("/api/v1/users", "/api/v1/login")
PERSONAL_ENDS = ("/submissions", "/me", "/submissions/{filename}")

router = APIRouter(include_in_schema=False)


@router.get(OPENAPI)
def show_openapi(request: Request) -> Response:
    """The description for programs."""
    return Response(json.dumps(describe(request.app), ensure_ascii=False), media_type="application/json")


@router.get("/api/v1/docs")
def show_reference(request: Request, visitor: Visitor) -> HTMLResponse:
    """The description for people."""
    del visitor  # the page's head names who reads it
    schema = describe(request.app)
    return render(request, "reference.html", schema=schema, groups=group(schema), errors=list_errors())


@router.get("/api/docs")
def find_reference() -> Response:
    """Where people look first."""
    return RedirectResponse("/api/v1/docs", 308)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an app, made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=DESCRIPTION,
            routes=_routes(app),
            servers=[{"url": app.state.settings.base_url}],
        )
        app.openapi_schema = _complete(schema)
    return app.openapi_schema


def _routes(app: FastAPI) -> list[BaseRoute]:
    return list(app.routes)


def _complete(schema: dict[str, Any]) -> dict[str, Any]:
    """Document errors and credentials alike for every operation."""
    components = schema.setdefault("components", {})
    models = components.setdefault("schemas", {})
    definition = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    models |= definition.pop("$defs", {})
    models["Problem"] = definition
    for name in ("HTTPValidationError", "ValidationError"):
        models.pop(name, None)
    components["securitySchemes"] = SECURITY
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if method in METHODS:
                _complete_operation(path, method, operation)
    return schema


def _complete_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    for status in STATUSES.get(method, STATUSES["other"]):
        known = responses.setdefault(str(status), {})
        if "HTTPValidationError" in str(known) or "description" not in known:
            known["description"] = HTTPStatus(status).phrase
    for status, response in responses.items():
        if status.startswith(("4", "5")):
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    is_open = path in PUBLIC or (path.startswith(PUBLIC_PREFIXES) and not path.endswith(PERSONAL_ENDS))
    operation["security"] = [*([{}] if is_open else []), {"token": []}, {"session": []}]


def group(schema: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, as the page lists them."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            tag = next(iter(operation.get("tags", ())), "other")
            groups.setdefault(tag, []).append({"method": method.upper(), "path": path, **operation})
    return groups


def list_errors() -> list[dict[str, Any]]:
    """Every error the API answers, by status and code."""
    found = [{"status": cls.status, "code": cls.code, "sentence": cls.sentence} for cls in _descendants(ArenaError)]
    found += [{"status": status, "code": code, "sentence": TITLES[status] + "."} for status, code in CODES.items()]
    found.append({"status": 500, "code": INTERNAL, "sentence": TITLES[500] + "."})
    unique = {error["code"]: error for error in reversed(found)}
    return sorted(unique.values(), key=lambda error: (error["status"], error["code"]))


def _descendants(cls: type[ArenaError]) -> set[type[ArenaError]]:
    return {cls}.union(*(_descendants(child) for child in cls.__subclasses__()))
