"""How errors are answered: `application/problem+json` for programs, a page for people, both in the reader's language.

What a person caused is told in full. What is ours is told as such, with the number of the request, and logged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException

from arena.clock import utc_now
from arena.deps import Identity, recognise
from arena.errors import ArenaError, NotFound, NotLoggedIn, PasswordMustChange, RateLimited
from arena.rendering import render
from arena.translations import choose_language, mark, translate

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "/api/v1/docs#error-"
INVALID, INTERNAL = "invalid", "internal"

TITLES = {
    400: mark("The request is not understood"),
    401: mark("Log in first"),
    403: mark("Not allowed"),
    404: mark("Not found"),
    405: mark("Method not allowed"),
    409: mark("Not possible now"),
    413: mark("Too large"),
    415: mark("Unsupported type"),
    422: mark("Not valid"),
    429: mark("Too often"),
    500: mark("Something went wrong on our side"),
    503: mark("Not available now"),
}
CODES = {
    400: "bad_request",
    401: "not_logged_in",
    403: "forbidden",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_type",
    429: "too_many",
    503: "unavailable",
}
"""Stable names for what the framework refuses by its status alone."""
THINGS = [
    mark("page"),
    mark("challenge"),
    mark("submission"),
    mark("file"),
    mark("team"),
    mark("user"),
    mark("token"),
    mark("session"),
    mark("dataset"),
    mark("job"),
]
"""What `NotFound(what=…)` can name."""
FIELDS = [
    mark("username"),
    mark("password"),
    mark("old_password"),
    mark("email"),
    mark("name"),
    mark("message"),
    mark("language"),
    mark("deadline"),
    mark("state"),
    mark("role"),
    mark("source"),
    mark("scopes"),
    mark("lifetime"),
    mark("expires_at"),
    mark("accept_licence"),
    mark("form"),
    mark("cursor"),
]
"""What `Invalid(field=…)` can name, in the reader's words."""

PROBLEMS = {
    "missing": mark("is missing"),
    "json_invalid": mark("is not valid JSON"),
    "string_too_short": mark("is too short"),
    "string_too_long": mark("is too long"),
    "int_parsing": mark("must be a whole number"),
    "uuid_parsing": mark("is not an id"),
    "greater_than_equal": mark("is too small"),
    "less_than_equal": mark("is too large"),
    "extra_forbidden": mark("is not a known field"),
    "enum": mark("must be one of {expected}"),
    "literal_error": mark("must be one of {expected}"),
}
"""How the common findings of pydantic are told; the others are “not valid”."""

log = structlog.get_logger(__name__)


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Name of the field, with dots between levels.")
    problem: str = Field(description="What is wrong with it, in the reader's language.")


class Problem(BaseModel):
    """An error as RFC 9457 has it: `code` is stable, `detail` is a sentence in the reader's language."""

    type: str = Field(description="Address of the error's description.")
    title: str = Field(description="The kind of error, in the reader's language.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable name of the error, for programs.")
    detail: str = Field(description="What is wrong and what to do, in the reader's language.")
    facts: dict[str, Any] = Field(default_factory=dict, description="The values that the sentence names.")
    errors: list[FieldProblem] = Field(default_factory=list, description="For `invalid`: each field that is wrong.")
    request_id: str = Field("", description="Name it when you ask the operator.")


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of this app as a problem."""
    app.add_exception_handler(ArenaError, _answer_known)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(DataError, _answer_unstorable)
    app.add_exception_handler(Exception, _answer_internal)


def is_api(request: Request) -> bool:
    """Whether a program is asking, to be answered with JSON."""
    return request.url.path.startswith("/api/")


def sentence_of(error: ArenaError, language: str) -> str:
    """The error's sentence in a language; the facts that are words are translated too."""
    facts = {
        name: translate(language, fact) if name in ("what", "problem", "field") and isinstance(fact, str) else fact
        for name, fact in error.facts.items()
    }
    return translate(language, error.sentence, **facts)


