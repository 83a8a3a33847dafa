"""The cap on time: slow models are refused after a second look, fast ones never, and at home it is a warning."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from challenges.errors import Reason
from challenges.model import Caps
from graders.checking import Checked, check_file, tell
from graders.loading import LoadedChallenge
from graders.models.serving import find_excess
from graders.models.timing import measure_latency
from tests.graders.models.networks import Convolutional, to_onnx, to_torchscript
from tests.graders.models.settings import image_challenge
from tests.graders.models.trying import refuse, submit

STEPS, WIDTH = 40, 256
ROW = [np.zeros((1, 1, 8, 8), dtype=np.float32)]


class Slow(torch.nn.Module):
    """Multiplies the same matrices again and again: few weights, and much more time than the reference takes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.weight = torch.nn.Parameter(torch.randn(WIDTH, WIDTH) / 16)
        self.head = torch.nn.Linear(64, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        flat = image.flatten(1)
        values = flat.repeat(1, WIDTH * WIDTH // 64).reshape(-1, WIDTH, WIDTH)
        for _ in range(STEPS):
            values = torch.tanh(values @ self.weight)
        found: torch.Tensor = self.head(flat + values.mean((1, 2))[:, None])
        return found


SLOW, FAST = to_onnx(Slow()), to_onnx(Convolutional())


def capped(ratio: float, kind: str = "onnx") -> LoadedChallenge:
    return image_challenge([kind], caps={"latency_ratio": ratio})


def test_a_slow_model_is_refused_with_what_was_found_and_what_is_taken():
    fault = refuse(SLOW, capped(2.0))
    assert fault.reason is Reason.BEYOND_CAP
    assert (fault.facts["cost"], fault.facts["limit"]) == ("latency_ratio", 2.0)
    assert float(str(fault.facts["found"])) > 2
    assert "`latency_ratio`" in fault.sentence


def test_a_slow_program_of_torchscript_is_refused_too():
    assert refuse(to_torchscript(Slow()), capped(2.0, "torchscript"), "model.pt").reason is Reason.BEYOND_CAP


def test_a_fast_model_is_taken():
    assert submit(FAST, capped(2.0)).costs["latency_ratio"] < 2


def test_a_slow_model_is_taken_where_the_cap_leaves_room_or_there_is_none():
    assert submit(SLOW, capped(1000.0)).costs["latency_ratio"] > 2
    assert submit(SLOW, image_challenge()).costs["latency_ratio"] > 2


class Clock:
    """A model that is held up by others in its first calls, and takes its real time afterwards."""

    def __init__(self, held_up: int, seconds: float = 0.0) -> None:
        self.calls, self.held_up, self.seconds = 0, held_up, seconds

    def __call__(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        self.calls += 1
        time.sleep(0.4 if self.calls <= self.held_up else self.seconds)
        return inputs[0]


def count_calls(compute: Clock, cap: float) -> tuple[dict[str, float], int]:
    return measure_latency(lambda: compute, lambda: ROW, cap), compute.calls


def test_a_moment_of_noise_does_not_refuse_a_model():
    noisy = Clock(held_up=5)
    found, calls = count_calls(noisy, 1.0)
    assert found["latency_ratio"] < 1
    assert calls > 5


def test_only_what_seems_too_slow_is_measured_twice():
    _, unbounded = count_calls(Clock(0, 0.02), 0.0)
    _, within = count_calls(Clock(0, 0.02), 1e6)
    _, beyond = count_calls(Clock(0, 0.02), 1e-6)
    assert max(unbounded, within) <= 12
    assert beyond > 12


def test_a_model_of_seconds_is_not_measured_for_minutes():
    found, calls = count_calls(Clock(0, 0.5), 1.0)
    assert found["latency_ratio"] > 1
    assert calls == 8


def test_what_is_compared_is_what_is_told():
    caps = Caps(latency_ratio=2.0)
    assert find_excess({"latency_ratio": 2.0001}, caps) == []
    assert find_excess({"latency_ratio": 2.006}, caps)[0].facts["found"] == 2.006
    assert find_excess({"parameters": 9.0, "latency_ms": 9.0}, caps) == []


def at_home(content: bytes, folder: Path, **caps: float) -> Checked:
    path = folder / "model.onnx"
    path.write_bytes(content)
    return check_file(image_challenge(caps=caps).manifest, folder, path)


def test_at_home_a_slow_model_is_a_warning(tmp_path: Path):
    checked = at_home(SLOW, tmp_path, latency_ratio=2.0)
    assert checked.faults == []
    assert [doubt.facts["cost"] for doubt in checked.doubts] == ["latency_ratio"]
    told = checked.to_dict()
    assert told["ok"] is True
    assert "at most 2.0" in json.loads(json.dumps(told))["doubts"][0]["sentence"]
    assert "as measured on this machine" in tell(checked)
    assert tell(checked).endswith("The file is as it must be.\n")


def test_at_home_other_caps_still_refuse_and_a_fast_model_is_not_doubted(tmp_path: Path):
    assert at_home(FAST, tmp_path, latency_ratio=2.0).doubts == []
    refused = at_home(FAST, tmp_path, latency_ratio=2.0, parameters=5)
    assert (refused.doubts, refused.faults[0].facts["cost"]) == ([], "parameters")
