"""Who is refused where: every way into operations, for everyone who should not get in."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from arena.accounts.models import Role, User
from arena.app import Site
from arena.catalogue.models import Challenge, ChallengeState
from arena.submissions.models import Status, Submission
from tests.arena.operations.conftest import Browser
from tests.factories import (
    bearer,
    make_challenge,
    make_dataset,
    make_submission,
    make_team,
    make_token,
    make_user,
)

SOMEONE = uuid4()
FOR_ORGANISERS = [
    ("GET", "/queue"),
    ("GET", "/graders"),
    ("POST", "/challenges/flowers/open"),
    ("POST", "/challenges/flowers/close"),
]
FOR_ADMINISTRATORS = [
    ("GET", "/failures"),
    ("GET", "/datasets"),
    ("GET", "/users"),
    ("POST", "/challenges/flowers/deadline"),
    ("POST", "/challenges/flowers/prepare"),
    ("POST", f"/submissions/{SOMEONE}/regrade"),
    ("PATCH", "/users/victim"),
]
PAGES_FOR_ORGANISERS = [
    ("GET", ""),
    ("GET", "/queue"),
    ("POST", "/challenges/flowers/open"),
    ("POST", "/challenges/flowers/close"),
]
PAGES_FOR_ADMINISTRATORS = [
    ("GET", "/failures"),
    ("GET", "/datasets"),
    ("GET", "/users"),
    ("POST", "/challenges/flowers/deadline"),
    ("POST", "/challenges/flowers/prepare"),
    ("POST", f"/submissions/{SOMEONE}/regrade"),
    ("POST", "/users/victim"),
]
BODIES = {
    "deadline": {"deadline": None},
    "prepare": {"source": "offline"},
    "victim": {"role": "admin", "disabled": True},
}
TRACE = "Traceback: the answers are a, b, c"


@pytest.fixture
def failed(db: Session) -> Submission:
    """A failed submission whose trace holds what nobody may see."""
    victim = make_user(db, "victim")
    challenge = make_challenge(db)
    dataset = make_dataset(db, challenge)
    team = make_team(db, challenge, victim)
    return make_submission(db, team, victim, dataset, id=SOMEONE, status=Status.FAILED, trace=TRACE)


def call(client: httpx.Client, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    body = next((body for part, body in BODIES.items() if path.endswith(part)), None)
    return client.request(method, f"/api/v1/admin{path}", json=body, headers=headers)


def assert_nothing_happened(db: Session, failed: Submission) -> None:
    db.rollback()
    db.expire_all()
    assert db.scalars(select(Challenge.state)).all() == [ChallengeState.OPEN]
    assert (failed.status, failed.attempt) == (Status.FAILED, 1)
    victim = db.scalars(select(User).where(User.username == "victim")).one()
    assert (victim.role, victim.disabled_at) == (Role.PARTICIPANT, None)


def test_the_lists_above_are_all_there_is(app: Site):
    known = {(method, f"/api/v1/admin{path}") for method, path in FOR_ORGANISERS + FOR_ADMINISTRATORS}
    known |= {(method, f"/admin{path}") for method, path in PAGES_FOR_ORGANISERS + PAGES_FOR_ADMINISTRATORS}
    names = {"{slug}": "flowers", "{submission_id}": str(SOMEONE), "{username}": "victim"}
    found = set()
    for path, methods in routes_of(app):
        if "/admin" in path:
            for place, value in names.items():
                path = path.replace(place, value)  # noqa: PLW2901 - filled in place by place
            found |= {(method, path) for method in methods}
    assert found == known


def routes_of(app: Site) -> list[tuple[str, set[str]]]:
    """Path and methods of each route, of routers within routers too."""
    schema = app.openapi()
    api = [(path, {method.upper() for method in item}) for path, item in schema["paths"].items()]
    from arena.operations import pages  # noqa: PLC0415 - pages are no part of the schema

    return api + [(route.path, set(route.methods)) for route in pages.router.routes]  # type: ignore[attr-defined]


def test_by_token(client: httpx.Client, db: Session, failed: Submission):
    participant, organiser = make_user(db), make_user(db, role=Role.ORGANISER)
    admin = make_user(db, role=Role.ADMIN)
    everywhere = FOR_ORGANISERS + FOR_ADMINISTRATORS
    refused = [
        ({}, everywhere, 401, "not_logged_in"),
        (bearer("arena_nonsense"), everywhere, 401, "token_invalid"),
        (bearer(make_token(db, participant, "read", "submit", "admin")), everywhere, 403, "admin_only"),
        (bearer(make_token(db, organiser, "read", "submit", "admin")), FOR_ADMINISTRATORS, 403, "admin_only"),
        (bearer(make_token(db, organiser, "read", "submit")), everywhere, 403, "scope_missing"),
        (bearer(make_token(db, admin, "read", "submit")), everywhere, 403, "scope_missing"),
    ]
    for headers, ways, status, code in refused:
        for method, path in ways:
            answer = call(client, method, path, headers)
            assert (answer.status_code, answer.json()["code"]) == (status, code), (method, path)
            assert "answers" not in answer.text
    assert_nothing_happened(db, failed)


def test_by_page(browse: Callable[[Role], Browser], client: httpx.Client, db: Session, failed: Submission):
    everywhere = PAGES_FOR_ORGANISERS + PAGES_FOR_ADMINISTRATORS
    for method, path in everywhere:
        answer = client.request(method, f"/admin{path}")
        expected = 303 if method == "GET" else 401
        assert answer.status_code == expected, path
    for role, ways in ((Role.PARTICIPANT, everywhere), (Role.ORGANISER, PAGES_FOR_ADMINISTRATORS)):
        browser, token = browse(role)
        for method, path in ways:
            answer = browser.request(method, f"/admin{path}", data={"csrf_token": token} if method == "POST" else None)
            assert answer.status_code == 403, (role, path)
            assert TRACE not in answer.text
    assert_nothing_happened(db, failed)


def test_forms_from_elsewhere_are_refused(browse: Callable[[Role], Browser], db: Session, failed: Submission):
    browser, token = browse(Role.ADMIN)
    fields = {"role": "admin", "disabled": "yes", "source": "offline"}
    for method, path in PAGES_FOR_ORGANISERS + PAGES_FOR_ADMINISTRATORS:
        if method == "GET":
            continue
        wrong: list[tuple[dict[str, str], dict[str, str]]] = [
            ({}, {}),
            ({"csrf_token": "x" * len(token)}, {}),
            ({"csrf_token": token}, {"Sec-Fetch-Site": "cross-site"}),
            ({"csrf_token": token}, {"Origin": "https://evil.example"}),
        ]
        for sent, headers in wrong:
            answer = browser.post(f"/admin{path}", data=fields | sent, headers=headers)
            assert answer.status_code == 403, (path, sent, headers)
    for method, path in FOR_ORGANISERS + FOR_ADMINISTRATORS:
        if method != "GET":
            assert call(browser, method, path).status_code == 403, path
    assert_nothing_happened(db, failed)


@pytest.mark.usefixtures("failed")
def test_organisers_see_no_trace_and_no_way_to_one(browse: Callable[[Role], Browser], db: Session):
    challenge = db.get_one(Challenge, "flowers")
    make_dataset(db, challenge, "offline-v1-2", state="failed", trace=TRACE, ready_at=None)
    browser, _ = browse(Role.ORGANISER)
    for path in ("/admin", "/admin/queue"):
        page = browser.get(path)
        assert page.status_code == 200
        assert TRACE not in page.text
        for link in ("/admin/failures", "/admin/datasets", "/admin/users", "/deadline"):
            assert link not in page.text
        assert page.headers["cache-control"] == "no-store"
