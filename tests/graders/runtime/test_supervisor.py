"""What becomes of a job whose grader dies, hangs, eats the memory or is told to stop; all with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from arena.embedded import start_redis
from arena.queues import JobState, Queues, connect
from challenges.errors import Reason
from challenges.messages import (
    FUNCTION_RECORD_VERDICT,
    QUEUE_GRADE_CPU,
    DataFile,
    GradeJob,
    Outcome,
    Verdict,
    grade_job_id,
    parse_message,
)
from graders.supervisor import Grader, Supervisor
from tests.graders.runtime.installation import Installation, children_of, is_alive, kill_child, wait_for

Process = subprocess.Popen[bytes]


def odd_job(slug: str, attempt: int = 1) -> GradeJob:
    return GradeJob(uuid4().hex, attempt, slug, "v", "d", "p", "file:///nowhere", DataFile("p.csv", 1, "0"))


def send(place: Installation, slug: str, attempt: int = 1) -> GradeJob:
    job = odd_job(slug, attempt)
    assert Queues(place.redis).send(QUEUE_GRADE_CPU, job)
    return job


def verdicts_of(place: Installation, count: int) -> dict[str, Verdict]:
    answers = place.wait_for_answers(count, 40)
    found = {answer.submission_id: answer for answer in answers if isinstance(answer, Verdict)}
    assert len(found) == count
    return found


@pytest.fixture
def supervisor(place: Installation) -> Iterator[Process]:
    with place.running("-m", "tests.graders.runtime.odd_supervisor") as process:
        wait_for(place.workers)
        yield process
    if process.returncode == 0:
        assert not list(place.temporary.iterdir())


def test_a_job_that_takes_its_grader_along_is_answered_and_the_next_one_is_done(
    place: Installation, supervisor: Process
):
    jobs = {slug: send(place, slug) for slug in ("die", "exit", "raise", "fine")}
    found = verdicts_of(place, 3)
    assert found[jobs["die"].submission_id].outcome is Outcome.FAILED
    assert found[jobs["die"].submission_id].trace == "grader died: signal 9 (SIGKILL)"
    assert found[jobs["exit"].submission_id].trace == "grader died: exit code 7"
    assert found[jobs["fine"].submission_id].outcome is Outcome.SCORED
    assert jobs["raise"].submission_id not in found  # no answer: the sweep sends it again
    states = {slug: Queues(place.redis).find_state(grade_job_id(job.submission_id, 1)) for slug, job in jobs.items()}
    assert states["raise"] is JobState.FAILED
    wait_for(lambda: len(Queues(place.redis).graders()) == 1)
    assert supervisor.poll() is None


def test_a_killed_grader_is_answered_for_at_once(place: Installation, supervisor: Process):
    job = send(place, "long")
    wait_for(lambda: Queues(place.redis).find_state(grade_job_id(job.submission_id, 1)) is JobState.RUNNING)
    wait_for(lambda: place.redis.exists("been_here"))
    began = time.monotonic()
    kill_child(supervisor)
    assert verdicts_of(place, 1)[job.submission_id].trace == "grader died: signal 9 (SIGKILL)"
    assert time.monotonic() - began < 2


def test_a_verdict_that_was_sent_before_the_end_is_the_one_that_counts(place: Installation, supervisor: Process):
    job = send(place, "die_late")
    wait_for(lambda: len(Queues(place.redis).graders()) == 1 and "a grader ended" in place.log())
    assert verdicts_of(place, 1)[job.submission_id].outcome is Outcome.SCORED
    assert supervisor.poll() is None


def test_what_takes_too_long_or_too_much_is_the_participants_fault(place: Installation, supervisor: Process):
    spin, eat, fine = send(place, "spin"), send(place, "eat"), send(place, "fine")
    found = verdicts_of(place, 3)
    for job, reason, facts in (
        (spin, "timed_out", {"limit_seconds": 0.3}),
        (eat, "out_of_memory", {"limit_bytes": 100_000_000}),
    ):
        verdict = found[job.submission_id]
        assert (verdict.outcome, verdict.faults[0].reason) == (Outcome.REJECTED, reason)
        assert verdict.faults[0].facts == facts
        assert verdict.trace is None
    assert found[fine.submission_id].outcome is Outcome.SCORED
    assert supervisor.poll() is None


@pytest.mark.parametrize(("reason", "failures"), [(None, 1), (Reason.OUT_OF_MEMORY, 0), (Reason.TIMED_OUT, 0)])
def test_a_grader_that_was_stopped_for_a_file_comes_back_without_a_pause(
    place: Installation, reason: Reason | None, failures: int
):
    supervisor = Supervisor(place.redis, [], stop_seconds=1)
    with subprocess.Popen(["sleep", "60"]) as process:
        grader = Grader(process, -1, place.temporary, reason=reason)
        process.kill()
    supervisor._pause(grader)
    assert supervisor._failures == failures


def test_what_hangs_before_grading_is_ours(place: Installation, supervisor: Process):
    job = send(place, "slow_load")
    verdict = verdicts_of(place, 1)[job.submission_id]
    assert verdict.outcome is Outcome.FAILED
    assert "more than 0.3 s" in (verdict.trace or "")
    assert supervisor.poll() is None


def test_sigterm_lets_the_job_in_hand_end(place: Installation, supervisor: Process):
    job, waiting = send(place, "short"), send(place, "fine")
    wait_for(lambda: Queues(place.redis).find_state(grade_job_id(job.submission_id, 1)) is JobState.RUNNING)
    supervisor.terminate()
    assert supervisor.wait(10) == 0
    assert list(verdicts_of(place, 1)) == [job.submission_id]
    assert Queues(place.redis).position(QUEUE_GRADE_CPU, grade_job_id(waiting.submission_id, 1)) == 1
    assert not place.workers()


@pytest.mark.parametrize("signals", [1, 2])
def test_a_job_that_outlasts_the_grace_goes_back_and_is_done_by_the_next_grader(
    place: Installation, supervisor: Process, signals: int
):
    job = send(place, "long")
    send(place, "fine")
    wait_for(lambda: place.redis.exists("been_here"))
    child = children_of(supervisor.pid)[0]
    for _ in range(signals):
        supervisor.terminate()
        time.sleep(0.1)
    assert supervisor.wait(10) == 0
    assert not is_alive(child)
    assert not place.answers()
    assert Queues(place.redis).position(QUEUE_GRADE_CPU, grade_job_id(job.submission_id, 1)) == 1
    with place.running("-m", "tests.graders.runtime.odd_supervisor"):
        assert verdicts_of(place, 2)[job.submission_id].outcome is Outcome.SCORED


def test_a_grader_ends_with_its_supervisor(place: Installation, supervisor: Process):
    child = children_of(supervisor.pid)[0]
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(child), 10)
    assert not place.workers()


def test_a_grader_that_lost_redis_comes_back(place: Installation, supervisor: Process):
    place.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    job = send(place, "fine")
    assert verdicts_of(place, 1)[job.submission_id].outcome is Outcome.SCORED
    assert supervisor.poll() is None


def test_graders_and_listeners_wait_for_a_redis_that_restarts(place: Installation):
    folder = place.root / "redis"
    server = start_redis(folder)
    place.settings = place.settings.model_copy(update={"redis_url": server.url})
    heard: list[str] = []
    stop = threading.Event()
    try:
        with connect(server.url) as client:
            place.redis = client
            queues = Queues(client)
            listener = threading.Thread(target=queues.listen, args=({FUNCTION_RECORD_VERDICT: heard.append}, stop))
            listener.start()
            with place.running("-m", "tests.graders.runtime.odd_supervisor") as supervisor:
                wait_for(lambda: len(place.workers()) == 2)
                child = children_of(supervisor.pid)
                server.stop()
                time.sleep(4)  # longer than any one command is tried again
                server = start_redis(folder)
                job = send(place, "fine")
                wait_for(lambda: heard)
                assert parse_message(Verdict, heard[0]).submission_id == job.submission_id
                assert children_of(supervisor.pid) == child  # the same process, still warm
            stop.set()
            listener.join(10)
            assert not listener.is_alive()
    finally:
        stop.set()
        server.stop()
