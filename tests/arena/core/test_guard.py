"""What holds for every answer: headers, size of requests, origin of forms, rate limits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import APIRouter, Request
from sqlalchemy.orm import Session

from arena.app import Site, create_app
from arena.guard import LARGEST_BODY, allow_body
from arena.settings import Settings
from tests.factories import PASSWORD, bearer, make_token, make_user
from tests.serving import serve


@pytest.fixture
def receiver(app: Site) -> Iterator[httpx.Client]:
    """The site with routes that read a whole body."""
    router = APIRouter()

    @router.post("/api/v1/small")
    async def take(request: Request) -> int:
        return len(await request.body())

    @router.post("/api/v1/large")
    async def take_large(request: Request) -> int:
        allow_body(request, 3 * LARGEST_BODY)
        return len(await request.body())

    app.include_router(router)
    with serve(app) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 100_000):
        yield b"x" * 100_000


class TestSize:
    """The size of requests."""

    def test_what_is_announced_too_large_is_refused(self, receiver: httpx.Client):
        answer = receiver.post("/api/v1/small", content=b"x" * (LARGEST_BODY + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")

    def test_what_grows_too_large_unannounced_is_refused(self, receiver: httpx.Client):
        answer = receiver.post("/api/v1/small", content=chunks(2 * LARGEST_BODY))
        assert answer.status_code == 413

    def test_json_too(self, receiver: httpx.Client):
        body = {"username": "x" * LARGEST_BODY, "password": PASSWORD}
        assert receiver.post("/api/v1/users", json=body).status_code == 413

    def test_a_route_may_allow_more_and_no_more_than_that(self, receiver: httpx.Client):
        assert receiver.post("/api/v1/small", content=b"x" * LARGEST_BODY).json() == LARGEST_BODY
        assert receiver.post("/api/v1/large", content=chunks(3 * LARGEST_BODY)).json() == 3 * LARGEST_BODY
        assert receiver.post("/api/v1/large", content=chunks(4 * LARGEST_BODY)).status_code == 413


@pytest.mark.parametrize(
    "path", ["/", "/login", "/nope", "/settings", "/api/v1/challenges", "/api/v1/me", "/static/arena.css", "/healthz"]
)
def test_every_answer_has_the_headers_that_protect(client: httpx.Client, path: str):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-request-id"]
    assert headers["cache-control"]
    assert "server" not in headers


def test_static_files_with_a_mark_are_kept_for_ever(client: httpx.Client):
    assert "immutable" in client.get("/static/arena.css?v=0123456789").headers["cache-control"]
    assert "immutable" not in client.get("/static/arena.css").headers["cache-control"]


@pytest.mark.parametrize("given", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", 'x"><script>'])
def test_a_forged_host_appears_nowhere(client: httpx.Client, given: str):
    for path in ("/", "/login", "/settings", "/api/v1/openapi.json", "/challenges/"):
        answer = client.get(path, headers={"Host": given, "X-Forwarded-Host": given})
        assert given not in answer.text
        assert given not in str(answer.headers)


@pytest.mark.parametrize("given", ["short", "x" * 65, "ünsafe-äää", "a b c d e f g h"])
def test_a_strange_request_id_is_replaced(client: httpx.Client, given: str):
    answer = client.get("/healthz", headers={b"X-Request-ID": given.encode()})
    assert answer.headers["x-request-id"] != given
    assert client.get("/healthz", headers={"X-Request-ID": "abcd-1234"}).headers["x-request-id"] == "abcd-1234"


def test_over_tls_cookies_and_connections_stay_there(settings: Settings, db: Session):
    make_user(db, "ada")
    app = create_app(settings.model_copy(update={"secure_cookies": True}))
    with serve(app) as url:
        answer = httpx.post(f"{url}/login", data={"username": "ada", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-arena_session=")
    assert "; Secure" in cookie
    assert "; Path=/" in cookie
    assert "Domain" not in cookie
    assert answer.headers["strict-transport-security"]


class TestLimits:
    """How often one may ask."""

    @pytest.fixture
    def limited(self, settings: Settings) -> Iterator[httpx.Client]:
        """A site with low limits."""
        few = {"rate_login": "3/minute", "rate_read": "5/minute", "rate_write": "4/minute"}
        with serve(create_app(settings.model_copy(update=few))) as url, httpx.Client(base_url=url) as client:
            yield client

    def test_guessing_passwords_is_slow(self, limited: httpx.Client, db: Session):
        make_user(db, "ada")
        body = {"username": "ada", "password": "wrong password"}
        statuses = [limited.post("/login", data=body).status_code for _ in range(2)]
        statuses += [limited.post("/api/v1/login", json=body).status_code for _ in range(2)]
        assert statuses == [401, 401, 401, 429]
        page = limited.post("/login", data=body | {"password": PASSWORD})
        assert page.status_code == 429
        assert "Try again in" in page.text
        assert int(limited.post("/api/v1/login", json=body).headers["retry-after"]) <= 60
        assert limited.get("/login").status_code == 200

    def test_guesses_sent_all_at_once_do_not_all_find_room(self, limited: httpx.Client, db: Session):
        make_user(db, "ada")
        body = {"username": "ada", "password": "wrong password"}
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: limited.post("/api/v1/login", json=body).status_code, range(40)))
        assert answers.count(401) <= 9  # three times the limit, however they overlap
        assert answers.count(429) == 40 - answers.count(401)

    def test_a_class_that_logs_in_behind_one_address_is_not_held_up(self, limited: httpx.Client, db: Session):
        make_user(db, "ada")
        body = {"username": "ada", "password": PASSWORD}
        for _ in range(5):
            limited.cookies.clear()
            assert limited.post("/login", data=body).status_code == 303

    def test_accounts_are_not_made_by_the_dozen(self, limited: httpx.Client):
        bodies = [{"username": f"user{number}", "password": PASSWORD} for number in range(4)]
        made = [limited.post("/api/v1/users", json=body).status_code for body in bodies[:2]]
        assert made == [201, 201]
        assert limited.post("/register", data=bodies[2]).status_code == 303
        limited.cookies.clear()
        assert limited.post("/register", data=bodies[3]).status_code == 429

    def test_a_forged_forwarding_header_gives_no_fresh_start(self, limited: httpx.Client):
        body = {"username": "ada", "password": "wrong password"}
        answers = [
            limited.post("/api/v1/login", json=body, headers={"X-Forwarded-For": f"10.0.0.{number}"})
            for number in range(5)
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]

    def test_each_person_has_an_own_share_of_reads(self, limited: httpx.Client, db: Session):
        one, two = (bearer(make_token(db, make_user(db))) for _ in range(2))
        statuses = [limited.get("/api/v1/me", headers=one).status_code for _ in range(6)]
        assert statuses == [200] * 5 + [429]
        assert limited.get("/api/v1/me", headers=two).status_code == 200

    def test_many_tokens_of_one_person_are_no_larger_share(self, limited: httpx.Client, db: Session):
        user = make_user(db)
        tokens = [bearer(make_token(db, user)) for _ in range(6)]
        assert [limited.get("/api/v1/me", headers=token).status_code for token in tokens] == [200] * 5 + [429]

    def test_writes_are_counted_apart(self, limited: httpx.Client, db: Session):
        token = bearer(make_token(db, make_user(db)))
        made = [limited.post("/api/v1/tokens", json={"name": "x"}, headers=token).status_code for _ in range(5)]
        assert made == [201, 201, 201, 201, 429]
        assert limited.get("/api/v1/me", headers=token).status_code == 200
