"""The cache in front: what it never keeps, when it forgets, and that it answers alike from memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import count

import httpx
import pytest
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from arena.app import create_app
from arena.cache import LARGEST_BODY, LARGEST_SUM, LARGEST_WISH, SHORTEST_PAUSE_SECONDS, Cache
from arena.events import publish
from arena.rendering import choose_theme
from arena.settings import Settings
from arena.translations import choose_language
from tests.factories import PASSWORD, make_challenge, make_dataset, make_user
from tests.serving import serve


class Origin:
    """An app that answers each request with another number, and remembers how many came."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.asked = 0
        self.pause_seconds = 0.0
        self.headers: dict[str, str] = {}
        self.status = 200
        self.padding = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        self.meanwhile()
        await asyncio.sleep(self.pause_seconds)
        language = Request(scope).headers.get("accept-language", "")
        body = f"{next(self.numbers)} {language}".encode() + b" " * self.padding
        await Response(body, self.status, self.headers, "text/plain")(scope, receive, send)


@pytest.fixture
def origin() -> Origin:
    """What stands behind the cache."""
    return Origin()


@pytest.fixture
def cache(origin: Origin) -> Cache:
    """A cache that keeps for a minute."""
    return Cache(origin, seconds=60)


def ask(cache: Cache, path: str = "/challenges", method: str = "GET", **headers: str) -> httpx.Response:
    return asyncio.run(_ask(cache, path, method, **headers))


async def _ask(cache: Cache, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(cache), base_url="http://arena") as client:
        return await client.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})


