"""The grader's real program on a real queue: what it refuses, what it does, and what the web sees of it."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rq import Callback, Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from arena.queues import JobState, Queues
from challenges.messages import (
    FUNCTION_GRADE,
    QUEUE_GRADE_CPU,
    QUEUE_PREPARE,
    Outcome,
    PrepareReport,
    Verdict,
    dump_message,
    grade_job_id,
    prepare_job_id,
)
from graders.preparing import prepare
from tests.graders.runtime.installation import PREPARE, Installation, children_of, is_alive, wait_for


@pytest.fixture
def grader(place: Installation) -> Iterator[subprocess.Popen[bytes]]:
    with place.running() as process:
        wait_for(place.workers, 60)
        yield process
    assert not list(place.temporary.iterdir())


def enqueue(place: Installation, function: str, *args: Any, queue: str = QUEUE_GRADE_CPU, **options: Any) -> Job:
    return Queue(queue, connection=place.redis, serializer=JSONSerializer).enqueue_call(function, args=args, **options)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_nothing_but_the_two_functions_is_ever_called(place: Installation, grader: subprocess.Popen[bytes]):
    proof = place.root / "proof"
    touch = f"touch {proof}"
    callback: dict[str, Any] = {name: Callback("os.system") for name in ("on_success", "on_failure", "on_stopped")}
    good = dump_message(place.prepare_job())
    refused = [
        enqueue(place, "os.system", touch),
        enqueue(place, "subprocess.run", ["touch", str(proof)]),
        enqueue(place, "graders.jobs.Desk.functions", touch),
        enqueue(place, touch, touch, **callback),
        enqueue(place, FUNCTION_GRADE, good, kwargs={"text": touch}),
        enqueue(place, FUNCTION_GRADE, good, good),
        enqueue(place, FUNCTION_GRADE, {"text": touch}),
        enqueue(place, FUNCTION_GRADE, touch),
        enqueue(place, FUNCTION_GRADE, good),
    ]
    pickled = Queue(QUEUE_GRADE_CPU, connection=place.redis).enqueue_call(
        "os.system", args=(touch,), meta={"bomb": Bomb(proof)}
    )
    bomb = pickle.dumps(Bomb(proof))
    place.redis.hset(pickled.key, mapping={"data": zlib.compress(bomb), "result": bomb, "meta": bomb})
    place.redis.rpush("rq:queue:grade-cpu", "no-such-job", b"../../etc")
    place.redis.hset("rq:job:half", mapping={"status": "queued"})
    place.redis.rpush("rq:queue:grade-cpu", "half")
    last = enqueue(place, "os.system", touch, on_failure=Callback("os.system"))
    for job in (*refused, pickled, last):
        key = job.key
        wait_for(lambda key=key: place.redis.hget(key, "status") == b"failed")  # type: ignore[misc]
    assert not proof.exists()
    assert not place.answers()
    assert grader.poll() is None


@pytest.mark.usefixtures("grader")
def test_data_is_prepared_submissions_are_graded_and_their_costs_are_told(place: Installation):
    queues = Queues(place.redis)
    asked = place.prepare_job()
    assert queues.send(QUEUE_PREPARE, asked)
    report = place.wait_for_answers(1)[0]
    assert isinstance(report, PrepareReport)
    assert report.ready, report.trace
    assert queues.find_progress(prepare_job_id(asked.dataset_id)) == {"step": "done", "share": 1.0}
    good = place.grade_job(place.sample(), report)
    bad = place.grade_job(b"id,kind\nx,bean\n", report)
    lost = place.grade_job(b"id", report, url="file:///etc/passwd")
    for job in (good, bad, lost):
        assert queues.send(QUEUE_GRADE_CPU, job)
        assert not queues.send(QUEUE_GRADE_CPU, job)
    verdicts = {v.submission_id: v for v in place.wait_for_answers(4)[1:] if isinstance(v, Verdict)}
    scored = verdicts[good.submission_id]
    assert scored.outcome is Outcome.SCORED, scored.trace
    assert scored.public is not None
    assert scored.private is not None
    assert scored.public.rows + scored.private.rows == 40
    assert scored.provenance is not None
    assert scored.provenance.seconds > 0
    assert scored.provenance.peak_memory_bytes > 10_000_000
    assert scored.provenance.dataset_digest == report.digest
    assert verdicts[bad.submission_id].outcome is Outcome.REJECTED
    assert verdicts[lost.submission_id].outcome is Outcome.FAILED
    assert "is no file below" in (verdicts[lost.submission_id].trace or "")
    wait_for(lambda: queues.find_state(grade_job_id(good.submission_id, 1)) is JobState.DONE)
    assert 0 < place.redis.ttl(f"rq:job:{grade_job_id(good.submission_id, 1)}") <= 600
    expected = queues.expected_wait(QUEUE_GRADE_CPU)
    assert expected is not None
    assert 0 < expected < 5
    told = [line for line in place.log().splitlines() if "graded" in line]
    assert len(told) == 3
    score = rf"(?<![\d.]){re.escape(str(scored.public.score))}(?!\d)"
    assert not any(re.search(score, line) or "score=" in line for line in told)


def test_the_web_sees_who_grades(place: Installation, grader: subprocess.Popen[bytes]):
    info = wait_for(Queues(place.redis).graders)[0]
    assert (info.queues, info.state, info.job_id, info.device, info.done) == (
        ["grade-cpu", "prepare"],
        "idle",
        None,
        "cpu",
        0,
    )
    assert info.version
    assert 0 < place.redis.ttl(f"rq:worker:{info.name}") <= 30
    grader.terminate()
    assert grader.wait(10) == 0
    assert not Queues(place.redis).graders()
    assert Queues(place.redis).expected_wait(QUEUE_GRADE_CPU) is None


def test_a_preparation_that_kills_its_grader_is_reported(place: Installation, grader: subprocess.Popen[bytes]):
    place.write_package(prepare=PREPARE + "    import os; os.kill(os.getpid(), 9)\n")
    place.write_package("peas", prepare=PREPARE + "    raise RuntimeError('no peas')\n")
    for slug in ("sprouts", "peas"):
        assert Queues(place.redis).send(QUEUE_PREPARE, place.prepare_job(slug))
    reports = [r for r in place.wait_for_answers(2, 60) if isinstance(r, PrepareReport)]
    assert [r.ready for r in reports] == [False, False]
    assert reports[0].trace == "grader died: signal 9 (SIGKILL)"
    assert "no peas" in (reports[1].trace or "")
    assert not list(place.blobs.rglob("*"))
    assert grader.poll() is None


@pytest.mark.usefixtures("grader")
def test_one_score_comes_of_a_job_that_two_graders_were_given(place: Installation):
    report = prepare(place.prepare_job(), place.settings)
    job = place.grade_job(place.sample(), report)
    key = f"rq:job:{grade_job_id(job.submission_id, 1)}"
    assert Queues(place.redis).send(QUEUE_GRADE_CPU, job)
    wait_for(lambda: place.redis.hget(key, "status") == b"finished")
    place.redis.rpush("rq:queue:grade-cpu", grade_job_id(job.submission_id, 1))
    wait_for(lambda: Queues(place.redis).graders()[0].done == 2)
    assert len(place.answers()) == 1


@pytest.mark.usefixtures("grader")
def test_a_job_of_other_data_fails_and_tells_nobody_but_the_operator(place: Installation):
    report = prepare(place.prepare_job(), place.settings)
    job = place.grade_job(place.sample(), replace(report, digest="0" * 64))
    assert Queues(place.redis).send(QUEUE_GRADE_CPU, job)
    verdict = place.wait_for_answers(1)[0]
    assert isinstance(verdict, Verdict)
    assert verdict.outcome is Outcome.FAILED
    assert "WrongData" in (verdict.trace or "")
    assert not verdict.faults


def test_the_supervisor_imports_nothing_that_grades():
    heavy = ("numpy", "polars", "torch", "sklearn", "httpx", "obstore")
    code = f"import graders.worker, sys; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_a_grader_without_its_supervisor_ends_and_leaves_no_file(place: Installation, grader: subprocess.Popen[bytes]):
    child = children_of(grader.pid)[0]
    grader.kill()
    wait_for(lambda: not is_alive(child))
    wait_for(lambda: not list(place.temporary.iterdir()))
