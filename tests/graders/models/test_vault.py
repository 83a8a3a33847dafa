"""Hidden inputs come from the vault, checked by their digest; a teacher's answers are rows of numbers."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from graders.arrangement import Predictions
from graders.grading import score_side
from graders.loading import LoadedChallenge, load_challenge, make_challenge
from graders.models.inputs import INPUTS_FILE
from graders.scoring import BrokenChallenge
from tests.graders.examples import flower_answers, make_manifest
from tests.graders.models.settings import ROWS, answers, images
from tests.graders.test_loading import DATASET, make_site

MODEL = """
[model]
formats = ["onnx"]
reading = "classes"

[[model.inputs]]
name = "image"
dtype = "float32"
shape = [-1, 1, 8, 8]
description = { en = "Text", zh = "文字" }

[model.output]
name = "logits"
dtype = "float32"
shape = [-1, 3]
description = { en = "Text", zh = "文字" }
"""
CLASSES = ["a", "b", "c"]


def load_with(content: bytes, tmp_path: Path, promised: str = "") -> LoadedChallenge:
    """The installation of the loading tests, whose challenge takes models now."""
    settings = make_site(tmp_path)
    manifest = tmp_path / "packages" / "flowers" / "challenge.toml"
    text = manifest.read_text(encoding="utf-8").replace('kind = "predictions"', 'kind = "onnx"')
    manifest.write_text(text + MODEL, encoding="utf-8")
    shelf = tmp_path / "the vault" / "flowers" / DATASET
    (shelf / INPUTS_FILE).write_bytes(content)
    listed = json.loads((shelf / "data_manifest.json").read_text())
    listed["hidden"].append({"name": INPUTS_FILE, "digest": promised or hashlib.sha256(content).hexdigest()})
    (shelf / "data_manifest.json").write_text(json.dumps(listed))
    return load_challenge(settings, "flowers", DATASET)


def test_inputs_are_read_when_the_first_model_comes_and_kept(tmp_path: Path):
    file = BytesIO()
    ids = flower_answers()["id"].to_list()
    np.savez(file, id=np.array(ids), image=images(rows=len(ids)))
    challenge = load_with(file.getvalue(), tmp_path)
    assert challenge.inputs.scored == len(ids)
    (tmp_path / "the vault" / "flowers" / DATASET / INPUTS_FILE).unlink()
    assert challenge.inputs.arrays[0].shape == (len(ids), 1, 8, 8)


def test_inputs_that_were_changed_are_refused(tmp_path: Path):
    challenge = load_with(b"other", tmp_path, promised="0" * 64)
    with pytest.raises(BrokenChallenge, match=f"{INPUTS_FILE} of {DATASET} is not that of its data manifest"):
        _ = challenge.inputs


def test_absent_inputs_are_told(tmp_path: Path):
    challenge = load_with(b"", tmp_path)
    (tmp_path / "the vault" / "flowers" / DATASET / INPUTS_FILE).unlink()
    with pytest.raises(BrokenChallenge, match=f"no {INPUTS_FILE}"):
        _ = challenge.inputs


def teacher(probabilities: NDArray[Any]) -> LoadedChallenge:
    columns = [{"name": f"p_{label}", "type": "number", "minimum": 0.0, "maximum": 1.0} for label in CLASSES]
    names = [f"p_{label}" for label in CLASSES]
    manifest = make_manifest(
        [{"name": "label", "type": "label", "labels": CLASSES}, *columns],
        {"name": "agreement", "direction": "max", "columns": ["label"], "answer": "teacher"},
        secondary=[
            {"name": "kl_divergence", "direction": "min", "columns": names, "answers": [f"t_{c}" for c in CLASSES]}
        ],
    )
    said = [CLASSES[code] for code in probabilities.argmax(axis=1)]
    table = answers("teacher", said).with_columns(
        pl.Series(f"t_{label}", probabilities[:, code]) for code, label in enumerate(CLASSES)
    )
    return make_challenge(manifest, table)


def test_a_student_is_compared_with_its_teachers_probabilities():
    chances = np.random.default_rng(0).dirichlet([1, 1, 1], ROWS)
    challenge = teacher(chances.round(4))
    block = challenge.answers.select(f"t_{label}" for label in CLASSES).to_numpy().T.copy()
    names = [f"p_{label}" for label in CLASSES]
    block /= block.sum(axis=0)
    labels = block.argmax(axis=0).astype(np.uint8)
    found = Predictions({"label": labels, **dict(zip(names, block, strict=True))}, block, names)
    scores = score_side(challenge, found, challenge.private)
    assert scores.score == 1.0
    assert scores.secondary["kl_divergence"] == pytest.approx(0, abs=1e-12)


def test_a_teacher_who_says_one_label_only_is_understood():
    always = np.tile([0.0, 0.1, 0.9], (ROWS, 1))
    challenge = teacher(always)
    assert set(challenge.scorers[0].truth.tolist()) == {2}


def test_a_teachers_numbers_must_be_probabilities():
    with pytest.raises(BrokenChallenge, match="sum to 1"):
        teacher(np.full((ROWS, 3), 0.5))
