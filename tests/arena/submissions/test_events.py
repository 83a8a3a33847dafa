"""A submission is followed live: at once, when it changes, until it is final; only by its own team."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from redis import Redis
from sqlalchemy.orm import Session, sessionmaker

from arena.accounts.models import User
from arena.app import Site
from arena.submissions.models import Submission
from arena.submissions.service import record
from challenges.messages import Outcome, Verdict
from tests.arena.submissions.conftest import Desk
from tests.eventually import eventually
from tests.factories import bearer, make_token


@pytest.fixture
def api(client: httpx.Client, desk: Desk, ada: User) -> httpx.Client:
    """Ada's program."""
    client.headers.update(bearer(make_token(desk.db, ada)))
    return client


@pytest.fixture
def record_later(
    sessions: sessionmaker[Session], redis: Redis, verdict: Callable[..., Verdict]
) -> Callable[..., Verdict]:
    """Records a verdict in another session, as the scribe does."""

    def later(sent: Submission, *words: Any, **fields: Any) -> Verdict:
        made = verdict(sent, *words, **fields)
        with sessions() as session:
            record(session, redis, made)
        return made

    return later


def statuses(response: httpx.Response) -> Iterator[dict[str, Any]]:
    event = ""
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            assert event == "status"
            yield json.loads(value)


def test_a_final_submission_is_told_once(
    api: httpx.Client, desk: Desk, ada: User, record_later: Callable[..., Verdict]
):
    sent = desk.submit(ada)
    record_later(sent)
    answer = api.get(f"/api/v1/submissions/{sent.id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert [state["status"] for state in statuses(answer)] == ["scored"]


def test_the_score_is_told_when_it_is_there(
    api: httpx.Client, desk: Desk, ada: User, record_later: Callable[..., Verdict]
):
    sent = desk.submit(ada)
    with api.stream("GET", f"/api/v1/submissions/{sent.id}/events") as answer:
        told = statuses(answer)
        first = next(told)
        assert (first["status"], first["queue_position"]) == ("queued", 1)
        record_later(sent)
        assert next(told)["public_score"] == 0.9
        assert list(told) == []


def test_another_attempt_is_told_too(api: httpx.Client, desk: Desk, ada: User, record_later: Callable[..., Verdict]):
    sent = desk.submit(ada)
    with api.stream("GET", f"/api/v1/submissions/{sent.id}/events") as answer:
        told = statuses(answer)
        assert next(told)["attempt"] == 1
        record_later(sent, Outcome.FAILED, trace="secret")
        again = next(told)
        assert (again["status"], again["attempt"]) == ("queued", 2)
        assert "secret" not in json.dumps(again)


def test_no_verdict_falls_between_the_first_look_and_the_listening(
    api: httpx.Client, desk: Desk, ada: User, record_later: Callable[..., Verdict]
):
    for _ in range(4):
        sent = desk.submit(ada)
        recording = threading.Thread(target=record_later, args=(sent,))
        recording.start()
        last = list(statuses(api.get(f"/api/v1/submissions/{sent.id}/events")))[-1]
        recording.join(20)
        assert last["status"] == "scored"


def test_who_goes_away_is_forgotten_and_keeps_no_connection(api: httpx.Client, desk: Desk, ada: User, app: Site):
    sent = desk.submit(ada)
    hub, pool = app.state.hub, app.state.engine.pool
    with api.stream("GET", f"/api/v1/submissions/{sent.id}/events") as answer:
        told = statuses(answer)  # kept: a generator that is dropped hangs up
        next(told)
        assert len(hub._waiters) == 1
        eventually(lambda: pool.checkedout() == 0)
    eventually(lambda: len(hub._waiters) == 0)
