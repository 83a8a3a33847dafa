"""What a guest answers is read once for all kinds: a refusal has its reasons, and what cannot be honest is a crash."""

from __future__ import annotations

import pytest

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.manifest import Limits
from graders.boxing import SandboxFailed, read_answer
from graders.faults import dump_refusal
from graders.sandbox import End, Outcome
from graders.sandbox.frames import BrokenFrame, Frame

LIMITS = Limits()
FAULT = Fault(Reason.EMPTY_CELL, {"row": 3, "column": "size"})


def answer(*notes: dict[str, object], end: End = End.DONE) -> Outcome:
    return Outcome(end, [Frame(note) for note in notes])


def reasons(outcome: Outcome, error: Exception | None = None) -> list[Reason]:
    def load(frame: Frame) -> Frame:
        if error is not None:
            raise error
        return frame

    with pytest.raises(InvalidSubmission) as refusal:
        read_answer(outcome, LIMITS, load)
    return [fault.reason for fault in refusal.value.faults]


def test_what_was_found_is_loaded():
    assert read_answer(answer({"rows": 4}), LIMITS, lambda frame: frame.note["rows"]) == 4


def test_a_refusal_keeps_its_faults_and_their_number():
    with pytest.raises(InvalidSubmission) as refusal:
        read_answer(answer(dump_refusal(InvalidSubmission([FAULT], 70))), LIMITS, lambda frame: frame)
    assert refusal.value.faults == [FAULT]
    assert refusal.value.count == 70


@pytest.mark.parametrize(
    "note",
    [
        {"is_refused": True},
        {"is_refused": True, "faults": [], "count": 0},
        {"is_refused": True, "faults": [{"reason": "no such reason", "facts": {}}], "count": 1},
        {"is_refused": True, "faults": [{"reason": "empty_cell", "facts": {}}], "count": 1},
    ],
)
def test_a_refusal_without_a_reason_or_of_another_form_is_a_crash(note: dict[str, object]):
    assert reasons(answer(note)) == [Reason.CRASHED]


@pytest.mark.parametrize("error", [BrokenFrame("codes that are no labels"), ValueError("no list of faults")])
def test_what_cannot_be_honest_is_a_crash(error: Exception):
    assert reasons(answer({}), error) == [Reason.CRASHED]


@pytest.mark.parametrize("outcome", [answer(), answer({}, {}), answer({}, end=End.CRASHED)])
def test_another_number_of_frames_or_a_crash_is_one(outcome: Outcome):
    assert reasons(outcome) == [Reason.CRASHED]


def test_a_lock_that_did_not_close_is_ours():
    with pytest.raises(SandboxFailed):
        read_answer(answer(end=End.SANDBOX_ERROR), LIMITS, lambda frame: frame)
