"""A challenge's `grade.py` is asked for both sides, and what it returns is checked before anybody sees it."""

from __future__ import annotations

import base64
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from challenges._generators.grading import Given, Graded, Hidden, Side, grade_mean
from challenges.errors import InvalidSubmission, Reason
from challenges.manifest import Diagnostic, Direction, Manifest, Metric
from challenges.messages import DataFile, GradeJob, Outcome
from challenges.phrases import Phrase, say
from challenges.texts import Text
from graders.artefacts import specimens as some
from graders.artefacts.scoring import judge
from graders.grading import grade
from graders.loading import LoadedChallenge, make_challenge
from graders.scoring import BrokenChallenge
from tests.sandboxing import shared_box

NAME = Text("x", "某")
NAMES = {"en": "x", "zh": "某"}
ANSWERS = pl.DataFrame(
    {"id": list("abcdef"), "value": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "side": ["private", "public"] * 3},
)
EXTRA = np.arange(6) * 10
Grade = Callable[[Given, Hidden, Side], Graded]


def extra_file() -> bytes:
    buffer = BytesIO()
    np.savez(buffer, number=EXTRA)
    return buffer.getvalue()


def challenge_with(grade_: Grade | None, **fields: Any) -> LoadedChallenge:
    """A challenge of six hidden items."""
    manifest: Manifest = replace(some.make_manifest(some.ARRAYS), **fields)
    challenge = make_challenge(manifest, ANSWERS, read_hidden=lambda name: {"extra.npz": extra_file()}[name])
    return replace(challenge, hidden_files=["answers.parquet", "extra.npz"], grade=grade_)


def mean_of_side(given: Given, hidden: Hidden, side: Side) -> Graded:  # noqa: ARG001 - as every `grade`
    values = hidden["answers"]["value"][side.rows] + hidden["extra"]["number"][side.rows]
    return grade_mean(values, secondary={"half": values.mean() / 2, "odd": math.nan}, shown={"line": LINE})


SECONDARY = [Metric("half", Direction.MAX, title=NAME), Metric("odd", Direction.MAX, title=NAME)]
LINE = {
    "x_label": NAMES,
    "y_label": NAMES,
    "lines": [{"name": NAMES, "points": [(1, 0.123456789), (2, math.inf)]}, {"name": NAMES, "points": [(1, math.nan)]}],
}
CURVE = Diagnostic("curve", NAME, {"of": "line"})


def test_both_sides_are_scored_with_their_own_items():
    judged = judge(challenge_with(mean_of_side, secondary=SECONDARY, diagnostics=[CURVE]), Given())
    public, private = [12.0, 34.0, 56.0], [1.0, 23.0, 45.0]
    assert judged.public.score == np.mean(public)
    assert judged.private.score == np.mean(private)
    assert (judged.public.rows, judged.private.rows) == (3, 3)
    assert judged.public.secondary == {"half": np.mean(public) / 2}
    assert judged.public.standard_error == pytest.approx(np.std(public) / math.sqrt(3))
    (told,) = judged.diagnostics
    assert told["lines"] == [{"name": NAMES, "points": [[1, 0.12346]]}]
    json.dumps(judged.diagnostics, allow_nan=False)


def test_the_standard_error_is_that_of_resampled_items():
    values = np.random.default_rng(3).normal(size=400)
    graded = grade_mean(values)
    resampled = np.random.default_rng(4).choice(values, (4000, 400)).mean(1).std()
    assert graded.influence is not None
    judged = judge(challenge_with(lambda *_: graded), Given())
    assert judged.public.standard_error == pytest.approx(resampled, rel=0.05)


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_not_finite_refuses_the_submission(score: float):
    with pytest.raises(InvalidSubmission) as raised:
        judge(challenge_with(lambda *_: Graded(score)), Given())
    assert raised.value.faults[0].reason is Reason.SCORE_UNDEFINED


@pytest.mark.parametrize(
    ("grade_", "problem"),
    [
        (None, "no grade.py"),
        (lambda *_: 0.5, "must return a Graded"),
        (lambda *_: Graded(0.5, secondary={"surprise": 1.0}), "not declared"),
        (lambda *_: Graded(0.5), "shows nothing under the name 'line'"),
    ],
)
def test_a_script_that_breaks_its_word_is_the_organisers_to_mend(grade_: Any, problem: str):
    with pytest.raises(BrokenChallenge, match=problem):
        judge(challenge_with(grade_, diagnostics=[CURVE]), Given())


def test_no_error_is_told_where_there_is_none():
    for influence in (None, np.empty(0), np.array([math.nan])):
        judged = judge(challenge_with(lambda *_, i=influence: Graded(1.0, influence=i)), Given())
        assert judged.public.standard_error is None


def shown(diagnostic: str, told: dict[str, Any]) -> list[dict[str, Any]]:
    """One diagnostic of what `grade.py` shows."""
    diagnostics = [Diagnostic(diagnostic, NAME, {"of": "it"})]
    challenge = challenge_with(lambda *_: Graded(1.0, shown={"it": told}), diagnostics=diagnostics)
    return judge(challenge, Given()).diagnostics


