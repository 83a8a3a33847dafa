"""Diagnostics of numbers: calibration in groups, and the score of each column."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from graders.grading import grade
from graders.loading import make_challenge
from tests.graders.examples import DIGEST, TEXT, job_for, make_manifest
from tests.sandboxing import shared_box

ROWS = 900
RNG = np.random.default_rng(8)
IDS = [f"a{number:04d}" for number in range(ROWS)]
SIDES = ["public", "private", "private"] * (ROWS // 3)
TRUTH = RNG.random(ROWS)
CHANCE: dict[str, Any] = {"name": "bernoulli_kl", "direction": "min", "columns": ["p"]}
COLUMN = {"name": "p", "type": "number", "minimum": 0.0, "maximum": 1.0}


def diagnose(
    columns: list[dict[str, Any]],
    metric: dict[str, Any],
    told: str,
    answers: pl.DataFrame,
    given: pl.DataFrame,
    at: Path,
    secondary: str = "",
) -> dict[str, Any] | None:
    """What one diagnostic tells; of a secondary metric, where one is named."""
    others = [{"name": secondary, "direction": "min", "columns": metric["columns"]}] if secondary else []
    asked = {"name": told, "title": TEXT, "params": {"metric": secondary} if secondary else {}}
    manifest = make_manifest(columns, metric, secondary=others, diagnostics=[asked])
    challenge = make_challenge(
        manifest, answers.with_columns(id=pl.Series(IDS), side=pl.Series(SIDES)), dataset_digest=DIGEST
    )
    buffer = BytesIO()
    given.with_columns(id=pl.Series(IDS)).write_csv(buffer)
    path = at / "p.csv"
    path.write_bytes(buffer.getvalue())
    found = grade(job_for(path), path, challenge, shared_box()).diagnostics
    return found[0] if found else None


def calibrate(given: np.ndarray, folder: Path, truth: np.ndarray = TRUTH) -> dict[str, Any] | None:
    return diagnose([COLUMN], CHANCE, "calibration", pl.DataFrame({"p": truth}), pl.DataFrame({"p": given}), folder)


def test_groups_of_similar_predictions_are_compared_with_their_answers(tmp_path: Path):
    given = 0.5 + 0.5 * (TRUTH - 0.5)
    told = calibrate(given, tmp_path)
    assert told is not None
    assert told["column"] == "p"
    assert [point["rows"] for point in told["points"]] == [30] * 10
    public = np.array(SIDES) == "public"
    order = np.sort(TRUTH[public])
    for number, point in enumerate(told["points"]):
        expected = order[30 * number : 30 * number + 30].mean()
        assert point["y"] == pytest.approx(expected, abs=0.0051)
        assert point["x"] == pytest.approx(0.25 + expected / 2, abs=0.0051)
        assert point["y"] == round(point["y"], 2)


def test_equal_predictions_stay_together(tmp_path: Path):
    """Otherwise the order of ids would choose whose answers are averaged."""
    told = calibrate(np.full(ROWS, 0.3), tmp_path)
    assert told is not None
    assert [point["rows"] for point in told["points"]] == [300]
    told = calibrate(np.where(np.arange(ROWS) % 10 < 5, 0.25, 0.75), tmp_path)
    assert told is not None
    assert [point["x"] for point in told["points"]] == [0.25, 0.75]


def test_small_groups_and_answers_without_spread_are_not_told(tmp_path: Path):
    given = np.full(ROWS, 0.5)
    given[:30] = 0.1  # ten public rows
    told = calibrate(given, tmp_path)
    assert told is not None
    assert [point["rows"] for point in told["points"]] == [290]
    assert calibrate(given, tmp_path, np.full(ROWS, 0.5)) is None


def test_probabilities_of_labels_are_compared_with_the_labels(tmp_path: Path):
    """With means so coarse that nobody can count the labels of a group."""
    label = {"name": "label", "type": "label", "labels": ["0", "1"]}
    manifest = make_manifest(
        [label, COLUMN | {"optional_group": "chance"}],
        {"name": "accuracy", "direction": "max", "columns": ["label"]},
        diagnostics=[{"name": "calibration", "title": TEXT, "params": {"column": "p", "answer": "label"}}],
    )
    labels = (RNG.random(ROWS) < TRUTH).astype(int)
    answers = pl.DataFrame({"id": IDS, "label": labels, "side": SIDES})
    challenge = make_challenge(manifest, answers, dataset_digest=DIGEST)
    sent = answers.select("id", "label").with_columns(p=pl.Series(TRUTH))
    for table, told in ((sent, True), (sent.drop("p"), False)):
        table.write_csv(tmp_path / "p.csv")
        found = grade(job_for(tmp_path / "p.csv"), tmp_path / "p.csv", challenge, shared_box()).diagnostics
        assert bool(found) == told
        if told:
            points = found[0]["points"]
            assert len(points) == 10
            assert all(point["y"] == pytest.approx(round(20 * point["y"]) / 20) for point in points)
            assert all(abs(point["x"] - point["y"]) < 0.3 for point in points)
            assert points[-1]["y"] - points[0]["y"] > 0.7


def test_each_column_is_scored_by_itself(tmp_path: Path):
    days = [{"name": name, "type": "number"} for name in ("one", "two")]
    skill = {"name": "skill", "direction": "max", "columns": ["one", "two"], "params": {"reference": 0.5}}
    answers = pl.DataFrame({"one": TRUTH, "two": TRUTH[::-1].copy()})
    given = pl.DataFrame({"one": TRUTH, "two": np.full(ROWS, 0.5)})
    told = diagnose(days, skill, "each_column", answers, given, tmp_path)
    assert told is not None
    assert told["rows"] == [{"name": "one", "rows": 300, "score": 1.0}, {"name": "two", "rows": 300, "score": 0.0}]
    errors = diagnose(days, skill, "each_column", answers, given, tmp_path, "pooled_rmse")
    assert errors is not None
    public = np.array(SIDES) == "public"
    expected = np.sqrt(np.mean((TRUTH[::-1][public] - 0.5) ** 2))
    assert [row["score"] for row in errors["rows"]] == [0.0, pytest.approx(expected, abs=1e-4)]
    chances = pl.DataFrame({"p": TRUTH})
    plain = diagnose([COLUMN], CHANCE, "each_column", chances, chances, tmp_path)
    assert plain is None