class TestNever:
    """What is not kept."""

    @pytest.mark.parametrize(
        "headers",
        [
            {"Cookie": "arena_session=abc"},
            {"Cookie": "__Host-arena_session=abc"},
            {"Cookie": "a=b; arena_session=abc"},
            {"Authorization": "Bearer arena_x"},
        ],
    )
    def test_answers_to_known_people(self, cache: Cache, origin: Origin, headers: dict[str, str]):
        ask(cache, **headers)
        ask(cache, **headers)
        assert origin.asked == 2
        ask(cache)
        assert origin.asked == 3
        ask(cache, **headers)
        assert origin.asked == 4

    @pytest.mark.parametrize(
        "path",
        [
            "/login",
            "/settings",
            "/challenges/iris/submit",
            "/challenges/iris/submissions",
            "/api/v1/me",
            "/api/v1/challenges/iris/leaderboard/me",
            "/api/v1/challenges/iris/history",
            "/api/v1/challenges/iris/files/train.csv",
            "/submissions/1",
            "/admin",
            "/metrics",
        ],
    )
    def test_pages_that_are_not_public(self, cache: Cache, origin: Origin, path: str):
        ask(cache, path)
        ask(cache, path)
        assert origin.asked == 2

    @pytest.mark.parametrize("status", [201, 206, 303, 404, 429, 500, 503])
    def test_anything_but_success(self, cache: Cache, origin: Origin, status: int):
        origin.status = status
        ask(cache)
        ask(cache)
        assert origin.asked == 2

    @pytest.mark.parametrize(
        "headers", [{"Set-Cookie": "a=b"}, {"Cache-Control": "private"}, {"Cache-Control": "no-store"}]
    )
    def test_answers_that_are_for_one_visitor(self, cache: Cache, origin: Origin, headers: dict[str, str]):
        origin.headers = headers
        ask(cache)
        ask(cache)
        assert origin.asked == 2

    def test_writing(self, cache: Cache, origin: Origin):
        ask(cache, method="POST")
        ask(cache, method="POST")
        assert origin.asked == 2

    def test_more_than_fits(self, cache: Cache, origin: Origin):
        origin.padding = LARGEST_BODY + 1
        ask(cache)
        ask(cache)
        assert origin.asked == 2
        origin.padding = LARGEST_BODY - 100
        for number in range(LARGEST_SUM // LARGEST_BODY + 5):
            ask(cache, f"/challenges?page={number}")
        assert cache._sum <= LARGEST_SUM


class TestKept:
    """What is kept."""

    @pytest.mark.parametrize(
        "path",
        ["/", "/about", "/challenges", "/challenges/iris", "/challenges/iris/leaderboard?page=2", "/api/v1/challenges"],
    )
    def test_a_public_answer_is_given_again(self, cache: Cache, origin: Origin, path: str):
        first, second = ask(cache, path), ask(cache, path)
        assert origin.asked == 1
        assert first.content == second.content
        assert first.headers["etag"] == second.headers["etag"]

    def test_each_language_theme_and_query_has_its_own(self, cache: Cache):
        answers = [
            ask(cache),
            ask(cache, Accept_Language="zh-CN,zh;q=0.9"),
            ask(cache, Cookie="arena_theme=dark"),
            ask(cache, "/challenges?page=2"),
        ]
        assert len({answer.content for answer in answers}) == 4
        assert ask(cache, Accept_Language="zh-TW").content == answers[1].content
        assert ask(cache, Cookie="arena_language=zh_Hans").content == answers[1].content
        assert ask(cache, Cookie='arena_language="; x=\x01', Accept_Language="fr").content == answers[0].content

    @pytest.mark.parametrize(
        "headers",
        [
            [("Accept-Language", "zh"), ("Accept-Language", "en")],
            [("Accept-Language", "en"), ("Accept-Language", "zh")],
            [("Cookie", 'a[]"=1; arena_language=zh_Hans; arena_theme=dark')],
            [("Cookie", "@@x y z;; arena_language=zh_Hans")],
            [("Cookie", 'arena_language="zh_Hans"')],
            [("Cookie", "arena_language=zh_Hans"), ("Cookie", "arena_language=en")],
            [("Cookie", "arena_language=en"), ("Cookie", "arena_language=zh_Hans")],
            [("Cookie", "arena_language =zh_Hans")],
        ],
    )
    def test_no_odd_header_puts_a_page_where_others_find_it(self, headers: list[tuple[str, str]]):
        async def render(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope)
            await PlainTextResponse(f"{choose_language(request)} {choose_theme(request)}")(scope, receive, send)

        async def ask_both() -> tuple[str, str, str]:
            cache = Cache(render, seconds=60)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(cache), base_url="http://arena") as client:
                odd = await client.get("/challenges", headers=headers)
                plain = await client.get("/challenges")
                chinese = await client.get(
                    "/challenges", headers={"Accept-Language": "zh", "Cookie": "arena_theme=dark"}
                )
            return odd.text, plain.text, chinese.text

        _, plain, chinese = asyncio.run(ask_both())
        assert (plain, chinese) == ("en auto", "zh_Hans dark")

    def test_headers_of_great_size_are_not_remembered(self, cache: Cache, origin: Origin):
        for _ in range(2):
            ask(cache, Accept_Language="zh," * LARGEST_WISH)
        assert origin.asked == 2

    def test_who_has_it_already_gets_304(self, cache: Cache, origin: Origin):
        etag = ask(cache).headers["etag"]
        again = ask(cache, If_None_Match=f'"other", {etag}')
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == etag
        assert "content-length" not in again.headers
        assert ask(cache, If_None_Match='"other"').status_code == 200
        assert origin.asked == 1

    def test_head_is_get_without_the_body(self, cache: Cache):
        for _ in range(2):
            answer = ask(cache, method="HEAD")
            assert (answer.status_code, answer.content) == (200, b"")
            assert int(answer.headers["content-length"]) > 0
        assert ask(cache).content

    def test_the_number_of_a_request_is_not_repeated(self, cache: Cache, origin: Origin):
        origin.headers = {"X-Request-ID": "first"}
        assert ask(cache).headers["x-request-id"] == "first"
        assert "x-request-id" not in ask(cache).headers

    def test_many_at_once_are_one_question(self, cache: Cache, origin: Origin):
        origin.pause_seconds = 0.1

        async def many() -> set[bytes]:
            answers = await asyncio.gather(*(_ask(cache, "/challenges") for _ in range(20)))
            return {answer.content for answer in answers}

        assert len(asyncio.run(many())) == 1
        assert origin.asked == 1

    def test_many_at_once_where_nothing_may_be_kept_each_get_their_own(self, cache: Cache, origin: Origin):
        origin.pause_seconds, origin.status = 0.05, 404

        async def many() -> int:
            answers = await asyncio.gather(*(_ask(cache, "/challenges") for _ in range(5)))
            return len({answer.content for answer in answers})

        assert asyncio.run(many()) == 5


