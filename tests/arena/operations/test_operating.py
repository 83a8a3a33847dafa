"""What organisers and administrators do, and what comes of it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable

import httpx
import pytest
from redis import Redis
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from arena.accounts.models import LoginSession, Role, User
from arena.app import Site
from arena.catalogue.models import Challenge, ChallengeState, Dataset, DatasetState
from arena.errors import Invalid
from arena.leaderboard.models import Board, Standing
from arena.leaderboard.service import record_standing
from arena.operations import service
from arena.operations.pages import parse_moment
from arena.queues import Queues
from arena.submissions.models import Status, Submission
from arena.submissions.service import record
from challenges.manifest import Direction, Source, SourceFile
from challenges.messages import QUEUE_GRADE_CPU, QUEUE_PREPARE, Outcome, Scores, Verdict
from challenges.texts import Text
from tests.arena.operations.conftest import Browser
from tests.factories import (
    NOON,
    bearer,
    make_admin,
    make_challenge,
    make_dataset,
    make_manifest,
    make_submission,
    make_team,
    make_token,
    make_user,
)

Browse = Callable[[Role], Browser]
REAL = Source(
    Text("Real flowers", "真花"),
    "CC-BY-4.0",
    "https://example.org/licence",
    [SourceFile("https://example.org/flowers.csv", "0" * 64, 12)],
)
ADMIN = "/api/v1/admin"


@pytest.fixture
def flowers(db: Session) -> Challenge:
    challenge = make_challenge(db, manifest=make_manifest(sources={"real": REAL}))
    make_dataset(db, challenge)
    return challenge


@pytest.fixture
def admin(client: httpx.Client, db: Session) -> httpx.Client:
    """A program with an administrator's token."""
    client.headers.update(bearer(make_token(db, make_admin(db), "read", "submit", "admin")))
    return client


def submission(db: Session, challenge: Challenge, **columns: object) -> Submission:
    user = make_user(db)
    assert challenge.dataset is not None
    return make_submission(db, make_team(db, challenge, user), user, challenge.dataset, **columns)


def listen(redis: Redis, queues: str, sandbox: str = "") -> None:
    """Register a grader as one that lives."""
    facts = {"birth": "2026-01-01T00:00:00.000000Z", "queues": queues, "sandbox": sandbox}
    redis.hset("rq:worker:some", items=[text for fact in facts.items() for text in fact])
    redis.sadd("rq:workers", "rq:worker:some")


def test_what_cannot_be_done_is_told(admin: httpx.Client, db: Session, flowers: Challenge):
    waiting = submission(db, flowers)
    make_challenge(db, "trees", state=ChallengeState.PREPARING)
    wrong = [
        ("challenges/nothing/open", None, 404, "not_found"),
        ("challenges/trees/open", None, 409, "not_ready"),
        ("challenges/flowers/prepare", {"source": "nothing"}, 422, "invalid"),
        ("challenges/flowers/prepare", {"source": "real"}, 422, "invalid"),
        ("challenges/flowers/prepare", {"source": "real", "surprise": 1}, 422, "invalid"),
        ("challenges/flowers/deadline", {"deadline": "2026-05-04T12:00:00"}, 422, "invalid"),
        ("challenges/flowers/deadline", {"deadline": "tomorrow"}, 422, "invalid"),
        ("challenges/flowers/deadline", {}, 422, "invalid"),
        (f"submissions/{waiting.id}/regrade", None, 409, "not_regradable"),
        ("submissions/00000000-0000-0000-0000-000000000000/regrade", None, 404, "not_found"),
        ("submissions/none/regrade", None, 404, "not_found"),
    ]
    for path, body, status, code in wrong:
        answer = admin.post(f"{ADMIN}/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
    for change, status in (({"role": "king"}, 422), ({"role": "participant"}, 409), ({"disabled": True}, 409)):
        assert admin.patch(f"{ADMIN}/users/root_admin", json=change).status_code == status, change
    assert admin.patch(f"{ADMIN}/users/nobody", json={"role": "admin"}).status_code == 404
    for path in ("failures?cursor=x", "users?cursor=x", "users?limit=0"):
        assert admin.get(f"{ADMIN}/{path}").status_code == 422


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "12:00", "0"])
def test_what_is_no_date_and_time_is_refused(text: str):
    with pytest.raises(Invalid):
        parse_moment(text)


def test_a_date_and_time_is_meant_in_utc():
    assert parse_moment("2026-05-04T12:00") == NOON
    assert parse_moment("2026-05-04T20:00+08:00") == NOON
    assert parse_moment(" ") is None


