"""Weights for a named architecture, and TorchScript: what is taken, what is refused, and what a hostile file gets."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from challenges.errors import InvalidSubmission, Reason
from graders.models.header import HEADER_BYTES, MOST_TENSORS
from graders.models.specimens import archive_of, challenge_for, torch_pickle, torchscript
from graders.models.specimens import safetensors as tensors_file
from tests.graders.models.networks import Convolutional, to_onnx, to_torchscript
from tests.graders.models.settings import ARCHITECTURE, image_challenge
from tests.graders.models.trying import reason, refuse, submit, table_of

WEIGHTS, SCRIPT = image_challenge(["weights"]), image_challenge(["torchscript"])
TINY, TINY_SCRIPT = challenge_for("weights"), challenge_for("torchscript")
GOOD = {"weight": ("F32", [3, 4]), "bias": ("F32", [3])}


def state() -> dict[str, torch.Tensor]:
    room: dict[str, Any] = {"__name__": "network"}
    exec(ARCHITECTURE, room)  # noqa: S102 - our own
    torch.manual_seed(3)
    return dict(room["build"]().state_dict())


def weights(**changes: torch.Tensor | None) -> bytes:
    """A file of the architecture's weights; `None` leaves one out. Points in names are written as __."""
    tensors = state()
    for name, tensor in changes.items():
        tensors.pop(name.replace("__", "."), None)
        if tensor is not None:
            tensors[name.replace("__", ".")] = tensor
    return safetensors.torch.save(tensors)


def test_weights_are_loaded_into_the_challenges_own_architecture():
    reading = submit(weights(), WEIGHTS, "model.safetensors")
    assert reading.costs["parameters"] == 4 * 9 + 4 + 8 + 3 * 144 + 3
    assert reading.costs["weight_bytes"] == 4 * (4 * 9 + 4 + 16 + 3 * 144 + 3) + 8
    assert reading.costs["macs"] == 4 * 36 * 9 + 3 * 144


def test_the_three_formats_of_one_network_say_the_same():
    model = Convolutional().eval()
    challenge = image_challenge(["onnx", "weights", "torchscript"])
    saved = dict(model.state_dict())
    by_kind = {
        "onnx": to_onnx(model),
        "weights": safetensors.torch.save(saved),
        "torchscript": to_torchscript(model),
    }
    found = {kind: submit(content, challenge, kind=kind) for kind, content in by_kind.items()}
    for kind in ("weights", "torchscript"):
        assert np.allclose(table_of(found[kind]).block, table_of(found["onnx"]).block, atol=1e-6)
        assert found[kind].costs["macs"] == found["onnx"].costs["macs"]


