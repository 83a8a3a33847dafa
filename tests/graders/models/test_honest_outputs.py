"""What a grader believes of a guest: exactly the arrays that it asked for, and before them a few checked words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenges.errors import InvalidSubmission, Reason
from challenges.model import ModelSpec
from graders.boxing import SandboxFailed
from graders.kinds import Upload
from graders.models.inputs import load_inputs
from graders.models.likeness import agree
from graders.models.running import read_model
from graders.models.tried import parse_tried
from graders.sandbox import End, Outcome, Run
from graders.sandbox.frames import Frame
from graders.scoring import BrokenChallenge
from tests.graders.models.settings import CLASSES, ROWS, archive, image_challenge, images, text_challenge

COSTS = {"parameters": 1, "weight_bytes": 4.0, "macs": 1, "latency_ms": 1.0, "latency_ratio": 1.0}
MODEL: ModelSpec = image_challenge().manifest.model  # type: ignore[assignment]


class Forger:
    """A guest that was taken over: it sends whatever it likes."""

    def __init__(self, first: Frame, second: Callable[[int], Frame] | None, end: End = End.DONE) -> None:
        self.first, self.second, self.end = first, second, end
        self.streamed: Sequence[memoryview] | None = None

    def run(self, run: Run) -> Outcome:
        assert run.reply is not None
        self.streamed = run.reply(self.first)
        frames = [self.first]
        if self.streamed is not None and self.second is not None:
            frames.append(self.second(run.settings["rows"]))
        return Outcome(self.end, frames, stderr=b"hidden text of the guest")

    def close(self) -> None:
        """Nothing was started."""


def outputs(rows: int, **changes: Any) -> Frame:
    """What an honest guest answers, with some arrays replaced."""
    logits = np.zeros((rows, CLASSES), dtype=np.float32)
    return Frame({}, {"output": logits, "alone": logits[:16], **changes})


def refuse(forger: Forger, tmp_path: Path) -> Reason:
    path = tmp_path / "model"
    path.write_bytes(b"anything")
    with pytest.raises(InvalidSubmission) as refusal:
        read_model("onnx", Upload(path, "model.onnx"), image_challenge(), forger)
    assert "hidden text" not in str(refusal.value)
    return refusal.value.faults[0].reason


FORGED = {
    "another shape": lambda rows: outputs(rows, output=np.zeros((rows, CLASSES + 1), np.float32)),
    "fewer rows": lambda rows: outputs(rows - 1),
    "another type": lambda rows: outputs(rows, output=np.zeros((rows, CLASSES))),
    "no array": lambda _rows: Frame({}, {}),
    "rows that differ alone": lambda rows: outputs(rows, alone=np.eye(16, CLASSES, dtype=np.float32)),
    "not finite": lambda rows: outputs(rows, output=np.full((rows, CLASSES), np.nan, np.float32)),
    "words": lambda _rows: Frame({"is_refused": True, "faults": [{"reason": "malformed", "facts": {}}]}, {}),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_second_frame_is_exactly_what_was_asked_for(name: str, tmp_path: Path):
    others = {"not finite": Reason.OUTPUT_NOT_FINITE, "rows that differ alone": Reason.BATCH_DEPENDENT}
    found = refuse(Forger(Frame({"costs": COSTS}), FORGED[name]), tmp_path)
    assert found is others.get(name, Reason.CRASHED)


DEEP: dict[str, Any] = {"phrase": "nothing", "facts": {}}
for _ in range(6):
    DEEP = {"phrase": "both", "facts": {"first": DEEP, "second": "x"}}


def malformed(problem: Any) -> dict[str, Any]:
    fault = {"reason": "malformed", "facts": {"expected": "ONNX", "problem": problem}}
    return {"is_refused": True, "faults": [fault], "count": 1}


FIRST: dict[str, dict[str, Any]] = {
    "no note": {},
    "no costs": {"costs": {}},
    "one cost more": {"costs": {**COSTS, "secret": 1}},
    "a count without a rule": {"costs": {**COSTS, "attentions": 2}},
    "not finite": {"costs": {**COSTS, "macs": math.inf}},
    "negative": {"costs": {**COSTS, "macs": -1}},
    "true": {"costs": {**COSTS, "macs": True}},
    "text": {"costs": {**COSTS, "macs": "1"}},
    "more than any float": {"costs": {**COSTS, "macs": 10**400}},
    "memory beyond any float": {"costs": COSTS, "peak_bytes": 10**400},
    "no faults": {"is_refused": True, "faults": [], "count": 0},
    "an unknown reason": {"is_refused": True, "faults": [{"reason": "x", "facts": {}}], "count": 1},
    "facts that do not fit": {"is_refused": True, "faults": [{"reason": "beyond_cap", "facts": {}}], "count": 1},
    "an unknown phrase": malformed({"phrase": "x", "facts": {}}),
    "words without facts": malformed({"phrase": "nothing"}),
    "words with facts of others": malformed({"phrase": "nothing", "facts": {"row": 1}}),
    "words within words within words": malformed(DEEP),
    "a list of words": malformed([]),
}


@pytest.mark.parametrize("name", FIRST)
def test_a_first_frame_that_our_guest_cannot_have_sent_gets_no_hidden_input(name: str, tmp_path: Path):
    forger = Forger(Frame(FIRST[name]), outputs)
    assert refuse(forger, tmp_path) is Reason.CRASHED
    assert forger.streamed is None


def test_a_refused_model_gets_no_hidden_input(tmp_path: Path):
    refused = {"is_refused": True, "faults": [{"reason": "output_not_finite", "facts": {}}], "count": 1}
    forger = Forger(Frame(refused), outputs)
    assert refuse(forger, tmp_path) is Reason.OUTPUT_NOT_FINITE
    assert forger.streamed is None


def test_words_are_taken_with_their_facts_made_harmless():
    told = {"phrase": "in_row", "facts": {"found": {"phrase": "list", "facts": {}}, "row": "3\x1b" + "x" * 1000}}
    (fault,) = parse_tried(Frame(malformed(told)), MODEL, is_code=False).faults
    assert fault.sentence.startswith("The file cannot be read as ONNX: a list in row 3\N{REPLACEMENT CHARACTER}xxx")
    assert len(fault.sentence) < 600


def test_words_of_a_program_are_replaced():
    told = {"reason": "model_failed", "facts": {"shape": "(1,)", "problem": "buy my coins"}}
    note = {"is_refused": True, "faults": [told], "count": 1}
    assert "coins" not in str(parse_tried(Frame(note), MODEL, is_code=True).faults)
    assert "coins" in str(parse_tried(Frame(note), MODEL, is_code=False).faults)


ENDS = {
    End.WALL: Reason.TIMED_OUT,
    End.CPU: Reason.TIMED_OUT,
    End.MEMORY: Reason.OUT_OF_MEMORY,
    End.OUTPUT: Reason.TOO_MUCH_OUTPUT,
    End.THREADS: Reason.TOO_MANY_THREADS,
    End.CRASHED: Reason.CRASHED,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_run_that_was_stopped_counts_for_nothing_that_it_sent(end: End, tmp_path: Path):
    assert refuse(Forger(Frame({"costs": COSTS}), outputs, end), tmp_path) is ENDS[end]


def test_a_lock_that_does_not_close_is_ours_to_mend(tmp_path: Path):
    with pytest.raises(SandboxFailed):
        refuse(Forger(Frame({"costs": COSTS}), outputs, End.SANDBOX_ERROR), tmp_path)


def test_no_room_on_the_device_is_a_reason(tmp_path: Path):
    forger = Forger(Frame({"costs": COSTS}), lambda _rows: Frame({"is_out_of_room": True}))
    assert refuse(forger, tmp_path) is Reason.OUT_OF_MEMORY


def test_likeness_sees_through_shift_and_scale():
    honest = np.array([[2.0, 1.0, 0.0]], dtype=np.float64)
    move = np.array([[0.01, 0.0, 0.0]])
    assert agree(honest, honest + 1e6).all()
    for shift in (0.0, 1e6):
        assert not agree(honest + shift, honest + move + shift).any()
    far = np.array([[2.0, 1.0, -1e9]])
    assert not agree(far, far + move).any()


BROKEN = {
    "no archive": b"PK",
    "no array": archive(other=images()),
    "a row too few": archive(image=images()[:-1]),
    "another size": archive(image=images()[:, :, :4]),
    "text": archive(image=np.full((ROWS, 1, 8, 8), "a")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_hidden_inputs_that_do_not_fit_are_the_operators_to_mend(name: str):
    with pytest.raises(BrokenChallenge):
        load_inputs(BROKEN[name], MODEL, [f"r{row:03}" for row in range(ROWS)])


def test_hidden_inputs_stand_in_the_order_of_the_answers():
    challenge = image_challenge(shown=2)
    ids = challenge.answers["id"].to_list()
    stored = images(rows=ROWS + 2)
    assert ids[:3] == ["r000", "r003", "r006"]
    assert (challenge.inputs.arrays[0][1] == stored[3]).all()
    assert challenge.inputs.shown == [f"r{ROWS:03}", f"r{ROWS + 1:03}"]
    assert challenge.inputs is challenge.inputs


def test_tokens_come_with_the_one_that_is_to_be_predicted():
    model = text_challenge().manifest.model
    assert model is not None
    with pytest.raises(BrokenChallenge, match="whole numbers"):
        load_inputs(archive(tokens=np.zeros((3, 5))), model, ["r000", "r001", "r002"])
