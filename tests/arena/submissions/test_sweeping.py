"""Nothing that was taken is lost: what the queue does not know is sent again, and never twice."""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Callable

import pytest
from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.queues import Queues
from arena.storage import Storage
from arena.submissions.models import Status, Submission
from arena.submissions.schemas import Place, find_place
from arena.submissions.service import record, send, sweep
from challenges.manifest import Manifest
from challenges.messages import QUEUE_GRADE_CPU, QUEUE_GRADE_GPU, GradeJob, Verdict, grade_job_id, parse_message
from tests.arena.submissions.conftest import Desk
from tests.factories import make_challenge, make_dataset, make_manifest, make_submission, make_team

LATER = dt.timedelta(hours=1)


def now_of(db: Session) -> dt.datetime:
    found = db.scalar(select(func.clock_timestamp()))
    db.rollback()
    assert isinstance(found, dt.datetime)
    return found


def sweep_later(desk: Desk, seconds: float = 31) -> int:
    return sweep(desk.db, desk.queues, desk.storage, now_of(desk.db) + dt.timedelta(seconds=seconds))


def test_what_waits_in_the_queue_is_left_alone(desk: Desk, ada: User):
    desk.submit(ada)
    assert sweep_later(desk) == 0
    assert desk.queues.lengths()[QUEUE_GRADE_CPU] == 1


def test_what_is_just_being_sent_is_left_alone(desk: Desk, ada: User, redis: Redis):
    sent = desk.submit(ada)
    redis.flushall()
    assert sweep(desk.db, desk.queues, desk.storage, now_of(desk.db)) == 0
    assert sent.sent_at is None or sent.sent_at <= now_of(desk.db)


def test_a_web_that_died_between_commit_and_send_loses_nothing(desk: Desk, ada: User):
    team = make_team(desk.db, desk.challenge, ada)
    row = make_submission(desk.db, team, ada, desk.dataset)
    assert desk.queues.lengths()[QUEUE_GRADE_CPU] == 0
    assert sweep_later(desk) == 1
    assert desk.queues.position(QUEUE_GRADE_CPU, grade_job_id(str(row.id), 1)) == 1
    assert sweep_later(desk) == 0
    desk.db.refresh(row)
    assert row.sent_at is not None


def test_an_emptied_redis_loses_nothing(desk: Desk, ada: User, redis: Redis):
    ids = [str(desk.submit(ada).id) for _ in range(3)]
    redis.flushall()
    assert sweep_later(desk) == 3
    positions = [desk.queues.position(QUEUE_GRADE_CPU, grade_job_id(name, 1)) for name in ids]
    assert positions == [1, 2, 3]  # the oldest first


def test_what_is_final_is_not_sent_again(desk: Desk, ada: User, redis: Redis, verdict: Callable[[Submission], Verdict]):
    record(desk.db, redis, verdict(desk.submit(ada)))
    redis.flushall()
    for status in (Status.REJECTED, Status.FAILED, Status.CANCELLED):
        team = desk.db.query(Submission).first().team  # type: ignore[union-attr]
        make_submission(desk.db, team, ada, desk.dataset, status=status)
    assert sweep_later(desk) == 0


def test_without_redis_the_sweep_comes_again(desk: Desk, ada: User, redis: Redis):
    desk.submit(ada)
    redis.flushall()
    with Redis(host="127.0.0.1", port=1) as away:
        assert sweep(desk.db, Queues(away), desk.storage, now_of(desk.db) + LATER) == 0
    assert sweep_later(desk) == 1


def test_without_redis_a_place_in_the_queue_is_unknown(desk: Desk, ada: User):
    sent = desk.submit(ada)
    assert find_place(desk.queues, sent).position == 1
    with Redis(host="127.0.0.1", port=1) as away:
        assert find_place(Queues(away), sent) == Place()


def test_the_job_says_all_that_a_grader_needs(desk: Desk, ada: User, redis: Redis):
    sent = desk.submit(ada)
    raw = redis.hget(f"rq:job:{grade_job_id(str(sent.id), 1)}", "data")
    assert isinstance(raw, bytes)
    function, _, arguments, _ = json.loads(zlib.decompress(raw) if raw[:1] != b"[" else raw)
    job = parse_message(GradeJob, arguments[0])
    assert function == "graders.jobs.grade"
    assert (job.submission_id, job.attempt, job.slug) == (str(sent.id), 1, "flowers")
    assert (job.dataset, job.dataset_digest) == ("offline-v1-1", desk.dataset.digest)
    assert job.package_digest == desk.challenge.package_digest
    assert (job.file.name, job.file.size_bytes, job.file.digest) == ("mine.csv", sent.size_bytes, sent.digest)
    assert job.url == (desk.folder / sent.storage_key).as_uri()


@pytest.mark.parametrize(("device", "queue"), [("cpu", QUEUE_GRADE_CPU), ("gpu", QUEUE_GRADE_GPU)])
def test_the_manifest_chooses_the_queue(desk: Desk, ada: User, redis: Redis, storage: Storage, device: str, queue: str):
    manifest: Manifest = make_manifest(device=device)
    challenge = make_challenge(desk.db, "other", manifest)
    row = make_submission(desk.db, make_team(desk.db, challenge, ada), ada, make_dataset(desk.db, challenge))
    queues = Queues(redis, falls_back=False)
    assert send(desk.db, queues, storage, row)
    assert queues.lengths()[queue] == 1
    assert not send(desk.db, queues, storage, row)


@pytest.fixture
def storage(desk: Desk) -> Storage:
    """Names uploads."""
    return desk.storage