@pytest.mark.usefixtures("flowers")
def test_opening_closing_and_the_deadline_by_api(admin: httpx.Client):
    later = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=1)
    assert admin.post(f"{ADMIN}/challenges/flowers/close").json()["state"] == "closed"
    assert admin.post(f"{ADMIN}/challenges/flowers/open").json()["state"] == "open"
    moved = admin.post(f"{ADMIN}/challenges/flowers/deadline", json={"deadline": later.isoformat()}).json()
    assert dt.datetime.fromisoformat(moved["deadline"]) == later
    assert admin.post(f"{ADMIN}/challenges/flowers/deadline", json={"deadline": None}).json()["deadline"] is None


def test_an_organiser_opens_and_closes_by_page_without_script(browse: Browse, db: Session, flowers: Challenge):
    browser, token = browse(Role.ORGANISER)
    for action, state in (("close", ChallengeState.CLOSED), ("open", ChallengeState.OPEN)):
        page = browser.get("/admin").text
        assert f'action="/admin/challenges/flowers/{action}"' in page
        assert f'value="{token}"' in page
        answer = browser.post(f"/admin/challenges/flowers/{action}", data={"csrf_token": token})
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/admin")
        db.refresh(flowers)
        assert flowers.state is state


def test_an_administrator_works_by_page_without_script(browse: Browse, redis: Redis, db: Session, flowers: Challenge):
    browser, token = browse(Role.ADMIN)
    form = {"csrf_token": token}
    failed = submission(db, flowers, status=Status.FAILED, trace="boom", graded_at=NOON)
    assert (
        browser.post("/admin/challenges/flowers/deadline", data=form | {"deadline": "2026-05-04T12:00"}).status_code
        == 303
    )
    assert browser.post("/admin/challenges/flowers/prepare", data=form | {"source": "real"}).status_code == 422
    accepted = form | {"source": "real", "accept_licence": "yes"}
    assert browser.post("/admin/challenges/flowers/prepare", data=accepted).status_code == 303
    assert browser.post(f"/admin/submissions/{failed.id}/regrade", data=form).status_code == 303
    victim = make_user(db, "victim")
    assert browser.post("/admin/users/victim", data=form | {"role": "organiser"}).status_code == 303
    assert browser.post("/admin/users/victim", data=form | {"disabled": "yes"}).status_code == 303
    assert browser.post("/admin/users/victim", data=form | {"role": "king"}).status_code == 422
    for row in (flowers, failed, victim):
        db.refresh(row)
    assert flowers.deadline == NOON
    assert db.scalars(select(Dataset.version).where(Dataset.state == DatasetState.QUEUED)).all() == ["real-v1-1"]
    assert (failed.status, failed.attempt) == (Status.QUEUED, 2)
    assert victim.role is Role.ORGANISER
    assert victim.disabled_at is not None
    lengths = Queues(redis).lengths()
    assert (lengths[QUEUE_PREPARE], lengths[QUEUE_GRADE_CPU]) == (1, 1)


def test_every_page_is_whole_in_both_languages(browse: Browse, db: Session, flowers: Challenge):
    submission(db, flowers)
    submission(db, flowers, status=Status.FAILED, trace="boom <script>alert(1)</script>")
    make_dataset(db, flowers, "offline-v1-2", state=DatasetState.QUEUED, ready_at=None)
    make_dataset(db, flowers, "offline-v1-3", state=DatasetState.FAILED, trace="bang", seconds=7201.0)
    browser, _ = browse(Role.ADMIN)
    for path, words in {
        "/admin": ["Small flowers", "grade-cpu"],
        "/admin/queue": ["grade-cpu", "flowers"],
        "/admin/failures": ["boom &lt;script&gt;"],
        "/admin/datasets": ["offline-v1-3", "bang", "CC-BY-4.0", "https://example.org/licence"],
        "/admin/users": ["user"],
        "/admin/users?q=nobody_like_this": ["nobody_like_this"],
    }.items():
        for language in ("en", "zh-CN"):
            page = browser.get(path, headers={"Accept-Language": language})
            assert page.status_code == 200, path
            expected = [word if language == "en" else word.replace("Small flowers", "小花") for word in words]
            assert all(word in page.text for word in expected), (path, language)
            assert "<script>alert" not in page.text
            assert not re.search(r'\son\w+="|\sstyle="', page.text), "the policy allows neither inline script nor style"


