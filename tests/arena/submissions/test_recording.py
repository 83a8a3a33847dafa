"""A verdict is written once, for the attempt that is under way; failures are tried again; nothing hidden gets out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from redis import Redis
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from arena import runtime
from arena.accounts.models import User
from arena.leaderboard.models import Board, Standing
from arena.runtime import Runtime, open_runtime
from arena.settings import Settings
from arena.submissions import jobs
from arena.submissions.models import Status, Submission
from arena.submissions.service import quota_of, record
from challenges.messages import (
    QUEUE_GRADE_CPU,
    Outcome,
    Scores,
    Verdict,
    WireFault,
    dump_message,
    grade_job_id,
)
from challenges.phrases import Fact
from tests.arena.submissions.conftest import Desk
from tests.factories import NOON

Make = Callable[..., Verdict]


def standings(db: Session) -> dict[str, float]:
    db.rollback()
    return {row.board.value: row.score for row in db.query(Standing)}


def fresh(db: Session, submission: Submission) -> Submission:
    db.rollback()
    return db.get_one(Submission, submission.id, populate_existing=True)


class TestIgnored:
    """Verdicts that change nothing."""

    def test_one_that_comes_twice(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        assert record(desk.db, redis, verdict(sent, score=0.9))
        assert record(desk.db, redis, verdict(sent, score=0.1)) is None
        assert fresh(desk.db, sent).public_score == 0.9
        assert standings(desk.db)["public"] == 0.9
        assert desk.db.query(Standing).filter_by(board=Board.PUBLIC).one().submissions == 1

    def test_one_of_an_earlier_attempt(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        first = verdict(sent)
        record(desk.db, redis, verdict(sent, Outcome.FAILED, trace="boom"))
        assert record(desk.db, redis, first) is None
        assert fresh(desk.db, sent).status is Status.QUEUED
        assert standings(desk.db) == {}

    @pytest.mark.parametrize("name", ["01981b1e-0000-7000-8000-000000000000", "not an id", ""])
    def test_one_of_no_submission(self, desk: Desk, ada: User, redis: Redis, verdict: Make, name: str):
        unknown = replace(verdict(desk.submit(ada)), submission_id=name)
        assert record(desk.db, redis, unknown) is None

    def test_one_for_a_cancelled_submission(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        sent.status = Status.CANCELLED
        desk.db.commit()
        assert record(desk.db, redis, verdict(sent)) is None
        assert fresh(desk.db, sent).status is Status.CANCELLED

    def test_all_but_one_of_many_at_once(
        self, desk: Desk, ada: User, redis: Redis, verdict: Make, sessions: sessionmaker[Session]
    ):
        sent = desk.submit(ada)
        answer = verdict(sent)

        def one(_number: int) -> bool:
            with sessions() as session:
                return record(session, redis, answer) is not None

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(one, range(6))) == 1
        assert desk.db.query(Standing).filter_by(board=Board.PUBLIC).one().submissions == 1


class TestFailures:
    """What fails on our side is tried three times, and costs the participant nothing."""

    def test_the_third_failure_is_the_last(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        for attempt in (1, 2, 3):
            assert fresh(desk.db, sent).attempt == attempt
            left = record(desk.db, redis, verdict(fresh(desk.db, sent), Outcome.FAILED, trace=f"boom {attempt}"))
            assert left is not None
            assert left.status is (Status.FAILED if attempt == 3 else Status.QUEUED)
            assert left.sent_at is None or attempt == 3
        final = fresh(desk.db, sent)
        assert final.trace == "boom 3"
        assert final.graded_at is not None
        assert standings(desk.db) == {}
        assert quota_of(desk.db, desk.challenge, final.team, NOON).used == 0

    def test_a_success_after_a_failure_counts(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        record(desk.db, redis, verdict(sent, Outcome.FAILED, trace="boom"))
        record(desk.db, redis, verdict(fresh(desk.db, sent)))
        assert fresh(desk.db, sent).status is Status.SCORED
        assert fresh(desk.db, sent).trace is None
        assert standings(desk.db)["public"] == 0.9

    def test_a_score_without_a_number_is_a_failure(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        left = record(desk.db, redis, verdict(desk.submit(ada), public=None))
        assert left is not None
        assert (left.status, left.attempt) == (Status.QUEUED, 2)

    def test_grading_anew_has_three_attempts_of_its_own(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        sent.attempt = 4
        desk.db.commit()
        left = record(desk.db, redis, verdict(sent, Outcome.FAILED, trace="boom"))
        assert left is not None
        assert (left.status, left.attempt) == (Status.QUEUED, 5)


class TestOutcomes:
    """What a verdict leaves in the table."""

    def test_a_score_stands_on_both_boards(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        record(desk.db, redis, verdict(sent, score=0.8))
        row = fresh(desk.db, sent)
        assert (row.status, row.public_score, row.private_score) == (Status.SCORED, 0.8, 0.4)
        assert (row.public_error, row.public_secondary) == (0.01, {"macro_f1": 0.8})
        assert row.diagnostics[0]["kind"] == "slices"
        assert row.graded_at is not None
        assert standings(desk.db) == {"public": 0.8, "private": 0.4}

    def test_a_rejected_file_has_faults_and_no_standing(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        fault = WireFault("out_of_range", {"row": 17, "column": "p", "value": "1.2", "expected": "[0, 1]"})
        record(desk.db, redis, verdict(sent, Outcome.REJECTED, faults=[fault], fault_count=9))
        row = fresh(desk.db, sent)
        assert row.status is Status.REJECTED
        assert row.faults == [{"reason": "out_of_range", "facts": fault.facts}]
        assert row.fault_count == 9
        assert row.public_score is None
        assert standings(desk.db) == {}

    def test_a_rejected_file_never_brings_scores(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        record(desk.db, redis, verdict(sent, Outcome.REJECTED, public=Scores(1.0), private=Scores(1.0)))
        assert fresh(desk.db, sent).public_score is None
        assert fresh(desk.db, sent).private_score is None

    def test_text_that_postgresql_cannot_hold_is_recorded_all_the_same(
        self, desk: Desk, ada: User, redis: Redis, verdict: Make
    ):
        facts: dict[str, Fact] = {"value": "a\0b\ud800", "row": 1, "column": "\0"}
        sent = desk.submit(ada)
        record(desk.db, redis, verdict(sent, Outcome.REJECTED, faults=[WireFault("not_a_number", facts)]))
        assert fresh(desk.db, sent).faults[0]["facts"] == {"value": "a\ufffdb?", "row": 1, "column": "\ufffd"}
        other = desk.submit(ada)
        record(desk.db, redis, verdict(other, Outcome.FAILED, trace="a\0b"))
        assert fresh(desk.db, other).trace == "a\ufffdb"

    def test_grading_anew_may_take_a_standing_away(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        sent = desk.submit(ada)
        record(desk.db, redis, verdict(sent))
        row = fresh(desk.db, sent)
        row.status, row.attempt = Status.QUEUED, 2
        desk.db.commit()
        record(desk.db, redis, verdict(row, Outcome.REJECTED, faults=[WireFault("empty_file")]))
        assert standings(desk.db) == {}
        assert fresh(desk.db, sent).diagnostics == []

    def test_grading_anew_that_fails_leaves_what_was_there(self, desk: Desk, ada: User, redis: Redis, verdict: Make):
        scored, rejected = desk.submit(ada), desk.submit(ada)
        record(desk.db, redis, verdict(scored))
        record(desk.db, redis, verdict(rejected, Outcome.REJECTED, faults=[WireFault("empty_file")]))
        for sent, status in ((scored, Status.SCORED), (rejected, Status.REJECTED)):
            row = fresh(desk.db, sent)
            row.status, row.attempt = Status.QUEUED, 3
            desk.db.commit()
            record(desk.db, redis, verdict(row, Outcome.FAILED, trace="boom"))
            assert fresh(desk.db, sent).status is status
            assert fresh(desk.db, sent).trace == "boom"
        assert fresh(desk.db, scored).public_score == 0.9
        assert standings(desk.db) == {"public": 0.9, "private": 0.45}

    def test_everyone_who_waits_is_told_after_the_commit(
        self, desk: Desk, ada: User, redis: Redis, verdict: Make, postgres_url: str
    ):
        sent = desk.submit(ada)
        with psycopg.connect(postgres_url, autocommit=True) as listener:
            listener.execute("LISTEN arena")
            record(desk.db, redis, verdict(sent))
            told = [json.loads(n.payload) for n in listener.notifies(timeout=5, stop_after=2)]
        assert {event["topic"] for event in told} == {f"submission:{sent.id}", f"board:{desk.dataset.id}"}
        assert "0.9" not in json.dumps(told)


@pytest.fixture
def opened(settings: Settings) -> Iterator[Runtime]:
    """The runtime of a scribe."""
    made = open_runtime(settings)
    runtime.make_current(made)
    yield made
    made.close()


class TestJob:
    """What the queue calls."""

    def test_a_message_is_recorded(self, desk: Desk, ada: User, verdict: Make, opened: Runtime):
        assert opened is not None
        sent = desk.submit(ada)
        jobs.record(dump_message(verdict(sent)))
        assert fresh(desk.db, sent).status is Status.SCORED

    def test_after_a_failure_the_next_attempt_is_sent(self, desk: Desk, ada: User, verdict: Make, opened: Runtime):
        assert opened is not None
        sent = desk.submit(ada)
        jobs.record(dump_message(verdict(sent, Outcome.FAILED, trace="boom")))
        assert fresh(desk.db, sent).attempt == 2
        assert fresh(desk.db, sent).sent_at is not None
        assert desk.queues.position(QUEUE_GRADE_CPU, grade_job_id(str(sent.id), 2)) == 2


def test_recording_waits_for_nobody_who_uploads(desk: Desk, ada: User, redis: Redis, verdict: Make, sessions: Any):
    """The lock of a quota and the lock of a verdict do not meet."""
    sent = desk.submit(ada)
    with sessions() as other:
        other.execute(text("SELECT 1 FROM team WHERE id = :id FOR NO KEY UPDATE"), {"id": sent.team_id})
        desk.db.execute(text("SET lock_timeout = '2s'"))
        assert record(desk.db, redis, verdict(sent)) is not None
