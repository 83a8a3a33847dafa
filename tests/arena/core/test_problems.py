"""Errors as programs and people see them, in both languages, and without anything that is not theirs."""

from __future__ import annotations

import json

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.app import Site
from arena.deps import Db, Person
from arena.errors import ArenaError, NameTaken, NotFound, RateLimited
from arena.problems import sentence_of
from tests.factories import bearer, make_token, make_user
from tests.serving import serve

CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.1"}


@pytest.fixture
def broken(app: Site):
    """The site with routes that fail in known ways."""
    router = APIRouter()

    @router.get("/api/v1/broken")
    @router.get("/broken")
    def fail() -> None:
        raise RuntimeError("the secret is swordfish")

    @router.get("/api/v1/limited")
    def refuse() -> None:
        raise RateLimited(seconds=7)

    @router.get("/api/v1/numbers")
    def take(number: int, person: Person) -> None:
        del number, person

    app.include_router(router)
    with serve(app) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("path", ["/api/v1/nope", "/api/v1/challenges/nope", "/api/v1/submissions/nope", "/api/nope"])
def test_an_unknown_address_of_the_api_is_a_problem_in_both_languages(client: httpx.Client, db: Session, path: str):
    headers = bearer(make_token(db, make_user(db)))
    english = client.get(path, headers=headers)
    chinese = client.get(path, headers=headers | CHINESE)
    for answer in (english, chinese):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_found"
        assert set(answer.json()) >= {"type", "title", "status", "code", "detail", "facts", "request_id"}
    assert english.json()["request_id"] == english.headers["x-request-id"]
    assert "Accept-Language" in english.headers["vary"]


def test_an_unknown_page_is_a_page(client: httpx.Client):
    page = client.get("/nope")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no page here." in page.text
    assert 'lang="zh-Hans"' in client.get("/nope", headers=CHINESE).text


def test_a_method_that_is_not_there(client: httpx.Client):
    answer = client.delete("/api/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "is not valid JSON"),
        (b"[]", "is not valid"),
        (b'{"username": 5, "password": "x"}', "is not valid"),
        (b'{"username": "a", "password": "b", "scopes": ["root"]}', "must be one of"),
        (b"\xff\xfe", "is not valid JSON"),
    ],
)
def test_a_body_that_does_not_fit_is_explained_by_field(client: httpx.Client, body: bytes, problem: str):
    answer = client.post("/api/v1/login", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    if answer.status_code == 422:
        assert answer.json()["code"] == "invalid"
        assert problem in str(answer.json()["errors"])


def test_what_is_our_fault_is_told_as_such_and_shows_nothing(broken: httpx.Client, caplog: pytest.LogCaptureFixture):
    program, person = broken.get("/api/v1/broken"), broken.get("/broken")
    assert (program.status_code, person.status_code) == (500, 500)
    assert program.json()["code"] == "internal"
    for answer in (program, person):
        assert answer.headers["x-request-id"] in answer.text
        assert answer.headers["content-security-policy"]
        assert "swordfish" not in answer.text
        assert "Traceback" not in answer.text
    assert "the secret is swordfish" in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/challenges/a%00b", None, 404),
        ("GET", "/challenges/a%00b", None, 404),
        ("GET", "/api/v1/submissions?challenge=a%00b", None, 422),
        ("POST", "/api/v1/tokens", {"name": "a\0b"}, 422),
        ("POST", "/api/v1/login", {"username": "a\0b", "password": "some password"}, 422),
        ("POST", "/api/v1/users", {"username": "grace", "password": "some password", "email": "a\0@b.org"}, 422),
    ],
)
def test_what_the_database_cannot_hold_is_the_askers_fault(
    client: httpx.Client, db: Session, method: str, path: str, body: object, status: int
):
    answer = client.request(method, path, json=body, headers=bearer(make_token(db, make_user(db), "read", "submit")))
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html" if path[:5] != "/api/" else "application/problem+json")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_failure_in_the_middle_of_a_transaction_is_told_like_any_other(app: Site, db: Session):
    router = APIRouter()

    @router.post("/api/v1/halfway")
    def fail(person: Person, session: Db) -> None:
        session.add(User(username=person.known.username, password_hash=""))
        session.commit()

    app.include_router(router)
    with serve(app) as url:
        answer = httpx.post(f"{url}/api/v1/halfway", headers=bearer(make_token(db, make_user(db), "submit")))
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


def test_too_often_says_when_to_come_back(broken: httpx.Client):
    answer = broken.get("/api/v1/limited")
    assert answer.headers["retry-after"] == "7"
    assert "7 s" in answer.json()["detail"]


def test_a_wrong_parameter_is_named(broken: httpx.Client, db: Session):
    answer = broken.get("/api/v1/numbers?number=seven", headers=bearer(make_token(db, make_user(db))))
    assert answer.json()["errors"] == [{"field": "number", "problem": "must be a whole number"}]
    assert "seven" not in answer.text


def test_every_sentence_can_be_said_with_its_facts():
    assert sentence_of(NotFound(what="submission"), "en") == "There is no submission here."
    assert sentence_of(NameTaken(value="ada {x}"), "en") == "ada {x} is taken. Choose another one."


def test_codes_are_stable_names_and_each_has_one_status():
    seen: dict[str, set[int]] = {}
    waiting = [ArenaError]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        seen.setdefault(cls.code, set()).add(cls.status)
        assert cls.code == cls.code.lower().replace(" ", "_")
    assert all(len(statuses) == 1 for statuses in seen.values())


def test_facts_are_json_and_the_address_leads_to_the_reference(client: httpx.Client, db: Session):
    make_user(db, "ada")
    answer = client.post("/api/v1/users", json={"username": "ada", "password": "correct horse"})
    problem = json.loads(answer.text)
    assert problem["facts"]["value"] == "ada"
    path, _, mark = problem["type"].partition("#")
    assert f'id="{mark}"' in client.get(path).text
    assert db.query(User).count() == 1