@pytest.mark.parametrize(
    ("language", "level", "reason"),
    [
        ("en", "every kind; programs without a scratch folder", "does not work here (not installed): programs get"),
        ("zh-CN", "所有类型；程序没有临时文件夹和子进程", "bubblewrap 在这里不起作用（未安装）"),
    ],
)
def test_what_the_sandbox_of_a_grader_holds_is_told_in_the_readers_language(
    browse: Browse, redis: Redis, language: str, level: str, reason: str
):
    follows = "programs get no scratch folder and no child processes"
    told = {
        "level": "S2",
        "reasons": [f"bubblewrap does not work here (not installed): {follows}.", "What is <new>."],
        "refuses": ["code", "scratch"],
    }
    listen(redis, "grade-cpu", json.dumps(told))
    browser, _ = browse(Role.ADMIN)
    page = browser.get("/admin/queue", headers={"Accept-Language": language}).text
    assert all(words in page for words in (level, reason, "What is &lt;new&gt;.", "code</p>"))
    assert "scratch</p>" not in page


def test_where_nothing_is_opened_no_kind_is_promised(browse: Browse, redis: Redis):
    told = {"level": "S0", "reasons": [], "refuses": ["predictions", "weights"]}
    listen(redis, "grade-cpu", json.dumps(told))
    browser, _ = browse(Role.ADMIN)
    page = browser.get("/admin/queue").text
    assert "Not opened here: predictions, weights" in page
    assert "only what is data" not in page


def test_the_overview_works_without_redis(db: Session, flowers: Challenge):
    submission(db, flowers, created_at=NOON)
    make_dataset(db, flowers, "offline-v1-2", state=DatasetState.QUEUED, created_at=NOON)
    with Redis.from_url("redis://127.0.0.1:1/0") as away:
        found = service.read_overview(db, Queues(away), NOON + dt.timedelta(seconds=90))
        data = service.list_data(db, Queues(away), NOON)
    assert found.is_redis_away
    assert {queue.name: queue.oldest_seconds for queue in found.queues} == {
        "grade-cpu": 90,
        "grade-gpu": None,
        "prepare": 90,
        "verdicts": None,
    }
    assert [view.share for view in data[0].datasets] == [None, None]


@pytest.mark.parametrize(
    ("listens", "falls_back", "waits", "expected"),
    [
        ("", True, 0, ("grade-cpu", 90)),
        ("grade-cpu", True, 0, ("grade-cpu", 90)),
        ("grade-gpu,grade-cpu", True, 0, ("grade-gpu", 90)),
        ("", False, 0, ("grade-gpu", 90)),
        ("", True, 1, ("grade-gpu", 90)),
    ],
)
def test_what_goes_around_by_a_cpu_waits_in_its_queue(
    db: Session,
    redis: Redis,
    flowers: Challenge,
    listens: str,
    waits: int,
    expected: tuple[str, int],
    *,
    falls_back: bool,
):
    flowers.manifest = flowers.manifest | {"device": "gpu"}
    submission(db, flowers, created_at=NOON)
    if listens:
        listen(redis, listens)
    for number in range(waits):
        redis.rpush("rq:queue:grade-gpu", f"job-{number}")
    found = service.read_overview(db, Queues(redis, falls_back=falls_back), NOON + dt.timedelta(seconds=90))
    assert [(queue.name, queue.oldest_seconds) for queue in found.queues if queue.oldest_seconds] == [expected]


def test_of_two_queues_in_one_the_longest_wait_is_told(db: Session, redis: Redis, flowers: Challenge):
    trees = make_challenge(db, "trees")
    make_dataset(db, trees)
    trees.manifest = trees.manifest | {"device": "gpu"}
    submission(db, flowers, created_at=NOON)
    submission(db, trees, created_at=NOON + dt.timedelta(seconds=60))
    found = service.read_overview(db, Queues(redis), NOON + dt.timedelta(seconds=90))
    assert [queue.oldest_seconds for queue in found.queues] == [90, None, None, None]


@pytest.mark.usefixtures("flowers")
def test_queues_graders_and_data_by_api(admin: httpx.Client):
    admin.post(f"{ADMIN}/challenges/flowers/prepare", json={"source": "offline"})
    queues = {queue["name"]: queue for queue in admin.get(f"{ADMIN}/queue").json()["queues"]}
    assert queues["prepare"]["length"] == 1
    assert queues["prepare"]["oldest_seconds"] >= 0
    assert queues["grade-cpu"]["expected_wait_seconds"] is None
    assert admin.get(f"{ADMIN}/graders").json() == {"graders": []}
    data = admin.get(f"{ADMIN}/datasets").json()["datasets"]
    assert [(item["version"], item["state"], item["is_in_use"]) for item in data] == [
        ("offline-v1-2", "queued", False),
        ("offline-v1-1", "ready", True),
    ]


