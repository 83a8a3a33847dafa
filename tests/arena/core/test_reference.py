"""The description of the API is complete: every route, every type, every error, and readable offline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from arena.app import Site
from arena.reference import METHODS, describe


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, found in schema["paths"].items():
        for method, operation in found.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


@pytest.fixture
def schema(app: Site) -> dict[str, Any]:
    """The OpenAPI document."""
    return describe(app)


def test_every_operation_is_described_and_typed(schema: dict[str, Any]):
    lacking = []
    for name, operation in operations(schema):
        answers = operation["responses"]
        good = [answer for status, answer in answers.items() if status.startswith("2")]
        is_typed = any(
            media.get("schema") or (kind.split("/")[0] in ("text", "application") and kind != "application/json")
            for answer in good
            for kind, media in answer.get("content", {}).items()
        )
        if not (operation.get("summary") and operation.get("description") and operation.get("tags")):
            lacking.append(f"{name}: summary, description or tag")
        if not good or not (is_typed or "204" in answers):
            lacking.append(f"{name}: a typed answer")
    assert not lacking, lacking


def test_every_operation_documents_its_errors_as_problems(schema: dict[str, Any]):
    for name, operation in operations(schema):
        errors = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
        assert {"401", "422", "429"} <= set(errors), name
        for answer in errors.values():
            assert answer["description"], name
            assert list(answer["content"]) == ["application/problem+json"], name


def test_every_reference_leads_somewhere(schema: dict[str, Any]):
    for reference in references(schema):
        part: Any = schema
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]
        assert part


def test_names_of_operations_are_unique(schema: dict[str, Any]):
    names = [operation["operationId"] for _, operation in operations(schema)]
    assert len(set(names)) == len(names)


def test_what_needs_a_token_says_so(schema: dict[str, Any]):
    for name, operation in operations(schema):
        is_open = {} in operation["security"]
        assert is_open is not any(word in name for word in ("/admin", "/me", "/tokens", "/submissions")), name


def test_every_route_of_the_promise_is_there(schema: dict[str, Any]):
    promised = """
        POST /login|POST /users|GET /me|GET /tokens|POST /tokens|DELETE /tokens/{token_id}
        GET /challenges|GET /challenges/{slug}|GET /challenges/{slug}/files|GET /challenges/{slug}/files/{name}
        POST /challenges/{slug}/submissions|PUT /challenges/{slug}/submissions/{filename}
        GET /submissions|GET /submissions/{id}|GET /submissions/{id}/file|GET /submissions/{id}/events
        GET /challenges/{slug}/leaderboard|GET /challenges/{slug}/leaderboard/me|GET /challenges/{slug}/history
        GET /admin/queue|GET /admin/graders|GET /admin/failures|GET /admin/datasets
        POST /admin/challenges/{slug}/open|POST /admin/challenges/{slug}/close
        POST /admin/challenges/{slug}/prepare|POST /admin/submissions/{id}/regrade
    """
    plain = {re.sub(r"\{[a-z_]+\}", "{}", name.replace("/api/v1", "")) for name, _ in operations(schema)}
    wanted = {re.sub(r"\{[a-z_]+\}", "{}", line.strip()) for line in re.split(r"[|\n]", promised) if line.strip()}
    assert wanted <= plain, wanted - plain


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_page_lists_everything_and_loads_nothing_from_elsewhere(
    client: httpx.Client, schema: dict[str, Any], language: str
):
    assert client.get("/api/docs").headers["location"] == "/api/v1/docs"
    page = client.get("/api/v1/docs", headers={"Accept-Language": language}).text
    for name, _ in operations(schema):
        assert name in page
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)


def test_the_document_for_programs_is_the_same(client: httpx.Client, schema: dict[str, Any]):
    assert client.get("/api/v1/openapi.json").json()["paths"].keys() == schema["paths"].keys()
