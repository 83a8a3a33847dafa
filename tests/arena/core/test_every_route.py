"""What holds for every route there is or will be: nobody writes from elsewhere, and strangers see nothing personal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy.orm import Session

from arena.app import Site, create_app
from arena.crossing import SAFE_METHODS
from arena.settings import Settings
from tests.factories import PASSWORD, bearer, make_challenge, make_dataset, make_token, make_user

OPEN_WRITES = {"/login", "/register", "/logout", "/language", "/theme", "/api/v1/login", "/api/v1/users"}
"""What one may send without being logged in."""
OPEN_READS = re.compile(
    r"/(about|login|register|healthz|readyz|metrics|static/.*|api/.*(docs|openapi\.json))?"
    r"|(/api/v1)?/challenges(/flowers(/data|/manifest|/files(/.*)?|/leaderboard|/history)?)?"
)


def routes_of(app: Site) -> Iterator[tuple[str, str]]:
    """Method and address of every route, with values for its parameters."""
    values = {"slug": "flowers", "name": "train.csv", "filename": "predictions.csv"}
    for context in iter_route_contexts(app.routes):
        path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: values.get(found[1], str(uuid4())), context.path or "")
        for method in context.methods or ():
            yield method, path


def every_route() -> list[tuple[str, str]]:
    """All routes, read from an application that is never served."""
    unused = Settings(
        database_url="postgresql://unused/unused", redis_url="redis://unused", storage_url="file:///unused"
    )
    app = create_app(unused)
    app.state.runtime.close()
    return sorted(set(routes_of(app)))


def test_there_are_routes():
    found = every_route()
    assert len(found) > 50
    assert ("POST", "/challenges/flowers/submit") in found


@pytest.fixture
def ada(client: httpx.Client, db: Session) -> httpx.Client:
    """A browser in which Ada is logged in."""
    make_dataset(db, make_challenge(db))
    make_user(db, "ada")
    client.post("/login", data={"username": "ada", "password": PASSWORD})
    return client


def test_nothing_is_written_from_another_site_or_without_the_sessions_token(ada: httpx.Client):
    for method, path in every_route():
        if method in SAFE_METHODS:
            continue
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            sent = ada.request(method, path, headers=headers, data={"username": "ada", "password": PASSWORD})
            assert sent.status_code in (403, 415, 422), (method, path, headers, sent.status_code)
        if path not in OPEN_WRITES:
            files = {"file": ("p.csv", b"id,species\n1,a\n")} if path.endswith(("/submit", "/submissions")) else None
            sent = ada.request(method, path, files=files, data={"message": "x"})
            assert sent.status_code in (403, 415, 422), (method, path, sent.status_code)


def test_who_is_not_logged_in_writes_nothing_and_reads_nothing_personal(client: httpx.Client, db: Session):
    make_dataset(db, make_challenge(db))
    for method, path in every_route():
        is_api = path.startswith("/api/")
        if method in SAFE_METHODS and not OPEN_READS.fullmatch(path):
            answer = client.request(method, path)
            if is_api:
                assert answer.status_code == 401, (method, path)
            else:
                assert answer.status_code == 303, (method, path, answer.status_code)
                assert answer.headers["location"].startswith("/login?next="), path
        elif method not in SAFE_METHODS and path not in OPEN_WRITES:
            assert client.request(method, path, data={"x": "y"}).status_code in (401, 422), (method, path)


def test_participants_are_not_told_what_operators_see(ada: httpx.Client, db: Session):
    token = bearer(make_token(db, make_user(db), "read", "submit"))
    for method, path in every_route():
        if not path.startswith(("/admin", "/api/v1/admin")):
            continue
        assert ada.request(method, path, data={"x": "y"}).status_code in (403, 415, 422), path
        by_token = ada.request(method, path, headers=token, json={"source": "offline"})
        assert by_token.status_code in (403, 415, 422), (method, path, by_token.text)
