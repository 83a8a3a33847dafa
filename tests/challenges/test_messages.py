"""Messages between web and graders: JSON, complete, and refused when they are anything else."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from challenges.errors import InvalidMessage
from challenges.messages import (
    FUNCTION_GRADE,
    FUNCTION_PREPARE,
    FUNCTION_RECORD_REPORT,
    FUNCTION_RECORD_VERDICT,
    PROTOCOL,
    DataFile,
    GradeJob,
    Outcome,
    PrepareJob,
    PrepareReport,
    Provenance,
    Scores,
    Verdict,
    WireFault,
    dump_message,
    durations_key,
    failure_of,
    grade_job_id,
    parse_job,
    parse_message,
    prepare_job_id,
    route_of,
)

FILE = DataFile("predictions.csv", 12, "a" * 64)
JOB = GradeJob("s1", 2, "iris", "offline-v1-1", "b" * 64, "c" * 64, "file:///x", FILE)
MESSAGES = [
    JOB,
    Verdict(
        "s1",
        2,
        Outcome.SCORED,
        public=Scores(0.9, 0.01, {"macro_f1": 0.8}, 30),
        private=Scores(0.8),
        diagnostics=[{"kind": "confusion", "title": {"en": "x", "zh": "某"}, "matrix": [[1, 2]]}],
        provenance=Provenance("g", "0.1", "b" * 64, "c" * 64),
    ),
    Verdict("s1", 1, Outcome.REJECTED, faults=[WireFault("not_utf8", {"position": 3})], fault_count=1),
    Verdict("s1", 1, Outcome.FAILED, trace="Traceback …"),
    PrepareJob("d1", "iris", "offline-v1-1", "offline", "c" * 64),
    PrepareReport("d1", "iris", ready=True, digest="d" * 64, files=[FILE], seconds=1.5),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_a_message_survives_the_wire(message: Any):
    text = dump_message(message)
    assert json.loads(text)["protocol"] == PROTOCOL
    assert parse_message(type(message), text) == message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"protocol": 0}, "protocol 0; this side speaks 1"),
        ({"protocol": None}, "protocol None"),
        ({"attempt": "2"}, "attempt must be int, not str"),
        ({"surprise": 1}, "surprise is not a known field"),
        ({"file": {"name": "x"}}, r"file\.size_bytes is missing"),
    ],
)
def test_a_changed_message_is_refused(change: dict[str, object], message: str):
    with pytest.raises(InvalidMessage, match=message):
        parse_message(GradeJob, json.dumps(json.loads(dump_message(JOB)) | change))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "NaN", '"job"', "\x80\x04."])
def test_what_is_no_message_is_refused(text: str):
    with pytest.raises(InvalidMessage):
        parse_message(GradeJob, text)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_scores_on_the_wire_are_finite(score: float):
    verdict = Verdict("s1", 1, Outcome.SCORED, public=Scores(score))
    with pytest.raises(ValueError, match="JSON compliant"):
        dump_message(verdict)
    text = dump_message(Verdict("s1", 1, Outcome.SCORED, public=Scores(0.5))).replace("0.5", str(score))
    with pytest.raises(InvalidMessage):
        parse_message(Verdict, text.replace("nan", "NaN").replace("inf", "Infinity"))


def test_job_ids_name_submission_and_attempt():
    assert grade_job_id("s1", 3) == "grade-s1-3"
    assert prepare_job_id("d1") == "prepare-d1"


PREPARE = PrepareJob("d1", "iris", "offline-v1-1", "offline", "c" * 64)


def test_a_job_and_its_answer_have_their_own_names():
    route = route_of(JOB)
    assert (route.function, route.job_id) == (FUNCTION_GRADE, "grade-s1-2")
    assert (route.answer_function, route.answer_id) == (FUNCTION_RECORD_VERDICT, "verdict-s1-2")
    route = route_of(PREPARE)
    assert (route.function, route.job_id) == (FUNCTION_PREPARE, "prepare-d1")
    assert (route.answer_function, route.answer_id) == (FUNCTION_RECORD_REPORT, "report-d1")
    assert durations_key("grade-cpu") == "arena:durations:grade-cpu"


def test_a_job_is_parsed_by_the_function_it_is_for():
    assert parse_job(FUNCTION_GRADE, dump_message(JOB)) == JOB
    assert parse_job(FUNCTION_PREPARE, dump_message(PREPARE)) == PREPARE
    with pytest.raises(InvalidMessage):
        parse_job(FUNCTION_PREPARE, dump_message(JOB))
    with pytest.raises(InvalidMessage, match=r"os\.system is not a grader's function"):
        parse_job("os.system", dump_message(JOB))


def test_a_failure_is_answered_in_the_kind_of_the_job():
    assert failure_of(JOB, "trace") == Verdict("s1", 2, Outcome.FAILED, trace="trace")
    assert failure_of(PREPARE, "trace") == PrepareReport("d1", "iris", ready=False, trace="trace")
