"""Models that a grader must judge rightly before it listens: good, wrong and hostile ones, built from their bytes."""

from __future__ import annotations

import json
import math
import struct
import zipfile
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from challenges.errors import Reason
from challenges.manifest import Manifest
from challenges.records import parse_record
from graders.kinds import Reading, Specimen, Upload
from graders.loading import LoadedChallenge, make_challenge
from graders.models import tiny_onnx

if TYPE_CHECKING:
    from onnx import ModelProto

    from graders.sandbox import Mechanism

    Read = Callable[[Upload, LoadedChallenge, Mechanism], Reading]

INPUTS, CLASSES, ROWS = 4, 3, 12
ARCHITECTURE = b"""
import torch
def build():
    return torch.nn.Linear(4, 3)
"""
Case = tuple[str, str, bytes, Reason | None]
"""What is special about it, file name, content, reason of refusal."""
_TEXT = {"en": "Specimen", "zh": "样本"}
_MALFORMED, _UNSAFE = Reason.MALFORMED, Reason.UNSAFE_FORMAT
_PICKLE = b"\x80\x02}q\x00."
"""An empty dict, pickled."""


@lru_cache
def challenge_for(kind: str) -> LoadedChallenge:
    """A challenge in memory that takes models of one kind: four numbers in, three classes out."""
    answers = pl.DataFrame(
        {
            "id": range(ROWS),
            "label": [row % CLASSES for row in range(ROWS)],
            "side": ["public" if row % 2 else "private" for row in range(ROWS)],
        }
    )
    file = BytesIO()
    np.savez(file, id=np.arange(ROWS), x=np.random.default_rng(0).random((ROWS, INPUTS), dtype=np.float32))
    return make_challenge(
        _manifest(kind), answers, read_package=lambda _name: ARCHITECTURE, read_hidden=lambda _name: file.getvalue()
    )


def for_onnx(read: Read) -> list[Specimen]:
    """ONNX models."""
    forbidden, batch = Reason.FORBIDDEN_OPERATOR, Reason.BATCH_DEPENDENT
    models: list[tuple[str, ModelProto, Reason | None]] = [
        ("a linear model", tiny_onnx.linear(), None),
        ("a loop", tiny_onnx.with_operator("Loop"), forbidden),
        ("an operator of its own", tiny_onnx.with_operator("Softmax", domain="evil"), forbidden),
        ("numbers as text", tiny_onnx.with_operator("Cast", to=8), forbidden),
        ("random numbers", tiny_onnx.with_operator("RandomNormalLike"), forbidden),
        ("another output", tiny_onnx.linear(output="y"), Reason.WRONG_SIGNATURE),
        ("one row at once", tiny_onnx.linear(rows=1), Reason.FIXED_BATCH),
        ("old operators", tiny_onnx.linear(opset=9), Reason.WRONG_OPSET),
        ("too many numbers", tiny_onnx.linear(hidden=64), Reason.BEYOND_CAP),
        ("not a number", tiny_onnx.with_operator("Log"), Reason.OUTPUT_NOT_FINITE),
        ("the mean of the batch", tiny_onnx.with_operator("ReduceMean", np.array([0])), batch),
    ]
    cases: list[Case] = [(name, "model.onnx", model.SerializeToString(), reason) for name, model, reason in models]
    cases += [
        ("weights in a file beside", "model.zip", tiny_onnx.outside(), None),
        ("weights left at home", "model.onnx", tiny_onnx.without_weights(), Reason.MISSING_WEIGHTS),
        ("weights from elsewhere", "model.zip", tiny_onnx.outside("../../etc/passwd"), _MALFORMED),
        ("empty", "model.onnx", b"", Reason.EMPTY_FILE),
        ("no model", "model.onnx", b"\x08\x08" + b"\xff" * 50, _MALFORMED),
        ("a pickle", "model.onnx", _PICKLE, _UNSAFE),
        ("a state_dict of torch.save", "model.pt", torch_pickle(), _UNSAFE),
    ]
    return _specimens("onnx", cases, read)


