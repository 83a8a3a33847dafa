"""The web side of the queue: what is sent twice, what is lost and found, what waits, and what may be called."""

from __future__ import annotations

import os
import pickle
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis
from rq import Callback, Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from arena.queues import JobState, Queues
from challenges.messages import (
    FUNCTION_RECORD_REPORT,
    FUNCTION_RECORD_VERDICT,
    QUEUE_GRADE_CPU,
    QUEUE_GRADE_GPU,
    QUEUE_PREPARE,
    QUEUE_VERDICTS,
    DataFile,
    GradeJob,
    Outcome,
    PrepareJob,
    PrepareReport,
    Verdict,
    dump_message,
    durations_key,
    parse_message,
    route_of,
)
from graders.queues import send_answer
from tests.eventually import eventually

Function = Callable[[str], None]


def make_job(attempt: int = 1) -> GradeJob:
    return GradeJob(str(uuid4()), attempt, "iris", "v", "d", "p", "file:///x", DataFile("p.csv", 1, "0"))


def id_of(job: GradeJob | PrepareJob) -> str:
    return route_of(job).job_id


def scored(job: GradeJob) -> Verdict:
    return Verdict(job.submission_id, job.attempt, Outcome.SCORED)


@pytest.fixture
def queues(redis: Redis) -> Queues:
    return Queues(redis)


