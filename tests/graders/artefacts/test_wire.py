"""What a guest says an upload holds is checked again: a guest may have been taken over by what it opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenges.errors import InvalidSubmission, Reason
from graders.artefacts import specimens as some
from graders.artefacts.archives import pack
from graders.artefacts.finding import find
from graders.artefacts.specimen_detections import DETECTIONS as MANY
from graders.artefacts.specimen_detections import MOST, detection, dump
from graders.artefacts.wire import dump_found, load_found
from graders.kinds import Upload
from graders.kinds.artefacts import ask_for, read_artefacts
from graders.sandbox import End, Outcome, Run
from graders.sandbox.frames import BrokenFrame, Frame

ARRAYS, FILES, DETECTIONS = (
    ask_for(some.make_manifest(artefacts), some.indices()) for artefacts in (some.ARRAYS, some.FILES, MANY)
)
ASKS = {"arrays": ARRAYS, "files": FILES, "detections": DETECTIONS}
RIGHT = {
    "detections": dump_found(find(dump(detection(), detection(image_id="c3")), DETECTIONS)),
    "arrays": dump_found(find(some.npz(some.arrays_with()), ARRAYS)),
    "files": dump_found(find(pack(some.files_with()), FILES)),
}


def test_what_was_found_comes_back():
    for name, ask in ASKS.items():
        again = dump_found(load_found(Frame({}, RIGHT[name]), ask))
        assert {key: array.tolist() for key, array in again.items()} == {k: a.tolist() for k, a in RIGHT[name].items()}


def texts(*listed: str) -> np.ndarray[Any, Any]:
    return np.frombuffer("".join(f"{text}\0" for text in listed).encode(), dtype=np.uint8)


FORGED: list[tuple[str, str, Any]] = [
    ("arrays", "array mean", None),
    ("arrays", "array mean", np.zeros(4)),
    ("arrays", "array mean", np.zeros(5, np.float32)),
    ("arrays", "array basis", np.full((1, 4), np.nan, np.float32)),
    ("arrays", "array basis", np.full((1, 4), 99, np.float32)),
    ("files", "array train", np.zeros((3, 1))),
    ("files", "array train", np.zeros((2, 2))),
    ("files", "array train", np.full((3, 2), np.inf)),
    ("files", "columns train", texts("a", "b", "c", "d")),
    ("files", "columns train", texts("a", "a")),
    ("files", "columns train", texts()),
    ("files", "columns test", texts("age", "other")),
    ("files", "ids train", texts("a1")),
    ("files", "ids train", np.zeros(3)),
    ("files", "ids train", None),
    ("files", "ids train", np.frombuffer(b"\xff\0", np.uint8)),
    ("files", "ids train", np.frombuffer(b"a1\0b2\0c3", np.uint8)),
    ("files", "array out", np.zeros((3, 9, 8, 3), np.uint8)),
    ("files", "array out", np.zeros((2, 8, 8, 3), np.uint8)),
    ("files", "texts notes", texts()),
    ("files", "texts notes", texts("one", "two")),
    ("detections", "array found", None),
    ("detections", "array found", np.ones((2, 5))),
    ("detections", "array found", np.ones((3, 6))),
    ("detections", "array found", np.ones((2, 6), np.float32)),
    ("detections", "array found", np.full((2, 6), np.nan)),
    ("detections", "array found", np.full((2, 6), 9.0)),
    ("detections", "array found", np.full((2, 6), 1.5)),
    ("detections", "array found", np.array([[1.0, 0, 0, 1, 0, 1]] * 2)),
    ("detections", "ids found", texts("a1")),
    ("detections", "ids found", None),
]


@pytest.mark.parametrize(("kind", "name", "value"), FORGED)
def test_a_forged_frame_is_not_believed(kind: str, name: str, value: Any):
    arrays = {key: array for key, array in RIGHT[kind].items() if key != name}
    if value is not None:
        arrays[name] = value
    with pytest.raises(BrokenFrame):
        load_found(Frame({}, arrays), ASKS[kind])


def test_more_detections_of_a_picture_than_are_taken_are_not_believed():
    count = MOST + 1
    many = {"array found": np.ones((count, 6)), "ids found": texts(*["a1"] * count)}
    with pytest.raises(BrokenFrame):
        load_found(Frame({}, many), DETECTIONS)
    assert load_found(Frame({}, {**many, "ids found": texts(*"abcde")}), DETECTIONS).ids["found"] == list("abcde")


class Answering:
    """A sandbox whose guest says what it was told to say."""

    def __init__(self, frame: Frame) -> None:
        self.outcome = Outcome(End.DONE, [frame])

    def run(self, _run: Run) -> Outcome:
        return self.outcome

    def close(self) -> None:
        """Nothing was started."""


@pytest.mark.parametrize(
    "frame",
    [
        Frame({}, {}),
        Frame({"is_refused": True}, {}),
        Frame({"is_refused": True, "faults": [{"reason": "no such reason", "facts": {}}], "count": 1}, {}),
    ],
    ids=["nothing", "no faults", "an unknown reason"],
)
def test_a_guest_that_lies_has_crashed(frame: Frame, tmp_path: Path):
    path = tmp_path / "upload"
    path.write_bytes(b"PK")
    with pytest.raises(InvalidSubmission) as raised:
        read_artefacts(Upload(path, "s.npz"), some.make_manifest(some.ARRAYS), {}, Answering(frame))
    assert raised.value.faults[0].reason is Reason.CRASHED


def test_truth_is_kept_to_its_bytes():
    spec = replace(some.ARRAYS.arrays[2], dtype="bool")
    ask = replace(ARRAYS, artefacts=replace(some.ARRAYS, arrays=[*some.ARRAYS.arrays[:2], spec]))
    odd = np.array([0, 2], np.uint8).view(np.bool_)
    with pytest.raises(InvalidSubmission, match="neither true nor false"):
        find(some.npz(some.arrays_with(codes=odd)), ask)
    fine = find(some.npz(some.arrays_with(codes=np.array([True, False]))), ask)
    assert load_found(Frame({}, dump_found(fine)), ask).arrays["codes"].tolist() == [True, False]