def for_weights(read: Read) -> list[Specimen]:
    """Weights for the architecture."""
    good = {"weight": ("F32", [CLASSES, INPUTS]), "bias": ("F32", [CLASSES])}
    cases: list[Case] = [
        ("the architecture's weights", "model.safetensors", safetensors(good), None),
        ("a header beyond the file", "model.safetensors", struct.pack("<Q", 1 << 63) + b"{}", Reason.WRONG_TYPE),
        ("a tensor too few", "model.safetensors", safetensors({"weight": good["weight"]}), Reason.MISSING_TENSOR),
        ("a state_dict of torch.save", "model.pt", torch_pickle(), _UNSAFE),
    ]
    return _specimens("weights", cases, read)


def for_torchscript(read: Read) -> list[Specimen]:
    """TorchScript programs."""
    read_file = 'torch.slice(torch.from_file("/etc/passwd", False, 4), 0, 0, 3)'
    stealing = f"torch.expand(torch.reshape({read_file}, [1, 3]), [torch.size(x, 0), 3])"
    cases: list[Case] = [
        ("a slice", "model.pt", torchscript("torch.slice(x, 1, 0, 3)"), None),
        ("reads a file", "model.pt", torchscript(stealing), Reason.MODEL_FAILED),
        ("a state_dict of torch.save", "model.pt", torch_pickle(), _UNSAFE),
    ]
    return _specimens("torchscript", cases, read)


def safetensors(tensors: dict[str, tuple[str, list[int]]], **facts: Any) -> bytes:
    """A file of tensors that hold a half everywhere; all single precision. `facts` go into the first one's entry."""
    header: dict[str, Any] = {}
    end = 0
    for name, (dtype, shape) in tensors.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    if facts:
        next(iter(header.values())).update(facts)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + struct.pack("<f", 0.5) * (end // 4)


def torch_pickle() -> bytes:
    """What `torch.save` writes, as far as an archive shows it."""
    return archive_of({"data.pkl": _PICKLE, "version": b"3\n", "byteorder": b"little"})


def torchscript(body: str, before: str = "_ = 0") -> bytes:
    """A program of TorchScript whose `forward` of `x` returns `body`, after a statement."""
    code = (
        "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
        f"  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    {before}\n    return {body}\n"
    )
    module = b"\x80\x02c__torch__\nM\n)\x81}(X\x08\x00\x00\x00training\x89ub."
    files = {"data.pkl": module, "code/__torch__.py": code.encode(), "constants.pkl": b"\x80\x02).", "version": b"3\n"}
    return archive_of(files)


def archive_of(files: dict[str, bytes]) -> bytes:
    """A zip as torch writes it: everything below one folder, nothing packed."""
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"model/{name}", text)
    return content.getvalue()


def _specimens(kind: str, cases: list[Case], read: Read) -> list[Specimen]:
    def try_reading(upload: Upload, sandbox: Mechanism) -> Reading:
        return read(upload, challenge_for(kind), sandbox)

    return [Specimen(*case, try_reading) for case in cases]


def _manifest(kind: str) -> Manifest:
    labels = [str(code) for code in range(CLASSES)]
    model = {
        "formats": [kind],
        "inputs": [{"name": "x", "dtype": "float32", "shape": [-1, INPUTS], "description": _TEXT}],
        "output": {"name": "logits", "dtype": "float32", "shape": [-1, CLASSES], "description": _TEXT},
        "reading": "classes",
        "caps": {"parameters": 100},
        "architecture": "architecture.py" if kind == "weights" else "",
    }
    column = {"name": "label", "type": "label", "labels": labels, "description": _TEXT}
    facts = {
        "schema": 1,
        "version": 1,
        "kind": kind,
        "stage": "specimens",
        "hours": 1.0,
        "title": _TEXT,
        "summary": _TEXT,
        "metric": {"name": "accuracy", "direction": "max", "columns": ["label"]},
        "submission": {"id": "id", "columns": [column]},
        "thresholds": {"passing": 0.4, "good": 0.6, "excellent": 0.9},
        "data_licence": "CC0-1.0",
        "limits": {"grade_seconds": 30, "upload_bytes": 1_000_000},
        "model": model,
    }
    return parse_record(Manifest, facts)
