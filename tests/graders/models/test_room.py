"""Memory that ends, of a GPU and of the machine: how libraries are bounded, what they say, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from challenges.errors import InvalidSubmission, Reason
from graders.guests.torch_device import told_lack
from graders.models import tiny_onnx
from graders.models.asking import OutOfRoom
from graders.models.plan import make_plan
from graders.models.room import (
    lack_of,
    number_of,
    provider_options,
    read_total,
    room_bytes,
    room_fraction,
    without_room,
)
from graders.models.running import ask_for
from graders.models.serving import OUTPUT, Opened, serve
from graders.models.tried import parse_tried
from graders.sandbox.frames import Frame
from tests.graders.models.networks import IMAGES, to_onnx
from tests.graders.models.settings import ROWS, image_challenge
from tests.graders.models.trying import submit

GB = 1_000_000_000


def test_a_device_is_counted_from_nought():
    assert [number_of(device) for device in ("cuda", "cuda:0", "cuda:3")] == [0, 0, 3]


def test_a_limit_is_a_part_of_what_there_is():
    assert (room_bytes(0, 8 * GB), room_fraction(0, 8 * GB)) == (8 * GB, 1.0)
    assert (room_bytes(2 * GB, 8 * GB), room_fraction(2 * GB, 8 * GB)) == (2 * GB, 0.25)
    assert (room_bytes(16 * GB, 8 * GB), room_fraction(16 * GB, 8 * GB)) == (8 * GB, 1.0)


def test_onnx_runtime_is_told_the_device_and_the_limit():
    whole = provider_options("cuda:1", 0)
    assert whole == {"device_id": "1", "use_tf32": "0"}
    bounded = provider_options("cuda", 2 * GB)
    assert bounded["gpu_mem_limit"] == "2000000000"
    assert bounded["arena_extend_strategy"] == "kSameAsRequested"
    assert whole["use_tf32"] == bounded["use_tf32"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a driver")
def test_without_a_driver_nobody_can_tell_how_much_there_is():
    with pytest.raises(OSError, match="libcuda"):
        read_total("cuda")


def torch_is_refused() -> None:
    torch.empty(1 << 60, dtype=torch.uint8)


def torchscript_is_refused() -> None:
    def grow(values: torch.Tensor) -> torch.Tensor:
        return torch.ones([1 << 50]) + values

    torch.jit.script(grow)(torch.ones(1))


def run_with_arena(rows: int, limit_bytes: int) -> None:
    """On the processor, with the same arena and the same kind of limit as on a GPU."""
    info = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    limits = onnxruntime.OrtArenaCfg({"max_mem": limit_bytes, "arena_extend_strategy": 1})
    onnxruntime.create_and_register_allocator(info, limits)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 4
    model = tiny_onnx.linear(hidden=8).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    session.run(None, {"x": np.zeros((rows, tiny_onnx.INPUTS), dtype=np.float32)})


def onnx_runtime_comes_to_its_limit() -> None:
    run_with_arena(10, 1 << 16)
    run_with_arena(100_000, 1 << 16)


def onnx_runtime_is_refused() -> None:
    model = tiny_onnx.linear(hidden=60_000).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    session.run(None, {"x": np.zeros((100_000_000, tiny_onnx.INPUTS), dtype=np.float32)})


def error_of(action: Callable[[], None]) -> Exception:
    try:
        action()
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is looked at
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("action", [torch_is_refused, torchscript_is_refused])
def test_what_torch_says_of_the_machines_memory_is_understood(action: Callable[[], None]):
    error = error_of(action)
    assert type(error) is RuntimeError
    assert isinstance(lack_of(error, is_on_gpu=False), OutOfRoom)
    assert isinstance(lack_of(error, is_on_gpu=True), MemoryError)  # the limit is another one


@pytest.mark.parametrize("action", [onnx_runtime_comes_to_its_limit, onnx_runtime_is_refused])
@pytest.mark.parametrize("is_on_gpu", [True, False])
def test_what_onnx_runtime_says_of_its_memory_is_understood(action: Callable[[], None], is_on_gpu: bool):
    assert isinstance(lack_of(error_of(action), is_on_gpu=is_on_gpu), OutOfRoom)


def raise_out_of_memory(values: torch.Tensor) -> torch.Tensor:
    raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {values.numel()} GiB.")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of …"),
        RuntimeError("The following operation failed in the TorchScript interpreter.\nCUDA out of memory. Tried to …"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc((void**)&p, size);"),
    ],
)
def test_what_is_said_of_a_gpus_memory_is_understood(error: Exception):
    assert isinstance(lack_of(error, is_on_gpu=True), OutOfRoom)


def test_other_errors_are_none_of_memory():
    error = error_of(lambda: torch.jit.load(BytesIO(b"no archive")))
    assert lack_of(error, is_on_gpu=True) is None
    with pytest.raises(RuntimeError, match="shape"), told_lack("cpu"):
        raise RuntimeError("shape '[2]' is invalid")
    with pytest.raises(OutOfRoom), told_lack("cpu"):
        torch_is_refused()
    with pytest.raises(OutOfRoom), told_lack("cpu"):
        raise_out_of_memory(torch.ones(1))


class Recorder:
    """A guest without a sandbox: keeps what it sends, and hands out the hidden inputs."""

    def __init__(self, inputs: list[NDArray[Any]]) -> None:
        self.frames: list[Frame] = []
        self.inputs = [array.tobytes() for array in inputs]

    def send(self, note: dict[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        self.frames.append(Frame(note, dict(arrays or {})))

    def receive(self, size: int) -> bytes:
        content = self.inputs.pop(0)
        assert len(content) == size
        return content


def run(most_rows: int, gpu_bytes: int, *, is_hidden_only: bool = False) -> tuple[list[Frame], list[int]]:
    """What a guest sends of a model that has room for so many rows (perhaps only of hidden rows); and its batches."""
    challenge = image_challenge()
    model = challenge.manifest.model
    assert model is not None
    plan = make_plan(challenge.inputs, model, 1)
    ask = ask_for(replace(challenge.manifest), "model", "cpu", plan)
    guest = Recorder(plan.arrays)
    batches: list[int] = []

    def compute(inputs: list[NDArray[Any]]) -> NDArray[Any]:
        rows = len(inputs[0])
        if rows > most_rows and (guest.frames or not is_hidden_only):
            raise OutOfRoom
        batches.append(rows)
        return inputs[0].reshape(rows, -1)[:, :3].copy()

    opened = Opened(lambda: compute, {"parameters": 1.0, "weight_bytes": 4.0}, lambda _rows: 1.0)
    serve(guest, ask, lambda _ask: opened, gpu_bytes)  # type: ignore[arg-type]  # all of a guest that is used
    return guest.frames, batches


def test_batches_become_smaller_until_they_fit():
    (first, second), batches = run(7, 2 * GB)
    assert first.note["gpu_bytes"] == 2 * GB
    assert len(second.arrays[OUTPUT]) == ROWS
    assert [size for size in batches if size == 4] == [4] * (ROWS // 4)  # of 16, then 8, which do not fit
    assert max(batches) == 7


@pytest.mark.parametrize(("gpu_bytes", "reason"), [(2 * GB, Reason.OUT_OF_GPU_MEMORY), (0, Reason.OUT_OF_MEMORY)])
def test_a_model_that_does_not_fit_is_refused_with_the_limit_of_the_right_memory(gpu_bytes: int, reason: Reason):
    (frame,), _ = run(1, gpu_bytes)
    model = image_challenge().manifest.model
    assert model is not None
    tried = parse_tried(frame, model, is_code=True)
    assert tried.faults[0].reason is reason
    assert tried.faults[0].facts == {"limit_bytes": gpu_bytes or image_challenge().manifest.limits.memory_bytes}
    assert ("GPU" in tried.faults[0].sentence) is bool(gpu_bytes)


def test_memory_that_ends_with_the_hidden_rows_is_told_without_a_word_of_them():
    frames, _ = run(0, 2 * GB, is_hidden_only=True)
    assert (frames[-1].note, frames[-1].arrays) == ({"is_out_of_room": True}, {})


@pytest.mark.parametrize("told", [True, -1, 1e30, "2", None])
def test_a_forged_size_is_not_believed(told: object):
    model = image_challenge().manifest.model
    assert model is not None
    costs = {"parameters": 1, "weight_bytes": 4.0, "macs": 1, "latency_ms": 1.0, "latency_ratio": 1.0}
    assert parse_tried(Frame({"costs": costs, "gpu_bytes": 5}), model, is_code=False).gpu_bytes == 5
    with pytest.raises(InvalidSubmission):
        parse_tried(Frame({"costs": costs, "gpu_bytes": told}), model, is_code=False)


def test_the_refusal_names_the_memory_that_ended():
    assert "2000000000 bytes of the GPU's memory" in str(without_room(2 * GB, GB))
    assert "1000000000 bytes of memory" in str(without_room(0, GB))


class Wide(torch.nn.Module):
    """Needs 32 MB for each row."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        wide = image.flatten(1).repeat(1, 125_000)
        return image.flatten(1)[:, :3] + wide.sum(1, keepdim=True) * 1e-9


LIMITS = {"grade_seconds": 60, "memory_bytes": 1_200_000_000, "upload_bytes": 1_000_000}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["onnx", "torchscript"])
def test_in_the_sandbox_smaller_batches_save_a_model(kind: str):
    content = to_onnx(Wide()) if kind == "onnx" else torch.jit.trace(Wide(), IMAGES).save_to_buffer()
    challenge = image_challenge([kind], limits=LIMITS, batch_rows=40)
    predictions = submit(content, challenge, "model").predictions
    assert predictions is not None
    assert len(predictions.columns["label"]) == ROWS
