"""The pages without JavaScript: send a file by form, see what became of it, see nothing of others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from redis import Redis
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.submissions.models import Status, Submission
from arena.submissions.progress import ladder_of, points_of
from arena.submissions.service import record
from challenges.manifest import Direction, Metric
from challenges.messages import QUEUE_GRADE_CPU, Outcome, Verdict, WireFault, durations_key
from tests.arena.submissions.conftest import CONTENT, Desk
from tests.factories import NOON, PASSWORD, make_manifest, make_submission, make_team, make_user

SUBMIT = "/challenges/flowers/submit"


@pytest.fixture
def browser(client: httpx.Client, desk: Desk, ada: User) -> httpx.Client:
    """A browser in which Ada is logged in."""
    assert client.post("/login", data={"username": ada.username, "password": PASSWORD}).status_code == 303
    assert desk.challenge.slug == "flowers"
    return client


def fields_of(page: httpx.Response) -> dict[str, Any]:
    found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert {"csrf_token", "form_key"} <= set(found)
    return {name: (None, found[name]) for name in ("csrf_token", "form_key")}


def send(browser: httpx.Client, content: bytes = CONTENT, **fields: str) -> httpx.Response:
    form = fields_of(browser.get(SUBMIT)) | {name: (None, value) for name, value in fields.items()}
    return browser.post(SUBMIT, files={**form, "file": ("mine.csv", content)})


class TestRefusals:
    """The form again, with what is wrong."""

    def test_visitors_are_sent_to_the_log_in(self, client: httpx.Client, desk: Desk):
        assert desk.files() == []
        for path in (SUBMIT, "/challenges/flowers/submissions", "/submissions/01981b1e-0000-7000-8000-000000000000"):
            assert client.get(path).headers["location"].startswith("/login?next=/")

    def test_a_form_from_elsewhere(self, browser: httpx.Client, desk: Desk):
        form = fields_of(browser.get(SUBMIT))
        file = {"file": ("mine.csv", CONTENT)}
        assert browser.post(SUBMIT, files=file).status_code == 403
        assert browser.post(SUBMIT, files={"csrf_token": (None, "guessed"), **file}).status_code == 403
        cross = {"Sec-Fetch-Site": "cross-site"}
        assert browser.post(SUBMIT, files={**form, **file}, headers=cross).status_code == 403
        assert desk.files() == []

    def test_an_empty_file_and_none_at_all(self, browser: httpx.Client, desk: Desk):
        for name, content in (("mine.csv", b""), ("", b"")):
            form = fields_of(browser.get(SUBMIT))
            page = browser.post(SUBMIT, files={**form, "file": (name, content)})
            assert page.status_code == 422
            assert 'role="alert"' in page.text
            assert "empty" in page.text or "missing" in page.text
        assert desk.files() == []

    def test_over_the_quota(self, browser: httpx.Client, desk: Desk, ada: User):
        form = fields_of(browser.get(SUBMIT))
        team = make_team(desk.db, desk.challenge, ada)
        for _ in range(5):
            make_submission(desk.db, team, ada, desk.dataset)
        desk.db.execute(update(Submission).values(created_at=func.now()))
        desk.db.commit()
        page = browser.post(SUBMIT, files={**form, "file": ("mine.csv", CONTENT)})
        assert page.status_code == 429
        assert "has used its 5 submissions of today" in page.text
        assert 'type="file"' not in page.text

    def test_a_closed_challenge_has_no_form(self, browser: httpx.Client, desk: Desk):
        form = fields_of(browser.get(SUBMIT))
        desk.challenge.deadline = NOON
        desk.db.commit()
        assert 'type="file"' not in browser.get(SUBMIT).text
        assert browser.post(SUBMIT, files={**form, "file": ("mine.csv", CONTENT)}).status_code == 409

    def test_others_see_nothing(self, browser: httpx.Client, desk: Desk):
        theirs = desk.submit(make_user(desk.db))
        assert browser.get(f"/submissions/{theirs.id}").status_code == 404
        assert browser.get("/submissions/nonsense").status_code == 404
        assert "mine.csv" not in browser.get("/challenges/flowers/submissions").text


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "No grader is at work just now; your place is kept.", "目前没有评分器在工作"),
        (89.5, "About 90 s to go.", "还需约 90 秒。"),
        (90, "About 2 min to go.", "还需约 2 分钟。"),
    ],
)
def test_how_long_it_takes_is_told_in_both_languages(
    browser: httpx.Client, desk: Desk, ada: User, redis: Redis, seconds: float, english: str, chinese: str
):
    where = f"/submissions/{desk.submit(ada).id}"
    if seconds:
        redis.hset("rq:worker:some", mapping={"birth": "2026-01-01T00:00:00.000000Z", "queues": QUEUE_GRADE_CPU})
        redis.sadd("rq:workers", "rq:worker:some")
        redis.rpush(durations_key(QUEUE_GRADE_CPU), seconds)
    for language, expected in (("en", english), ("zh-CN", chinese)):
        page = browser.get(where, headers={"Accept-Language": language})
        shown = re.search(r"<span data-wait>(.*?)</span>", page.text, re.DOTALL)
        assert shown is not None
        assert expected in shown[1]


def test_a_file_by_form_from_the_page_to_the_score(
    browser: httpx.Client, desk: Desk, redis: Redis, verdict: Callable[..., Verdict], db: Session
):
    sent = send(browser, message="<b>first</b> try")
    assert sent.status_code == 303
    where = sent.headers["location"].partition("?")[0]
    page = browser.get(sent.headers["location"])
    assert page.status_code == 200
    assert "Place 1 in the queue." in page.text
    assert 'http-equiv="refresh"' in page.text
    assert "&lt;b&gt;first&lt;/b&gt; try" in page.text
    record(db, redis, verdict(db.query(Submission).one(), score=0.81234))
    page = browser.get(where)
    assert "0.8123" in page.text
    assert "± 0.0100" in page.text
    assert 'class="medal good"' in page.text
    assert "submission.js" not in page.text
    for hidden in ("0.4061", "0.1235", "grader-on-host-7", "123456789"):
        assert hidden not in page.text
    assert browser.get(re.findall(r'href="(/api/v1/submissions/[^"]+/file)"', page.text)[0]).content == CONTENT
    assert desk.files() == ["mine.csv"]


def test_the_same_file_from_the_same_page_counts_once(browser: httpx.Client, desk: Desk):
    form = fields_of(browser.get(SUBMIT))
    twice = [browser.post(SUBMIT, files={**form, "file": ("mine.csv", CONTENT)}) for _ in range(2)]
    assert twice[0].headers["location"] == twice[1].headers["location"]
    other = browser.post(SUBMIT, files={**form, "file": ("mine.csv", CONTENT + b"3,c\n")})
    assert other.headers["location"] != twice[0].headers["location"]
    assert len(desk.files()) == 2


def test_faults_are_sentences(
    browser: httpx.Client, desk: Desk, ada: User, redis: Redis, verdict: Callable[..., Verdict]
):
    sent = desk.submit(ada)
    fault = WireFault("out_of_range", {"row": 17, "column": "p", "value": "<i>1.2", "expected": "[0, 1]"})
    record(desk.db, redis, verdict(sent, Outcome.REJECTED, faults=[fault], fault_count=4))
    page = browser.get(f"/submissions/{sent.id}").text
    assert "Row 17: <code>p</code> is &lt;i&gt;1.2; it must lie in [0, 1]." in page
    assert "And 3 more like these." in page
    assert "It cost none of your quota." in page


def test_a_failure_of_ours_is_told_as_ours_without_the_trace(
    browser: httpx.Client, desk: Desk, ada: User, redis: Redis, verdict: Callable[..., Verdict]
):
    sent = desk.submit(ada)
    for attempt in (1, 2, 3):
        record(desk.db, redis, verdict(sent, Outcome.FAILED, attempt=attempt, trace="secret"))
        page = browser.get(f"/submissions/{sent.id}").text
        assert "Grading failed on our side" in page
        assert "secret" not in page


def test_own_submissions_in_parts_with_a_chart(browser: httpx.Client, desk: Desk, ada: User):
    empty = browser.get("/challenges/flowers/submissions")
    assert "You have not submitted anything yet." in empty.text
    team = make_team(desk.db, desk.challenge, ada)
    for number in range(27):
        make_submission(desk.db, team, ada, desk.dataset, filename=f"try-{number}.csv", public_score=number / 100)
    make_submission(desk.db, team, ada, desk.dataset, status=Status.CANCELLED, filename="stopped.csv")
    first = browser.get("/challenges/flowers/submissions")
    assert "try-26.csv" in first.text
    assert "try-1.csv" not in first.text
    assert "<svg" in first.text.partition('class="chart')[2]
    second = browser.get(first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&"))
    assert "try-1.csv" in second.text
    assert "try-26.csv" not in second.text


def test_pages_speak_chinese(browser: httpx.Client, desk: Desk, ada: User):
    sent = desk.submit(ada)
    chinese = {"Accept-Language": "zh-CN"}
    for path in (SUBMIT, "/challenges/flowers/submissions", f"/submissions/{sent.id}"):
        page = browser.get(path, headers=chinese)
        assert page.status_code == 200
        assert 'lang="zh-Hans"' in page.text


def test_a_score_stands_between_levels_and_baselines():
    manifest = make_manifest()
    rungs = ladder_of(0.8, {}, manifest)
    assert [rung.score for rung in rungs] == [0.95, 0.8, 0.8, 0.5, 0.34]
    assert [rung.is_own for rung in rungs] == [False, True, False, False, False]
    assert [rung.is_reached for rung in rungs] == [False, False, True, True, True]
    assert ladder_of(None, {}, manifest) == []


def test_the_best_so_far_follows_the_direction():
    scores = [(NOON, 0.5), (NOON, 0.7), (NOON, 0.6)]
    assert [p["best"] for p in points_of(scores, make_manifest())] == [0.5, 0.7, 0.7]
    lower = make_manifest(metric=Metric("rmse", Direction.MIN, ["species"]))
    assert [p["best"] for p in points_of(scores, lower)] == [0.5, 0.5, 0.5]