def test_values_and_pictures_are_shown_within_bounds():
    rows = [{"name": f"r{number}", "value": number / 3} for number in range(100)]
    (told,) = shown("values", {"label": NAMES, "rows": [{"name": "none", "value": math.nan}, *rows]})
    assert told["rows"][0] == {"name": "r0", "value": 0.0}
    assert told["rows"][1]["value"] == 0.33333
    assert len(told["rows"]) == 79
    assert shown("values", {"label": NAMES, "rows": []}) == []
    assert shown("curve", {**LINE, "lines": []}) == []
    pixels = np.zeros((4, 4), np.uint8)
    (told,) = shown("gallery", {"columns": [NAMES], "rows": [{"pictures": [pixels], "caption": "c"}] * 20})
    assert len(told["rows"]) == 12
    assert told["rows"][0]["pictures"][0].startswith("iVBOR")
    assert shown("gallery", {"columns": [NAMES], "rows": []}) == []


def archive_of(**sizes: tuple[int, int]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, size in sizes.items():
            picture = BytesIO()
            Image.new("RGB", size, "red").save(picture, "JPEG")
            archive.writestr(name, picture.getvalue())
    return buffer.getvalue()


def test_boxes_are_cut_off_at_the_edges_of_their_picture_which_is_read_once():
    reads: list[str] = []

    def read_public(name: str) -> bytes:
        reads.append(name)
        return archive_of(small=(40, 30), large=(1280, 960))

    box: dict[str, Any] = {"name": NAMES, "kind": 3, "score": 0.123456}
    inside, across, around, outside, thin = (
        box | {"box": numbers}
        for numbers in ([1, 2, 3, 4], [-5, 25, 10, 2000], [-1e3, -1e3, 3e3, 3e3], [90, 5, 10, 10], [1, 1, 0.01, 5])
    )
    told = {
        "note": NAMES,
        "pictures": [
            {"file": "small", "boxes": [inside, across, around, outside, thin] * 10},
            {"file": "large", "boxes": []},
            *([{"file": "small", "boxes": []}] * 20),
        ],
    }
    diagnostics = [Diagnostic("boxes", NAME, {"of": "it", "file": "pictures.zip"})]
    challenge = challenge_with(lambda *_: Graded(1.0, shown={"it": told}), diagnostics=diagnostics)
    challenge = replace(challenge, read_public=read_public)
    (found,) = judge(challenge, Given()).diagnostics
    assert judge(challenge, Given()).diagnostics == [found]
    assert reads == ["pictures.zip"]
    assert len(found["pictures"]) == 12
    small, large = found["pictures"][:2]
    assert (len(small["boxes"]), large["boxes"]) == (12, [])  # of the first twenty
    assert [box["box"] for box in small["boxes"][:3]] == [[1, 2, 3, 4], [0, 25, 5, 5], [0, 0, 40, 30]]
    assert small["boxes"][0] == {**inside, "score": 0.123}
    assert [(p["width"], p["height"]) for p in (small, large)] == [(40, 30), (1280, 960)]
    shown_sizes = [Image.open(BytesIO(base64.b64decode(p["jpeg"]))).size for p in (small, large)]
    assert shown_sizes == [(40, 30), (320, 240)]
    told["pictures"] = []
    assert judge(challenge, Given()).diagnostics == []


def test_points_are_shown_one_by_one_within_bounds():
    labels = {"x_label": NAMES, "y_label": NAMES}
    points = [(math.nan, 1), (1, math.inf), *((n / 3, -n) for n in range(300))]
    (told,) = shown("scatter", {**labels, "points": points})
    assert told["points"][:2] == [{"x": 0.0, "y": 0.0, "rows": 1}, {"x": 0.33333, "y": -1.0, "rows": 1}]
    assert len(told["points"]) == 198
    assert shown("scatter", {**labels, "points": []}) == []


def test_checks_that_failed_are_shown_and_the_others_counted():
    row: dict[str, Any] = {"group": NAMES, "request": "GET /" + "x" * 400, "what": "revenue", "wrong": NAMES}
    row |= {"form": NAMES, "given": None}
    rows = [row, row | {"wrong": None}]
    (told,) = shown("checks", {"groups": [{"name": NAMES, "share": 1 / 3}], "rows": rows})
    assert (told["passed"], told["total"]) == (1, 2)
    assert told["groups"] == [{"name": NAMES, "share": 0.33333}]
    assert told["rows"] == [row | {"request": row["request"][:300]}]
    (told,) = shown("checks", {"groups": [], "rows": rows * 200})
    assert (len(told["rows"]), told["total"]) == (150, 400)
    assert shown("checks", {"groups": [], "rows": []}) == []


def test_a_whole_submission_is_graded_and_its_faults_are_its_own(tmp_path: Path):
    def grade_(given: Given, hidden: Hidden, side: Side) -> Graded:  # noqa: ARG001 - as every `grade`
        if given.arrays["mean"].max() > 1:
            raise InvalidSubmission.because(Reason.SCORE_UNDEFINED, problem=say(Phrase.NOT_FINITE))
        return Graded(float(given.arrays["mean"].sum()))

    challenge = challenge_with(grade_)
    for arrays, outcome in (({}, Outcome.SCORED), ({"mean": np.full(4, 2, "f4")}, Outcome.REJECTED)):
        path = tmp_path / "s.npz"
        path.write_bytes(some.npz(some.arrays_with(**arrays)))
        job = GradeJob("s", 1, "c", "d", "", "", path.as_uri(), DataFile("s.npz", 1, ""))
        verdict = grade(job, path, challenge, shared_box())
        assert verdict.outcome is outcome
    assert verdict.faults[0].reason == "score_undefined"
