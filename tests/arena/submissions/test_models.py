"""Submissions of models: what they cost is kept and shown, and a GPU's queue has a way around."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from redis import Redis
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.catalogue.manifests import dump_manifest, manifest_of
from arena.queues import Queues
from arena.submissions.detours import choose_queue, move_to_cpu
from arena.submissions.models import Submission
from arena.submissions.schemas import Place, SubmissionOut, find_place
from arena.submissions.service import record
from challenges.messages import QUEUE_GRADE_CPU, QUEUE_GRADE_GPU, Outcome, grade_job_id
from tests.arena.submissions.conftest import Desk, make_verdict
from tests.factories import NOON

COSTS = {"parameters": 4514.0, "macs": 190_000.0, "latency_ms": 0.12, "latency_ratio": 0.3, "peak_bytes": 9e7}


def told(desk: Desk, sent: Submission) -> SubmissionOut:
    desk.db.rollback()
    row = desk.db.get_one(Submission, sent.id, populate_existing=True)
    return SubmissionOut.of(row, desk.challenge, "en", NOON)


def test_costs_are_kept_with_the_score(desk: Desk, ada: User, redis: Redis):
    sent = desk.submit(ada)
    record(desk.db, redis, replace(make_verdict(sent), costs=COSTS))
    assert told(desk, sent).costs == COSTS


def test_a_refused_model_tells_no_costs(desk: Desk, ada: User, redis: Redis):
    sent = desk.submit(ada)
    refused = make_verdict(sent, Outcome.REJECTED, public=None, private=None, diagnostics=[])
    record(desk.db, redis, replace(refused, costs=COSTS))
    assert told(desk, sent).costs == {}


def ask_for_gpu(desk: Desk) -> None:
    """Make the challenge one that asks for a GPU."""
    desk.challenge.manifest = dump_manifest(replace(manifest_of(desk.challenge), device="gpu"))
    desk.db.commit()


def listen(redis: Redis, *queues: str, **facts: str) -> None:
    """Register a grader as one that lives."""
    fields = {"birth": "2026-01-01T00:00:00.000000Z", "queues": ",".join(queues), **facts}
    for name, value in fields.items():
        redis.hset("rq:worker:some", name, value)
    redis.sadd("rq:workers", "rq:worker:some")


@pytest.mark.parametrize(
    ("heard", "falls_back", "chosen"),
    [
        ((), True, QUEUE_GRADE_CPU),
        ((), False, QUEUE_GRADE_GPU),
        ((QUEUE_GRADE_CPU,), True, QUEUE_GRADE_CPU),
        ((QUEUE_GRADE_GPU, QUEUE_GRADE_CPU), True, QUEUE_GRADE_GPU),
    ],
)
def test_a_gpu_is_used_where_there_is_one(
    desk: Desk, ada: User, redis: Redis, heard: tuple[str, ...], *, falls_back: bool, chosen: str
):
    ask_for_gpu(desk)
    if heard:
        listen(redis, *heard)
    desk = replace(desk, queues=Queues(redis, falls_back=falls_back))
    assert choose_queue(manifest_of(desk.challenge), desk.queues, falls_back=falls_back) == chosen
    sent = desk.submit(ada)
    assert redis.lrange(f"rq:queue:{chosen}", 0, -1) == [grade_job_id(str(sent.id), 1).encode()]
    assert find_place(desk.queues, sent).position == 1


def test_what_waits_for_a_gpu_that_is_gone_moves_to_the_cpu_and_keeps_its_order(desk: Desk, ada: User, redis: Redis):
    ask_for_gpu(desk)
    listen(redis, QUEUE_GRADE_GPU)
    sent = [desk.submit(ada) for _ in range(3)]
    assert move_to_cpu(redis, desk.queues) == 0
    redis.delete("rq:workers")
    assert move_to_cpu(redis, desk.queues) == 3
    assert redis.llen(f"rq:queue:{QUEUE_GRADE_GPU}") == 0
    assert [find_place(desk.queues, row).position for row in sent] == [1, 2, 3]
    assert [str(desk.queues.find_state(grade_job_id(str(row.id), 1))) for row in sent] == ["queued"] * 3


def test_of_a_submission_in_hand_the_time_left_is_told_and_of_one_not_sent_nothing(desk: Desk, ada: User, redis: Redis):
    sent = desk.submit(ada)
    listen(redis, QUEUE_GRADE_CPU)
    assert find_place(desk.queues, sent) == Place(1, 1.0)
    redis.delete(f"rq:queue:{QUEUE_GRADE_CPU}")
    assert find_place(desk.queues, sent) == Place(None, 1.0)
    redis.delete(f"rq:job:{grade_job_id(str(sent.id), 1)}")
    assert find_place(desk.queues, sent) == Place()


def test_a_cpu_challenge_never_asks_who_listens(db: Session, desk: Desk):
    with Redis(port=1) as away:
        assert choose_queue(manifest_of(desk.challenge), Queues(away), falls_back=True) == QUEUE_GRADE_CPU
    db.rollback()


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"level": "S2"}', json.dumps({"level": "S2", "reasons": 1})])
def test_a_grader_that_tells_nothing_of_its_sandbox_is_unknown(redis: Redis, text: str):
    listen(redis, QUEUE_GRADE_CPU, sandbox=text)
    (grader,) = Queues(redis).graders()
    assert grader.sandbox.level == ""


def test_what_a_grader_tells_of_its_sandbox_is_read(redis: Redis):
    facts = {"level": "S2", "reasons": ["No bubblewrap."], "refuses": ["scratch"]}
    listen(redis, QUEUE_GRADE_CPU, sandbox=json.dumps(facts))
    (grader,) = Queues(redis).graders()
    assert (grader.sandbox.level, grader.sandbox.reasons, grader.sandbox.refuses) == ("S2", *list(facts.values())[1:])
