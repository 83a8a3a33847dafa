"""What a challenge that takes models says of them: tensors, costs, operators, and how outputs become predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from challenges.records import RecordError
from challenges.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

MODEL_KINDS = ("onnx", "weights", "torchscript")
"""Submission kinds that are models, the safest first."""
DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")
ANY = -1
"""A dimension of any size."""


class Reading(StrEnum):
    """How a model's output becomes the columns of the predictions table."""

    CLASSES = "classes"
    """Logits of shape (rows, classes): the label column is the largest, the probability group their softmax."""
    NEXT_TOKEN = "next_token"  # noqa: S105 - of text
    """Logits of shape (rows, tokens, vocabulary), of the token after each: column `bits` is their mean cost."""


@dataclass(frozen=True)
class Tensor:
    """One input or output of a model."""

    name: str
    """As in the model's signature."""
    dtype: str
    """`float32`, `float64`, `int32`, `int64`, `uint8` or `bool`."""
    shape: list[int]
    """Sizes; -1 for any size. The first is always -1: the rows of a batch."""
    description: Text
    """What it holds, in a few words."""
    scale: float = 1.0
    """Hidden inputs that are stored as whole numbers are multiplied by it: pixels as bytes by 1/255."""
    below: int = 0
    """For whole numbers: every value is smaller than this; 0: any."""


@dataclass(frozen=True)
class Caps:
    """What a model may cost; 0 for no limit. Beyond it the submission is refused."""

    parameters: int = 0
    """Trained numbers: elements of the weights."""
    weight_bytes: int = 0
    """All constants of the model together, in bytes."""
    macs: int = 0
    """Multiplications with additions for one row."""
    latency_ratio: float = 0.0
    """Time for one row, beside a reference on the same machine: three products of 256 x 256 matrices on one core."""


@dataclass(frozen=True)
class ModelSpec:
    """The models a challenge takes."""

    formats: list[str]
    """Submission kinds that are taken: `onnx`, `weights` (safetensors), `torchscript`."""
    inputs: list[Tensor]
    """What the model is given; hidden inputs stand under these names in the hidden `inputs.npz`."""
    output: Tensor
    """What is read of its answer."""
    reading: Reading
    """`classes` or `next_token`."""
    caps: Caps = field(default_factory=Caps)
    """What it may cost."""
    architecture: str = ""
    """For `weights`: file of the package whose `build()` returns the torch module that the weights belong to."""
    oldest_opset: int = 17
    """For `onnx`: the oldest version of the operators."""
    newest_opset: int = 23
    """For `onnx`: the newest version of the operators."""
    rule: str = ""
    """A rule that the graph must keep: a file name under `graders/rules/`."""
    attachments: list[str] = field(default_factory=list)
    """Text files that may lie beside the model in a zip archive; shown with the submission, never scored."""
    first_scored: int = 0
    """For `next_token`: predictions before this position are not scored."""
    autocast: str = ""
    """On a GPU: `bfloat16` or `float16` for mixed precision; empty: float32."""
    batch_rows: int = 256
    """Rows that are computed at once, at most."""


def check_model(model: ModelSpec, columns: Iterable[str]) -> None:
    """Raise RecordError where fields contradict each other."""
    _require(bool(model.formats), "model.formats must name at least one kind")
    for name in model.formats:
        _require(name in MODEL_KINDS, f"model.formats: {name!r} is not one of {', '.join(MODEL_KINDS)}")
    _require(bool(model.inputs), "model.inputs must list at least one tensor")
    for tensor in [*model.inputs, model.output]:
        _require(tensor.dtype in DTYPES, f"model: {tensor.name}: dtype must be one of {', '.join(DTYPES)}")
        fits = tensor.shape[:1] == [ANY] and all(size == ANY or size > 0 for size in tensor.shape)
        _require(fits, f"model: {tensor.name}: shape must begin with -1 and hold positive sizes or -1")
    for name, cap in vars(model.caps).items():
        _require(cap >= 0, f"model.caps.{name} must not be negative")
    _require(("weights" in model.formats) == bool(model.architecture), "model.architecture goes with format weights")
    _require(model.oldest_opset <= model.newest_opset, "model.oldest_opset is newer than model.newest_opset")
    _require(model.autocast in ("", "bfloat16", "float16"), "model.autocast must be bfloat16 or float16")
    if model.reading is Reading.NEXT_TOKEN:
        _require("bits" in columns, "model.reading next_token needs a submission column named bits")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise RecordError(problem)
