"""What a guest is told of the model it opens, and the arrays that go in and out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from challenges.model import ANY, ModelSpec, Reading, Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

Compute = Callable[[list["NDArray[Any]"]], "NDArray[Any]"]
"""Runs a model: inputs in the order of the challenge's list, rows first; the output that is read."""
Load = Callable[[], Compute]
"""Makes a copy of a model that remembers nothing of what was given to others."""

CPU = "cpu"
SOME_TOKENS = 32
"""Size of a dimension that may have any, where no hidden inputs are at hand."""
_BYTES = 256


class OutOfRoom(Exception):
    """There is no memory for so many rows at once."""


@dataclass(frozen=True)
class Ask:
    """The settings of a guest that opens models; nothing in them is secret but the seed, which is good for no more."""

    model: ModelSpec
    """The challenge's models."""
    shapes: list[list[int]]
    """For each input, the sizes of one row."""
    stored: list[str]
    """For each input, NumPy's name of the type that hidden rows travel in."""
    filename: str = ""
    """Under which the model was uploaded."""
    expanded_bytes: int = 0
    """What an archive may unpack to."""
    rows: int = 0
    """How many hidden rows follow."""
    probes: int = 0
    """How many of them, the last ones, are probes."""
    alone: int = 0
    """How many more, each of which is computed by itself."""
    seed: int = 0
    """Of the random inputs, which nobody can know before: a model cannot behave for them alone."""
    device: str = CPU
    """`cpu`, `cuda`, or `cuda:1` for one of several."""
    memory_bytes: int = 0
    """What the run may take, for the sentence that says so."""
    gpu_memory_bytes: int = 0
    """What the model may take of a GPU's memory; 0: all of it."""
    takes: list[str] = field(default_factory=list)
    """Submission kinds that the challenge takes."""
    refuses_slow: bool = True
    """A model beyond the cap on time is refused; else its time is only measured as thoroughly."""

    @property
    def output_shape(self) -> list[int]:
        """Sizes of one row of the output; -1 only where the challenge leaves it open."""
        sizes = list(self.model.output.shape[1:])
        if self.model.reading is Reading.NEXT_TOKEN and sizes[0] == ANY:
            sizes[0] = self.shapes[0][0]
        return sizes

    @property
    def autocast(self) -> str:
        """Type of mixed precision, or nothing."""
        return self.model.autocast if self.device != CPU else ""


def row_shape(tensor: Tensor) -> list[int]:
    """Sizes of one row where only the challenge is known."""
    return [SOME_TOKENS if size == ANY else size for size in tensor.shape[1:]]


def row_bytes(shape: list[int], dtype: str) -> int:
    """Bytes of one stored row."""
    return math.prod(shape) * np.dtype(dtype).itemsize


def to_model(values: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Stored values as the model takes them: of its type, and scaled."""
    if tensor.scale == 1.0:
        return values.astype(tensor.dtype)
    scale = np.dtype(tensor.dtype).type(tensor.scale)
    return np.asarray(np.multiply(values, scale, dtype=tensor.dtype, casting="unsafe"))  # one pass over large inputs


def random_rows(tensor: Tensor, shape: list[int], rows: int, rng: Generator) -> NDArray[Any]:
    """Random input of so many rows, as the model takes it."""
    sizes = (rows, *shape)
    if tensor.dtype == "bool":
        return rng.integers(0, 2, sizes).astype(np.bool_)
    if tensor.dtype.startswith("float"):
        whole = rng.integers(0, _BYTES, sizes)
        return to_model(whole if tensor.scale != 1.0 else whole / _BYTES, tensor)
    return rng.integers(0, tensor.below or (_BYTES if tensor.dtype == "uint8" else 2), sizes).astype(tensor.dtype)
