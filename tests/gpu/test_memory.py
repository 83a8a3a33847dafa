"""On a real GPU: its memory is bounded as the challenge says, smaller batches are tried, what remains is a reason."""

from __future__ import annotations

import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch

from challenges.errors import Fault, InvalidSubmission, Reason
from graders.kinds import Reading, Upload
from graders.models.room import read_total
from graders.sandbox.fresh import Fresh
from tests.graders.models.networks import IMAGES, to_onnx
from tests.graders.models.settings import ROWS, image_challenge

HAS_GPU = shutil.which("nvidia-smi") is not None and torch.cuda.is_available()
pytestmark = pytest.mark.skipif(not HAS_GPU, reason="there is no GPU that torch can use")
LIMIT = 1_000_000_000
KINDS = [
    pytest.param(
        "onnx",
        marks=pytest.mark.skipif(
            "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
            reason="this build of ONNX Runtime has no GPU",
        ),
    ),
    "torchscript",
]


class Wide(torch.nn.Module):
    """Needs so many times 256 bytes for each row, and more than once."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        wide = image.flatten(1).repeat(1, self.times)
        return image.flatten(1)[:, :3] + wide.sum(1, keepdim=True) * 1e-9


@pytest.mark.filterwarnings("ignore")
def submit(times: int, kind: str, limit_bytes: int) -> Reading:
    model = Wide(times)
    content = to_onnx(model) if kind == "onnx" else torch.jit.trace(model, IMAGES).save_to_buffer()
    limits: dict[str, Any] = {"grade_seconds": 120, "upload_bytes": 1_000_000, "gpu_memory_bytes": limit_bytes}
    challenge = image_challenge([kind], limits=limits, batch_rows=ROWS)
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(content)
        kinds = import_module(f"graders.kinds.{kind}")
        reading: Reading = kinds.read(Upload(Path(file.name), "model"), challenge, Fresh(), "cuda")
    return reading


def refuse(times: int, kind: str, limit_bytes: int) -> Fault:
    with pytest.raises(InvalidSubmission) as refusal:
        submit(times, kind, limit_bytes)
    return refusal.value.faults[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_smaller_batches_are_tried_within_the_limit(kind: str):
    predictions = submit(125_000, kind, LIMIT).predictions  # 32 MB for a row, and there are 40 rows
    assert predictions is not None
    assert len(predictions.columns["label"]) == ROWS


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_beyond_the_limit_is_told_which_memory_and_how_much_of_it(kind: str):
    fault = refuse(5_000_000, kind, LIMIT)
    assert (fault.reason, fault.facts["limit_bytes"]) == (Reason.OUT_OF_GPU_MEMORY, LIMIT)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_limit_the_whole_gpu_is_one(kind: str):
    fault = refuse(4_000_000_000, kind, 0)  # a terabyte
    assert fault.reason is Reason.OUT_OF_GPU_MEMORY
    assert fault.facts["limit_bytes"] == pytest.approx(read_total("cuda"), rel=0.01)


def test_the_driver_and_torch_count_the_same():
    assert read_total("cuda:0") == pytest.approx(torch.cuda.get_device_properties(0).total_memory, rel=0.01)