class TestForgotten:
    """When an answer is too old."""

    def test_after_its_time(self, origin: Origin):
        cache = Cache(origin, seconds=0.05)
        first = ask(cache).content
        time.sleep(0.12)
        assert ask(cache).content != first

    @pytest.mark.parametrize(
        ("topic", "more", "is_forgotten"),
        [
            ("challenge:iris", {}, True),
            ("challenge:mnist", {}, False),
            ("board:0190", {}, True),
            ("board:0190", {"slug": "iris"}, True),
            ("board:0190", {"slug": "mnist"}, False),
            ("submission:0190", {}, False),
            ("*", {"lost": True}, True),
        ],
    )
    def test_by_what_happened(self, cache: Cache, topic: str, more: dict[str, object], is_forgotten: bool):
        before = ask(cache, "/challenges/iris/leaderboard").content
        cache.hear({"topic": topic, **more})
        time.sleep(SHORTEST_PAUSE_SECONDS * 1.2)
        assert (ask(cache, "/challenges/iris/leaderboard").content != before) is is_forgotten

    def test_however_much_happens_a_page_is_rendered_five_times_a_second(self, cache: Cache, origin: Origin):
        until = time.monotonic() + 4 * SHORTEST_PAUSE_SECONDS
        while time.monotonic() < until:
            cache.hear({"topic": "board:0190"})
            ask(cache)
        assert 2 <= origin.asked <= 6

    def test_what_is_slow_to_render_is_rendered_a_tenth_of_the_time(self, cache: Cache, origin: Origin):
        origin.pause_seconds = 0.08
        until = time.monotonic() + 2
        while time.monotonic() < until:
            cache.hear({"topic": "board:0190"})
            ask(cache)
        assert origin.asked <= 3

    def test_what_happens_while_a_page_is_rendered_makes_it_old(self, cache: Cache, origin: Origin):
        origin.meanwhile = lambda: cache.hear({"topic": "challenge:iris"})
        ask(cache)
        origin.meanwhile = lambda: None
        time.sleep(SHORTEST_PAUSE_SECONDS * 1.2)
        ask(cache)
        assert origin.asked == 2


def test_without_keeping_there_are_etags_all_the_same(origin: Origin):
    cache = Cache(origin, seconds=0)
    origin.headers = {"Set-Cookie": "a=b"}
    assert ask(cache).headers["etag"] != ask(cache).headers["etag"]


def test_streams_pass_untouched():
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(iter([b"one", b"two"]), media_type="text/event-stream")(scope, receive, send)

    answer = ask(Cache(stream, seconds=60), "/api/v1/submissions/1/events")
    assert answer.content == b"onetwo"
    assert "etag" not in answer.headers


@pytest.fixture
def cached_url(settings: Settings) -> Iterator[str]:
    """The whole site, with its cache."""
    app = create_app(settings.model_copy(update={"cache_seconds": 60.0}))
    with serve(app) as url:
        yield url


def test_a_commit_anywhere_reaches_the_public_page(cached_url: str, db: Session):
    challenge = make_challenge(db)
    make_dataset(db, challenge)
    before = httpx.get(f"{cached_url}/api/v1/challenges/flowers")
    assert before.status_code == 200
    challenge.manifest = challenge.manifest | {"title": {"en": "Grown flowers", "zh": "花"}}
    publish(db, "challenge:flowers")
    db.flush()
    time.sleep(0.3)
    assert httpx.get(f"{cached_url}/api/v1/challenges/flowers").content == before.content
    db.commit()
    deadline = time.monotonic() + 20  # a page that took long to render is used ten times as long
    while "Grown" not in httpx.get(f"{cached_url}/api/v1/challenges/flowers").text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nobody_sees_the_page_of_someone_who_is_logged_in(cached_url: str, db: Session):
    make_user(db, "ada")
    with httpx.Client(base_url=cached_url) as ada:
        ada.post("/login", data={"username": "ada", "password": PASSWORD})
        for _ in range(2):
            own = ada.get("/about")
            assert "ada" in own.text
            assert own.headers["cache-control"] == "private, no-cache"
            anonymous = httpx.get(f"{cached_url}/about")
            assert ">ada<" not in anonymous.text
            assert "csrf_token" not in anonymous.text