def test_failures_come_in_parts_with_their_traces(admin: httpx.Client, db: Session, flowers: Challenge):
    for number in range(5):
        submission(db, flowers, status=Status.FAILED, trace=f"trace {number}")
    submission(db, flowers)
    found, cursor = [], ""
    while True:
        part = admin.get(f"{ADMIN}/failures", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += [item["trace"] for item in part["items"]]
        cursor = part["next_cursor"]
        if cursor is None:
            break
    assert found == [f"trace {number}" for number in reversed(range(5))]


def test_people_are_found_by_a_part_of_their_name(admin: httpx.Client, db: Session):
    for name in ("ada_l", "ada-x", "bob"):
        make_user(db, name)
    for words, names in (("ada", ["ada-x", "ada_l"]), ("a_l", ["ada_l"]), ("%", []), ("zzz", [])):
        found = admin.get(f"{ADMIN}/users", params={"words": words}).json()["items"]
        assert [item["username"] for item in found] == names


def test_people_come_in_parts(admin: httpx.Client, db: Session):
    names = [make_user(db).username for _ in range(3)]
    found, cursor = [], ""
    while cursor is not None:
        part = admin.get(f"{ADMIN}/users", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += [item["username"] for item in part["items"]]
        cursor = part["next_cursor"]
    assert found == [*reversed(names), "root_admin"]


def test_whoever_is_locked_out_is_out_at_once_and_can_come_back(browse: Browse, admin: httpx.Client, db: Session):
    browser, _ = browse(Role.ORGANISER)
    name = browser.get("/api/v1/me").json()["username"]
    assert admin.patch(f"{ADMIN}/users/{name}", json={"disabled": True}).json()["disabled_at"]
    assert browser.get("/api/v1/me").status_code == 401
    assert db.scalars(select(LoginSession).join(User).where(User.username == name)).all() == []
    assert admin.patch(f"{ADMIN}/users/{name}", json={"disabled": False}).json()["disabled_at"] is None


def test_a_regrade_replaces_score_and_standing(admin: httpx.Client, redis: Redis, db: Session, flowers: Challenge):
    row = submission(db, flowers, public_score=0.9, private_score=0.8, graded_at=NOON)
    assert flowers.dataset is not None
    record_standing(db, row, flowers.dataset, Direction.MAX)
    db.commit()
    answer = admin.post(f"{ADMIN}/submissions/{row.id}/regrade")
    assert (answer.status_code, answer.json()["attempt"]) == (202, 2)
    key = (flowers.dataset.id, Board.PUBLIC, row.team_id)
    assert db.get_one(Standing, key, populate_existing=True).score == 0.9
    late = Verdict(str(row.id), 1, Outcome.SCORED, public=Scores(1.0), private=Scores(1.0))
    assert record(db, redis, late) is None
    verdict = Verdict(str(row.id), 2, Outcome.SCORED, public=Scores(0.4), private=Scores(0.3))
    assert record(db, redis, verdict) is not None
    db.expire_all()
    assert (db.get_one(Standing, key).score, db.get_one(Standing, key).submissions) == (0.4, 1)
    assert db.get_one(Submission, row.id).public_score == 0.4
    admin.post(f"{ADMIN}/submissions/{row.id}/regrade")
    record(db, redis, Verdict(str(row.id), 3, Outcome.REJECTED))
    db.expire_all()
    assert db.get(Standing, key) is None


def test_lists_cost_the_same_queries_however_long(admin: httpx.Client, app: Site, db: Session, flowers: Challenge):
    statements: list[str] = []
    event.listen(app.state.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    counts: list[list[int]] = []
    for more in (1, 6):
        for number in range(more):
            submission(db, flowers, status=Status.FAILED, trace="boom")
            make_dataset(db, make_challenge(db, f"c{more}x{number}"))
        costs = []
        for path in ("failures", "datasets", "users", "queue"):
            admin.get(f"{ADMIN}/{path}")
            statements.clear()
            assert admin.get(f"{ADMIN}/{path}").status_code == 200
            costs.append(len(statements))
        counts.append(costs)
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 4