TENSORS = {
    "missing": (weights(head__bias=None), Reason.MISSING_TENSOR, "head.bias"),
    "one more": (weights(tail__bias=torch.zeros(3)), Reason.UNKNOWN_TENSOR, "tail.bias"),
    "another shape": (weights(head__bias=torch.zeros(4)), Reason.WRONG_TENSOR, "head.bias"),
    "another type": (weights(head__bias=torch.zeros(3, dtype=torch.float16)), Reason.WRONG_TENSOR, "head.bias"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_are_those_of_the_architecture(name: str):
    content, expected, tensor = TENSORS[name]
    fault = refuse(content, WEIGHTS, "model.safetensors")
    assert (fault.reason, fault.facts["tensor"]) == (expected, tensor)


def test_weights_that_are_no_numbers_are_found():
    assert reason(weights(head__bias=torch.full((3,), torch.nan)), WEIGHTS, "m.safetensors") is Reason.OUTPUT_NOT_FINITE


def header(text: bytes, rest: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text + rest


def many(count: int) -> bytes:
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return header(json.dumps({f"t{number}": entry for number in range(count)}).encode())


MALFORMED = {
    "header of 2^63 bytes": struct.pack("<Q", 1 << 63) + b"{}" + bytes(100),
    "header beyond the file": struct.pack("<Q", 1000) + b"{}",
    "header of nothing": struct.pack("<Q", 0) + b"{",
    "no object": header(b"{1:2}"),
    "a name twice": header(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":1}'),
    "overlap": tensors_file(GOOD, data_offsets=[12, 60]),
    "a hole": tensors_file(GOOD, shape=[1, 4], data_offsets=[0, 16]),
    "overflow": tensors_file(GOOD, shape=[1 << 62, 0], data_offsets=[0, 0]),
    "negative": tensors_file(GOOD, shape=[-3, -4]),
    "an unknown type": tensors_file(GOOD, dtype="F1"),
    "cut off": tensors_file(GOOD)[:-4],
    "more than it says": tensors_file(GOOD) + bytes(4),
    "deep": header(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "long names": header(b'{"' + b"a" * HEADER_BYTES + b'":1}'),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_headers_are_refused_before_anything_is_loaded(name: str):
    assert reason(MALFORMED[name], TINY, "model.safetensors") in (Reason.MALFORMED, Reason.WRONG_TYPE)


def test_a_file_of_many_tensors_is_refused_by_their_number():
    content = many(MOST_TENSORS + 1)
    assert reason(content, TINY, "m.safetensors") in (Reason.BEYOND_CAP, Reason.MALFORMED)


@pytest.mark.parametrize("kind", ["weights", "torchscript"])
def test_pickles_are_refused_and_never_opened(kind: str, tmp_path: Path):
    marker = tmp_path / "marker"
    evil = f"cos\nsystem\n(S'touch {marker}'\ntR.".encode()
    challenge = image_challenge([kind])
    for content in (archive_of({"data.pkl": evil}), b"\x80\x02" + evil, torch_pickle()):
        fault = refuse(content, challenge, "model.pt")
        assert fault.reason is Reason.UNSAFE_FORMAT
        assert "torch.onnx.export" in fault.sentence
    assert reason(archive_of({"archive_format": b"pt2"}), challenge, "model.pt2") is Reason.UNSAFE_FORMAT
    assert not marker.exists()


def test_dropout_left_on_is_found():
    class Noisy(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.dropout(image.flatten(1)[:, :3], 0.5, training=True)

    assert reason(to_torchscript(Noisy()), SCRIPT, "model.pt") is Reason.NOT_DETERMINISTIC


def test_a_program_cannot_read_and_its_words_are_not_repeated():
    read_file = 'torch.slice(torch.from_file("/etc/passwd", False, 4), 0, 0, 3)'
    stealing = f"torch.expand(torch.reshape({read_file}, [1, 3]), [torch.size(x, 0), 3])"
    fault = refuse(torchscript(stealing), TINY_SCRIPT, "model.pt")
    assert (fault.reason, str(fault.facts["problem"])) == (Reason.MODEL_FAILED, "its code raised an error")


def test_a_program_cannot_write(tmp_path: Path):
    target = tmp_path / "written"
    target.parent.chmod(0o777)
    saving = torchscript("torch.slice(x, 1, 0, 3)", before=f'torch.save(x, "{target}")')
    submit(saving, TINY_SCRIPT, "model.pt")  # torch says nothing of a file that it could not open
    assert not target.exists()


class Endless(torch.nn.Module):
    """Never returns."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        total = image
        while bool((total.sum() > -1).item()):
            total = total + 0
        return total


class Growing(torch.nn.Module):
    """Takes more and more memory."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        kept = [image]
        while len(kept) > 0:
            kept.append(torch.ones(1_000_000) * len(kept))
        return kept[0]


class Printing(torch.nn.Module):
    """Floods its output."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        while len(image.shape) > 0:
            print(image)  # noqa: T201
        return image


PROGRAMS = {
    "endless": (Endless, Reason.TIMED_OUT),
    "growing": (Growing, Reason.OUT_OF_MEMORY),
    "printing": (Printing, Reason.TOO_MUCH_OUTPUT),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore")
def test_a_program_is_stopped_where_its_bounds_are(name: str):
    program, expected = PROGRAMS[name]
    scripted = torch.jit.script(program())
    content = scripted.save_to_buffer()
    limits = {"grade_seconds": 4, "memory_bytes": 900_000_000, "upload_bytes": 1_000_000}
    assert reason(content, image_challenge(["torchscript"], limits=limits), "model.pt") is expected


def test_an_architecture_that_does_not_build_is_not_the_participants_fault():
    broken = image_challenge(["weights"])
    object.__setattr__(broken, "read_package", lambda _name: b"def build(): raise OSError")
    with pytest.raises(Exception, match="architecture") as caught:
        submit(weights(), broken, "model.safetensors")
    assert not isinstance(caught.value, InvalidSubmission)