async def _answer_known(request: Request, error: Exception) -> Response:
    assert isinstance(error, ArenaError)  # noqa: S101 - Starlette's handlers take any exception
    if not is_api(request) and isinstance(error, NotLoggedIn) and request.method == "GET":
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(target, safe='/')}", 303)
    if not is_api(request) and isinstance(error, PasswordMustChange):
        return RedirectResponse("/settings/password?notice=password_must_change", 303)
    errors = []
    if "field" in error.facts and "problem" in error.facts:
        problem = translate(choose_language(request), str(error.facts["problem"]))
        errors = [{"field": str(error.facts["field"]), "problem": problem}]
    headers = {}
    if isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.facts.get("seconds", 1))
    if isinstance(error, NotLoggedIn) and is_api(request):
        headers["WWW-Authenticate"] = 'Bearer realm="arena"'
    detail = sentence_of(error, choose_language(request))
    return answer(request, error.status, error.code, detail, facts=error.facts, errors=errors, headers=headers)


async def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    found = error.errors()
    if any(item["loc"][:1] == ("path",) for item in found):
        return await _answer_known(request, NotFound(what="page"))
    language = choose_language(request)
    errors = [_describe(item, language) for item in found[:20]]
    detail = " ".join(f"{item['field']}: {item['problem']}." for item in errors)
    return answer(request, 422, INVALID, detail, errors=errors)


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    await _recognise_reader(request)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return await _answer_known(request, NotFound(what="page"))
    language = choose_language(request)
    status = error.status_code
    detail = translate(language, TITLES.get(status, TITLES[400])) + "."
    return answer(request, status, CODES.get(status, CODES[400]), detail, headers=dict(error.headers or {}))


async def _answer_unstorable(request: Request, error: Exception) -> Response:
    """What PostgreSQL cannot hold or compare, such as a NUL in a name: nothing that we make, so the asker's."""
    log.warning("unstorable", path=request.url.path, error=str(getattr(error, "orig", "")).partition("\n")[0])
    _forget_lost_reader(request)
    if "\0" in request.scope["path"]:
        return await _answer_known(request, NotFound(what="page"))
    detail = translate(
        choose_language(request), mark("A value holds a character, or is of a size, that cannot be kept.")
    )
    return answer(request, 422, INVALID, detail)


async def _answer_internal(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.url.path, exc_info=error)
    request.scope["arena.told"] = True
    _forget_lost_reader(request)
    detail = translate(
        choose_language(request), mark("The operator can find out why. Try again; nothing you sent before is lost.")
    )
    return answer(request, 500, INTERNAL, detail)


def _forget_lost_reader(request: Request) -> None:
    """After a failed transaction the reader's row can no longer be read: then answer as to a visitor."""
    try:
        choose_language(request)
    except SQLAlchemyError:
        request.state.identity = Identity()


async def _recognise_reader(request: Request) -> None:
    """Where no route has asked who is reading, ask: the page of an unknown address has the same head as all others."""
    if is_api(request) or getattr(request.state, "identity", None) is not None:
        return
    with suppress(SQLAlchemyError, ArenaError), request.app.state.sessions() as session:
        await recognise(request, session, utc_now())


def answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    facts: Mapping[str, Any] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem as JSON, or as a page."""
    title = translate(choose_language(request), TITLES.get(status, TITLES[400]))
    request_id = str(getattr(request.state, "request_id", ""))
    if is_api(request):
        body = {
            "type": TYPE_BASE + code,
            "title": title,
            "status": int(status),
            "code": code,
            "detail": detail,
            "facts": dict(facts or {}),
            "errors": [dict(error) for error in errors],
            "request_id": request_id,
        }
        text = json.dumps(body, ensure_ascii=False, default=str)
        return Response(text, int(status), dict(headers or {}) | {"Vary": "Accept-Language"}, MEDIA_TYPE)
    shown_id = request_id if status >= HTTPStatus.INTERNAL_SERVER_ERROR else ""
    page = render(
        request, "error.html", status, title=title, detail=detail, status_code=int(status), request_id=shown_id
    )
    page.headers.update(dict(headers or {}))
    return page


def _describe(item: Mapping[str, Any], language: str) -> dict[str, str]:
    """One finding of pydantic in the reader's words; the value itself is not repeated."""
    where = [str(part) for part in item["loc"] if part not in ("body", "query", "header", "cookie")]
    sentence = PROBLEMS.get(item["type"], mark("is not valid"))
    facts = {"expected": str(item.get("ctx", {}).get("expected", ""))} if "{expected}" in sentence else {}
    return {"field": ".".join(where) or "body", "problem": translate(language, sentence, **facts)}
