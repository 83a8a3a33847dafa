"""The two functions of a grader, called directly: limits inside the process, and answers that JSON cannot hold."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from challenges.errors import InvalidMessage
from challenges.messages import GradeJob, Outcome, PrepareReport, Scores, Verdict, dump_message
from graders import grading
from graders.boxing import Box
from graders.jobs import Desk
from graders.limits import OutOfTime, forget_peak, read_peak, read_resident, time_limit
from graders.loading import LoadedChallenge
from graders.preparing import prepare
from graders.watching import Reporter, Watched
from tests.graders.runtime.installation import Installation
from tests.sandboxing import shared_box, shared_sandbox

Judge = Callable[[GradeJob, Path, LoadedChallenge, Box, str], Verdict]
GRADE, PREPARE = "graders.jobs.grade", "graders.jobs.prepare"


@pytest.fixture
def desk(place: Installation) -> Iterator[Desk]:
    shared_sandbox().warm("tables")  # a job's second is not for starting a server
    with Path(os.devnull).open("wb") as nowhere:
        yield Desk(place.settings, place.redis, Reporter(nowhere.fileno()), "tester", shared_box())


@pytest.fixture
def report(place: Installation) -> PrepareReport:
    return prepare(place.prepare_job(), place.settings)


def judged(place: Installation, desk: Desk, report: PrepareReport, judge: Judge) -> Verdict:
    job = place.grade_job(place.sample(), report)
    replace(desk, judge=judge).functions()[GRADE](dump_message(job))
    (verdict,) = place.answers()
    assert isinstance(verdict, Verdict)
    assert verdict.submission_id == job.submission_id
    return verdict


def never_ending(*_arguments: Any) -> Verdict:
    while True:
        try:
            time.sleep(0.01)
        except Exception:  # noqa: BLE001, S112 - code that swallows what it can must not swallow the end of its time
            continue


def test_grading_that_takes_too_long_is_rejected_with_its_limit(place: Installation, desk: Desk, report: PrepareReport):
    began = time.monotonic()
    verdict = judged(place, desk, report, never_ending)
    assert time.monotonic() - began < 5
    assert (verdict.outcome, verdict.faults[0].reason) == (Outcome.REJECTED, "timed_out")
    assert verdict.faults[0].facts == {"limit_seconds": 1}
    assert verdict.provenance is not None
    assert verdict.provenance.grader == "tester"


def test_memory_that_cannot_be_had_is_rejected_with_its_limit(place: Installation, desk: Desk, report: PrepareReport):
    def greedy(*_arguments: Any) -> Verdict:
        raise MemoryError

    verdict = judged(place, desk, report, greedy)
    assert (verdict.outcome, verdict.faults[0].reason) == (Outcome.REJECTED, "out_of_memory")
    assert verdict.faults[0].facts == {"limit_bytes": 300_000_000}


def test_a_score_that_json_cannot_hold_is_a_failure(place: Installation, desk: Desk, report: PrepareReport):
    def broken(job: GradeJob, path: Path, challenge: LoadedChallenge, box: Box, grader: str) -> Verdict:
        return replace(grading.grade(job, path, challenge, box, grader), public=Scores(float("nan")))

    verdict = judged(place, desk, report, broken)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.public is None
    assert "ValueError" in (verdict.trace or "")


def test_an_error_of_ours_is_told_with_its_trace_and_without_faults(
    place: Installation, desk: Desk, report: PrepareReport
):
    def faulty(*_arguments: Any) -> Verdict:
        raise KeyError("answers")

    verdict = judged(place, desk, report, faulty)
    assert verdict.outcome is Outcome.FAILED
    assert "KeyError: 'answers'" in (verdict.trace or "")
    assert not verdict.faults


@pytest.mark.parametrize("name", [GRADE, PREPARE])
@pytest.mark.parametrize("text", ["", "{}", "[]", '{"protocol": 2}', '{"protocol": 1, "x": 1}'])
def test_a_message_that_is_none_is_refused(desk: Desk, name: str, text: str):
    with pytest.raises(InvalidMessage):
        desk.functions()[name](text)


def test_nothing_is_left_in_the_temporary_folder(place: Installation, desk: Desk, report: PrepareReport):
    ours = f"arena-grade-{os.getpid()}-*"
    found: list[Path] = []

    def watched(job: GradeJob, path: Path, challenge: LoadedChallenge, box: Box, grader: str) -> Verdict:
        found.extend(Path(tempfile.gettempdir()).glob(ours))
        return grading.grade(job, path, challenge, box, grader)

    judged(place, desk, report, watched)
    assert len(found) == 1
    assert not found[0].exists()


def test_a_time_limit_rings_once_and_not_afterwards():
    with pytest.raises(OutOfTime), time_limit(0.05):
        time.sleep(1)
    with time_limit(0.05):
        pass
    time.sleep(0.1)


def test_the_peak_of_one_job_is_not_that_of_the_one_before():
    forget_peak()
    eaten = bytearray(100_000_000)
    eaten[::4096] = b"x" * len(eaten[::4096])
    high = read_peak()
    del eaten
    forget_peak()
    assert read_peak() < high - 50_000_000
    assert 0 < (read_resident(os.getpid()) or 0) <= high
    assert read_resident(2**22 + 1) is None


def test_what_a_grader_says_arrives_in_pieces_and_whole():
    read, write = os.pipe()
    reporter = Reporter(write)
    reporter.born("anna")
    reporter.limited(2, 3, is_participants=True)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    watched = Watched()
    for number in range(len(said)):
        watched.feed(said[number : number + 1])
    assert watched.name == "anna"
    assert (watched.allowance.seconds, watched.allowance.memory_bytes, watched.allowance.is_participants) == (
        2,
        3,
        True,
    )


LOG_AN_ERROR = """
import sys, structlog
from {module} import set_up_logs

set_up_logs({log_format!r})
try:
    answers = "-".join(["hidden", "row"])
    raise KeyError("broken")
except KeyError:
    structlog.get_logger("x").exception("grading failed")
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.parametrize("module", ["graders.worker", "arena.logs"])
def test_a_logged_error_shows_its_trace_and_no_variable(module: str, log_format: str):
    code = LOG_AN_ERROR.format(module=module, log_format=log_format)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "KeyError: 'broken'" in said.stderr
    assert "hidden-row" not in said.stderr + said.stdout