@contextmanager
def listening(queues: Queues, functions: dict[str, Function], **options: Any) -> Iterator[threading.Event]:
    """Listen in a thread until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=queues.listen, args=(functions, stop), kwargs=options)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def enqueue(redis: Redis, function: str, *args: Any, **options: Any) -> Job:
    queue = Queue(QUEUE_VERDICTS, connection=redis, serializer=JSONSerializer)
    return queue.enqueue_call(function, args=args, **options)


def start(redis: Redis, job: GradeJob | PrepareJob, queue: str, worker: str = "gone") -> None:
    """Make Redis look as it does while a worker runs a job, or after it vanished."""
    redis.lrem(f"rq:queue:{queue}", 0, id_of(job))
    redis.hset(f"rq:job:{id_of(job)}", mapping={"status": "started", "worker_name": worker})
    redis.zadd(f"rq:wip:{queue}", {f"{id_of(job)}:{uuid4().hex}": time.time() + 9999})


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_nothing_but_the_named_functions_is_called(queues: Queues, redis: Redis, tmp_path: Path):
    proof = tmp_path / "proof"
    heard: list[str] = []
    touch = f"touch {proof}"
    callback: dict[str, Any] = {name: Callback("os.system") for name in ("on_success", "on_failure", "on_stopped")}
    refused = [
        enqueue(redis, "os.system", touch),
        enqueue(redis, touch, touch, **callback),
        enqueue(redis, "arena.scribe.main", touch),
        enqueue(redis, FUNCTION_RECORD_VERDICT, "a", "b"),
        enqueue(redis, FUNCTION_RECORD_VERDICT, {"a": 1}),
        enqueue(redis, FUNCTION_RECORD_VERDICT, "a", kwargs={"x": 1}),
    ]
    bomb = pickle.dumps(Bomb(proof))
    redis.hset(refused[0].key, mapping={"data": zlib.compress(bomb), "meta": bomb, "result": bomb})
    redis.rpush("rq:queue:verdicts", "nobody", b"../../etc", b"\xff")
    allowed = enqueue(redis, FUNCTION_RECORD_VERDICT, "fine", **callback)
    with listening(queues, {FUNCTION_RECORD_VERDICT: heard.append}):
        eventually(lambda: redis.hget(allowed.key, "status") == b"finished")
    assert heard == ["fine"]
    assert [redis.hget(job.key, "status") for job in refused] == [b"failed"] * len(refused)
    assert not proof.exists()


def test_sending_twice_does_it_once(queues: Queues):
    first, second = make_job(), make_job()
    assert [queues.send(QUEUE_GRADE_CPU, job) for job in (first, second, first)] == [True, True, False]
    assert queues.lengths() == {"grade-cpu": 2, "grade-gpu": 0, "prepare": 0, "verdicts": 0}
    assert (queues.position(QUEUE_GRADE_CPU, id_of(first)), queues.position(QUEUE_GRADE_CPU, id_of(second))) == (1, 2)
    assert queues.position(QUEUE_GRADE_GPU, id_of(first)) is None
    assert queues.send(QUEUE_GRADE_CPU, replace(first, attempt=2))


def test_a_job_in_redis_holds_its_message_as_json_and_says_nothing_in_its_description(queues: Queues, redis: Redis):
    job = make_job()
    queues.send(QUEUE_GRADE_CPU, job)
    stored = Job.fetch(id_of(job), connection=redis, serializer=JSONSerializer)
    assert parse_message(GradeJob, stored.args[0]) == job
    assert stored.description == id_of(job)


def test_states(queues: Queues, redis: Redis):
    job = make_job()
    assert queues.find_state(id_of(job)) is None
    queues.send(QUEUE_GRADE_CPU, job)
    assert queues.find_state(id_of(job)) is JobState.QUEUED
    redis.hset("rq:worker:anna", "birth", "now")
    start(redis, job, QUEUE_GRADE_CPU, "anna")
    assert queues.find_state(id_of(job)) is JobState.RUNNING
    redis.delete("rq:worker:anna")
    assert queues.find_state(id_of(job)) is JobState.LOST
    for status, state in (("finished", JobState.DONE), ("failed", JobState.FAILED), ("stopped", JobState.FAILED)):
        redis.hset(f"rq:job:{id_of(job)}", "status", status)
        assert queues.find_state(id_of(job)) is state


def test_a_job_that_just_left_the_queue_is_not_lost_yet(queues: Queues, redis: Redis):
    job = make_job()
    queues.send(QUEUE_GRADE_CPU, job)
    redis.lpop("rq:queue:grade-cpu")
    assert queues.find_state(id_of(job)) is JobState.RUNNING
    assert not queues.send(QUEUE_GRADE_CPU, job)
    redis.hset(f"rq:job:{id_of(job)}", "enqueued_at", "2020-01-01T00:00:00.000000Z")
    assert queues.find_state(id_of(job)) is JobState.LOST
    assert queues.send(QUEUE_GRADE_CPU, job)
    assert queues.find_state(id_of(job)) is JobState.QUEUED


@pytest.mark.parametrize("status", ["finished", "failed", "started"])
def test_a_job_without_an_answer_is_done_again(queues: Queues, redis: Redis, status: str):
    job = make_job()
    queues.send(QUEUE_GRADE_CPU, job)
    start(redis, job, QUEUE_GRADE_CPU)
    redis.hset(f"rq:job:{id_of(job)}", "status", status)
    assert queues.send(QUEUE_GRADE_CPU, job)
    assert queues.lengths()["grade-cpu"] == 1


def test_a_job_whose_answer_waits_is_left_alone(queues: Queues, redis: Redis):
    job = make_job()
    queues.send(QUEUE_GRADE_CPU, job)
    start(redis, job, QUEUE_GRADE_CPU)
    assert send_answer(redis, scored(job))
    assert not queues.send(QUEUE_GRADE_CPU, job)
    assert not send_answer(redis, scored(job))
    assert queues.lengths() == {"grade-cpu": 0, "grade-gpu": 0, "prepare": 0, "verdicts": 1}


def test_an_answer_that_could_not_be_recorded_is_tried_again_when_its_job_is_sent_again(queues: Queues, redis: Redis):
    job, heard = make_job(), []
    queues.send(QUEUE_GRADE_CPU, job)
    start(redis, job, QUEUE_GRADE_CPU)
    send_answer(redis, scored(job))

    def refuse_once(text: str) -> None:
        heard.append(text)
        if len(heard) == 1:
            raise ValueError("a bug")

    with listening(queues, {FUNCTION_RECORD_VERDICT: refuse_once}):
        eventually(lambda: queues.find_state(route_of(job).answer_id) is JobState.FAILED)
        assert queues.send(QUEUE_GRADE_CPU, job)
        eventually(lambda: queues.find_state(route_of(job).answer_id) is None)
    assert [parse_message(Verdict, text) for text in heard] == [scored(job)] * 2
    assert queues.lengths()["grade-cpu"] == 0


def test_the_jobs_of_vanished_graders_go_back_and_in_the_end_fail(queues: Queues, redis: Redis):
    job = make_job()
    asked = PrepareJob(str(uuid4()), "iris", "v", "offline", "p")
    queues.send(QUEUE_GRADE_CPU, job)
    queues.send(QUEUE_PREPARE, asked)
    for _ in range(2):
        start(redis, job, QUEUE_GRADE_CPU)
        start(redis, asked, QUEUE_PREPARE)
        assert queues.recover() == 2
        assert queues.recover() == 0
        assert queues.lengths() == {"grade-cpu": 1, "grade-gpu": 0, "prepare": 1, "verdicts": 0}
    start(redis, job, QUEUE_GRADE_CPU)
    start(redis, asked, QUEUE_PREPARE)
    assert queues.recover() == 2
    verdicts: list[str] = []
    reports: list[str] = []
    with listening(queues, {FUNCTION_RECORD_VERDICT: verdicts.append, FUNCTION_RECORD_REPORT: reports.append}):
        eventually(lambda: verdicts and reports)
    verdict = parse_message(Verdict, verdicts[0])
    report = parse_message(PrepareReport, reports[0])
    assert (verdict.submission_id, verdict.outcome) == (job.submission_id, Outcome.FAILED)
    assert "vanished 3 times" in (verdict.trace or "")
    assert (report.dataset_id, report.ready) == (asked.dataset_id, False)
    assert queues.lengths() == {"grade-cpu": 0, "grade-gpu": 0, "prepare": 0, "verdicts": 0}


def test_the_jobs_of_living_graders_are_not_touched(queues: Queues, redis: Redis):
    job = make_job()
    queues.send(QUEUE_GRADE_CPU, job)
    redis.hset("rq:worker:anna", "birth", "now")
    start(redis, job, QUEUE_GRADE_CPU, "anna")
    assert queues.recover() == 0
    assert queues.find_state(id_of(job)) is JobState.RUNNING


def test_the_expected_wait_follows_recent_durations_the_place_and_the_graders(queues: Queues, redis: Redis):
    assert queues.expected_wait(QUEUE_GRADE_CPU) is None
    for name in ("anna", "bert"):
        fields: dict[Any, Any] = {
            "birth": "2026-05-04T12:00:00.000000Z",
            "queues": "grade-cpu,prepare",
            "state": "idle",
        }
        redis.hset(f"rq:worker:{name}", mapping=fields)
        redis.sadd("rq:workers", f"rq:worker:{name}")
    redis.sadd("rq:workers", "rq:worker:long_dead")
    assert [grader.name for grader in queues.graders()] == ["anna", "bert"]
    assert queues.expected_wait(QUEUE_GRADE_CPU) == 1.0
    redis.rpush(durations_key(QUEUE_GRADE_CPU), "2.0", "4.0")
    assert queues.expected_wait(QUEUE_GRADE_CPU, 1) == 3.0
    assert queues.expected_wait(QUEUE_GRADE_CPU, 10) == 15.0
    assert queues.expected_wait(QUEUE_GRADE_GPU) is None


def test_what_passes_is_waited_for_and_an_end_hands_the_job_back(queues: Queues, redis: Redis):
    job, tries = make_job(), []

    def away(text: str) -> None:
        tries.append(text)
        raise ConnectionRefusedError

    send_answer(redis, scored(job))
    functions: dict[str, Function] = {FUNCTION_RECORD_VERDICT: away}
    with listening(queues, functions, transient=(ConnectionRefusedError,)):
        eventually(lambda: len(tries) >= 3)
    assert queues.find_state(route_of(job).answer_id) is JobState.QUEUED
    heard: list[str] = []
    with listening(queues, {FUNCTION_RECORD_VERDICT: heard.append}):
        eventually(lambda: len(heard) == 1)
    assert heard[0] == dump_message(scored(job))


def test_a_listener_survives_a_lost_connection_and_an_emptied_redis(queues: Queues, redis: Redis, redis_url: str):
    heard: list[str] = []
    with listening(queues, {FUNCTION_RECORD_VERDICT: heard.append}), Redis.from_url(redis_url) as other:
        eventually(lambda: redis.scard("rq:workers") == 1)
        other.flushall()
        other.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        send_answer(other, scored(make_job()))
        eventually(lambda: len(heard) == 1)
    assert not redis.scard("rq:workers")


def test_finished_jobs_do_not_pile_up(queues: Queues, redis: Redis):
    heard: list[str] = []
    with listening(queues, {FUNCTION_RECORD_VERDICT: heard.append}):
        for _ in range(20):
            send_answer(redis, scored(make_job()))
        eventually(lambda: len(heard) == 20)
        eventually(lambda: not list(redis.scan_iter("rq:job:*")))
        eventually(lambda: not list(redis.scan_iter("rq:execution*")))
    assert not list(redis.scan_iter("rq:results:*"))


def test_all_waiting_jobs_are_found_in_one_look(queues: Queues, redis: Redis):
    jobs = [make_job() for _ in range(30)]
    for number, job in enumerate(jobs):
        queues.send((QUEUE_GRADE_CPU, QUEUE_GRADE_GPU)[number % 2], job)
    before = redis.info("commandstats")["cmdstat_lrange"]["calls"] if redis.lrange("x", 0, 0) == [] else 0
    assert queues.waiting() == {id_of(job) for job in jobs}
    assert redis.info("commandstats")["cmdstat_lrange"]["calls"] - before == 4
