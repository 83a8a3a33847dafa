"""vit_images: CIFAR-10 is pooled and divided anew, and the published models are vision transformers."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
import torch

from challenges._generators.keys import Keys
from graders.rules.vision_transformer import check, count
from tests.challenges.cifar_archives import make_batches, prepare_real, records_by_image
from tests.challenges.workshop import CHALLENGES, SECRET, load_part, load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The challenge's `prepare.py`."""
    return load_script(CHALLENGES / "vit_images", "prepare")


def test_cifar_is_downloaded_pooled_and_divided_anew(tmp_path: Path):
    """From an archive of the same form served on loopback, whose size and sha256 a copy of the package promises."""
    public, vault = prepare_real("vit_images", tmp_path)
    train = load_part(public, "train")
    assert train["image"].shape == (570, 3, 32, 32)
    answers = pl.read_parquet(vault / "answers.parquet")
    assert set(answers.columns) == {"id", "label", "side"}
    hidden = dict(np.load(vault / "inputs.npz", allow_pickle=False))
    assert hidden["id"].tolist() == answers["id"].to_list() == sorted(answers["id"].to_list())
    pairs = records_by_image(make_batches())
    images = [*train["image"], *hidden["image"]]
    labels = [*train["label"].tolist(), *answers["label"].to_list()]
    assert len(images) == len(pairs) == 600
    assert all(pairs.pop(image.tobytes()) == label for image, label in zip(images, labels, strict=True))


def run(model: Path, rows: int) -> np.ndarray:
    session = onnxruntime.InferenceSession(model)
    image = np.random.default_rng(rows).random((rows, 3, 32, 32), dtype=np.float32)
    (logits,) = session.run(["logits"], {"image": image})
    return np.asarray(logits)


def test_the_sample_model_keeps_the_rule_and_knows_nothing(script: ModuleType, tmp_path: Path):
    for name in ("one.onnx", "two.onnx"):
        script.save_sample(tmp_path / name)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    assert check(onnx.load(tmp_path / "one.onnx").graph) == []
    assert [run(tmp_path / "one.onnx", rows).tolist() for rows in (1, 3)] == [[[0.0] * 10], [[0.0] * 10] * 3]


def test_the_baseline_is_a_vision_transformer_and_exported_as_it_is(tmp_path: Path):
    baseline = load_script(CHALLENGES / "vit_images", "baseline")
    torch.manual_seed(0)
    network = baseline.VisionTransformer()
    baseline.export(network, tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert check(graph) == []
    assert count(graph) == {"convolutions": 1, "attentions": baseline.DEPTH}
    for rows in (1, 7):
        image = np.random.default_rng(rows).random((rows, 3, 32, 32), dtype=np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(image)).numpy()
        assert run(tmp_path / "model.onnx", rows) == pytest.approx(expected, abs=1e-4)


def test_slices_name_what_makes_a_picture_hard(script: ModuleType):
    sprites, labels = script.draw_part("test", 900, Keys(SECRET, "vit_images", 1))
    slices = script.name_slices(sprites)
    assert len(labels) == 900
    assert sorted(set(slices["slice_scale"].tolist())) == ["large", "medium", "small"]
    assert (slices["slice_scale"] == "small").mean() == pytest.approx(1 / 3, abs=0.01)
    assert (slices["slice_occlusion"] == "free").mean() > 0.6
    assert sprites.occlusion[slices["slice_occlusion"] == "much hidden"].min() >= 0.1
