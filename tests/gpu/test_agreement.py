"""On a real GPU: a model gets the same score there as on the CPU, in every format."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors.torch
import torch

from graders.grading import score_side
from graders.kinds import Reading, Upload
from graders.loading import LoadedChallenge
from graders.sandbox.fresh import Fresh
from tests.graders.models.networks import Convolutional, to_onnx, to_torchscript
from tests.graders.models.settings import image_challenge

HAS_GPU = shutil.which("nvidia-smi") is not None and torch.cuda.is_available()
pytestmark = pytest.mark.skipif(not HAS_GPU, reason="there is no GPU that torch can use")
CHALLENGE = image_challenge(["onnx", "weights", "torchscript"], limits={"grade_seconds": 120})
MODEL = Convolutional().eval() if HAS_GPU else torch.nn.Identity()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def submit(kind: str, content: bytes, folder: Path, device: str, challenge: LoadedChallenge = CHALLENGE) -> Reading:
    path = folder / "model"
    path.write_bytes(content)
    reading: Reading = import_module(f"graders.kinds.{kind}").read(Upload(path, "model"), challenge, Fresh(), device)
    return reading


def export(kind: str) -> bytes:
    if kind == "onnx":
        return to_onnx(MODEL)
    if kind == "weights":
        return safetensors.torch.save(dict(MODEL.state_dict()))
    return to_torchscript(MODEL)


@pytest.mark.parametrize("kind", ["onnx", "weights", "torchscript"])
def test_scores_agree_within_a_millionth(kind: str, folder: Path):
    if kind == "onnx" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has no GPU")
    content = export(kind)
    cpu, gpu = (submit(kind, content, folder, device) for device in ("cpu", "cuda"))
    read = [reading.predictions for reading in (cpu, gpu) if reading.predictions is not None]
    assert np.abs(read[0].block - read[1].block).max() < 1e-5
    for side in (CHALLENGE.public, CHALLENGE.private):
        ours, theirs = (score_side(CHALLENGE, predictions, side).score for predictions in read)
        assert ours == pytest.approx(theirs, abs=1e-6)
    assert gpu.costs["macs"] == cpu.costs["macs"]
