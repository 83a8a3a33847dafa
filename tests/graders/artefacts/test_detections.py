"""Detections from upload to what `grade.py` is given: any number for a picture, and refusals that name the row."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenges._generators.grading import Given
from challenges.errors import FIRST_FAULTS, Fault, InvalidSubmission, Reason
from graders.artefacts.archives import Member, pack
from graders.artefacts.detections import COLUMNS
from graders.artefacts.specimen_detections import DETECTIONS, MOST, PATTERN, detection, dump
from graders.artefacts.specimens import indices, make_manifest
from graders.kinds import Upload
from graders.kinds.artefacts import read_artefacts, read_here
from tests.sandboxing import shared_sandbox

MANIFEST = make_manifest(DETECTIONS)


def read(content: bytes) -> Given:
    """What one's own machine makes of an upload."""
    return read_here(content, MANIFEST, indices())


def refuse(*rows: Any) -> list[Fault]:
    """What is wrong with some detections."""
    with pytest.raises(InvalidSubmission) as raised:
        read(dump(*rows))
    assert raised.value.count >= len(raised.value.faults)
    return raised.value.faults


@pytest.mark.parametrize("is_packed", [False, True], ids=["as it is", "in an archive"])
def test_detections_come_as_they_were_sent(tmp_path: Path, is_packed: bool):
    rows = [
        detection(image_id="c3", score=0.1),
        detection(image_id="a1", category_id=3, bbox=[-4, 0, 7.25, 1], score=-2),
        detection(image_id="c3", score=1e300),
    ]
    path = tmp_path / "results.json"
    path.write_bytes(pack([Member(PATTERN, dump(*rows))]) if is_packed else dump(*rows))
    given = read_artefacts(Upload(path, path.name), MANIFEST, indices(), shared_sandbox())
    assert given.columns == {"found": COLUMNS}
    assert given.places["found"].tolist() == [2, 0, 2]
    expected = [[row["category_id"], *row["bbox"], row["score"]] for row in rows]
    assert given.arrays["found"].tolist() == expected


def test_nothing_may_be_found():
    given = read(b" [ ] ")
    assert given.arrays["found"].shape == (0, 6)
    assert given.places["found"].tolist() == []


def test_without_the_ids_form_alone_is_checked():
    given = read_here(dump(detection(image_id="unheard of")), MANIFEST, {})
    assert given.arrays["found"].shape == (1, 6)
    assert given.places == {}
    with pytest.raises(InvalidSubmission, match="must lie in"):
        read_here(dump(detection(category_id=9)), MANIFEST, {})


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (detection(image_id=5), ("`image_id`", "a number in row 2", "text")),
        (detection(category_id=4), ("Row 2", "`category_id`", "4", "[1, 3]", "whole")),
        (detection(bbox=[1, 2, 3, 0]), ("Row 2", "`bbox[3]`", "0", "(0, 100]")),
        (detection(bbox=[1, -200, 3, 4]), ("Row 2", "`bbox[1]`", "-200", "[-100, 100]")),
        (detection(bbox=[1, 2, 3]), ("`bbox`", "row 2", "four numbers")),
        (detection(score=float("nan")), ("Row 2", "`score`", "NaN", "finite")),
        (detection(image_id="d4"), ("Row 2", "`d4`")),
        ({"image_id": "a1", "category_id": 1, "bbox": [1, 2, 3, 4]}, ("row 2", "no `score`")),
        ("text", ("row 2", "not an object")),
    ],
)
def test_a_refusal_says_which_row_and_what_it_must_be(row: Any, words: tuple[str, ...]):
    told = refuse(detection(), row)[0].sentence
    assert all(word in told for word in words), told


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("image_id", None, Reason.WRONG_DTYPE),
        ("image_id", ["a1"], Reason.WRONG_DTYPE),
        ("category_id", [2], Reason.WRONG_DTYPE),
        ("score", {}, Reason.WRONG_DTYPE),
        ("score", "high", Reason.WRONG_DTYPE),
        ("bbox", [1, 2, 3, 4, 5], Reason.WRONG_DTYPE),
        ("bbox", [1, 2, [3], 4], Reason.WRONG_DTYPE),
        ("bbox", [1, 2, None, 4], Reason.WRONG_DTYPE),
        ("bbox", {"x": 1}, Reason.WRONG_DTYPE),
        ("category_id", -1, Reason.OUT_OF_RANGE),
        ("category_id", 10**17, Reason.OUT_OF_RANGE),
        ("category_id", 10**30, Reason.OUT_OF_RANGE),
        ("category_id", float("nan"), Reason.NOT_FINITE),
        ("bbox", [1, 2, 3, float("nan")], Reason.NOT_FINITE),
        ("bbox", [1, 2, 3, 10**400], Reason.NOT_FINITE),
    ],
)
def test_wrong_values_are_refused_for_what_they_are(key: str, value: Any, reason: Reason):
    assert refuse(detection(**{key: value}))[0].reason is reason


def test_a_picture_with_too_many_is_named_with_their_number():
    crowd = [detection(image_id=name) for name in ("b2", "a1", "b2") for _ in range(MOST)]
    (fault,) = refuse(*crowd)
    assert fault.reason is Reason.TOO_MANY_ROWS
    assert fault.facts == {"value": "b2", "found": 2 * MOST, "limit": MOST}


def test_many_faults_are_counted_and_few_are_told():
    rows = [detection(bbox=[1, 2, -1, -1], score=float("inf")) for _ in range(50)]
    with pytest.raises(InvalidSubmission) as raised:
        read(dump(*rows))
    assert (len(raised.value.faults), raised.value.count) == (FIRST_FAULTS, 151)  # one of them: all are of one picture
    assert [fault.facts["row"] for fault in raised.value.faults] == [1, 1, 1, 2, 2]
    with pytest.raises(InvalidSubmission) as raised:
        read(dump(*[detection(bbox=[]) for _ in range(50)]))
    assert (len(raised.value.faults), raised.value.count) == (FIRST_FAULTS, 50)


def test_nothing_but_refusals_comes_of_broken_json():
    """Bytes changed at random: each upload is read, or refused."""
    chance = random.Random(7)  # noqa: S311 - decides nothing
    whole = dump(detection(), detection(image_id="b2", score=float("inf")), detection(bbox=[1, 2, 3, 1e3]))
    for _ in range(3000):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            given = read(bytes(content))
        except InvalidSubmission:
            continue
        assert np.isfinite(given.arrays["found"]).all()
