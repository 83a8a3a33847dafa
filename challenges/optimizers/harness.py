"""Calls what a participant wrote: `Optimizer` of solution.py step by step, and `Tensor` of autograd.py.

The grader runs this file as a program, beside the participant's files, and tells it losses and gradients; it answers
points, and gradients of expressions. practice.py calls the same functions on the participant's own machine.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Step = Sequence[Any]
"""An operation, the place of the value it is applied to, further places or numbers: `["add", 0, 1]`, `["exp", 2]`."""
Result = TypeVar("Result")

if TYPE_CHECKING:  # in the sandbox, these are there
    SETTINGS: dict[str, Any] = {}

    def answer(note: dict[str, Any], arrays: Mapping[str, Floats]) -> None:
        """Send a note and arrays to the grader."""

    def hear() -> tuple[dict[str, Any], dict[str, Floats]] | None:
        """The grader's next note and arrays; None when it has no more to say."""


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "matmul": operator.matmul,
}


def advance(optimizer: Any, x: Floats, gradient: Floats, loss: float) -> Floats:
    """Ask an optimiser for its next point.

    Raises:
        ValueError: It is not a point of the same dimensions, or not finite. What the optimiser raises is passed on.
    """
    point = np.array(optimizer.step(x.copy(), gradient.copy(), loss), dtype=np.float64)
    if point.shape != x.shape:
        raise ValueError(f"step() returned an array of shape {point.shape}; it must have the shape of x, {x.shape}")
    if not np.isfinite(point).all():
        raise ValueError("step() returned a number that is not finite")
    return point


def apply(values: Sequence[Any], step: Step) -> Any:
    """Apply one operation to tensors."""
    name, x, rest = step[0], values[step[1]], step[2:]
    if name in _BINARY:
        return _BINARY[name](x, values[rest[0]])
    match name:
        case "pow":
            return x ** rest[0]
        case "reshape":
            return x.reshape(tuple(rest[0]))
        case "sum" if rest:
            return x.sum(axis=rest[0])
    return getattr(x, name)()


def differentiate(make: Callable[[Floats], Any], leaves: Sequence[Floats], steps: Sequence[Step]) -> list[Floats]:
    """Gradients of an expression's last value, a single number, with respect to its leaves.

    Raises:
        ValueError: A gradient is missing, or has not the shape of its leaf. What the tensors raise is passed on.
    """
    tensors = [make(leaf.copy()) for leaf in leaves]
    values = list(tensors)
    for step in steps:
        values.append(apply(values, step))
    values[-1].backward()
    gradients = [np.array(tensor.grad, dtype=np.float64) for tensor in tensors]
    for gradient, leaf in zip(gradients, leaves, strict=True):
        if gradient.shape != leaf.shape:
            raise ValueError(f"a gradient has shape {gradient.shape}; that of its tensor is {leaf.shape}")
    return gradients


def optimise() -> None:
    """Step optimisers through the problems of one family, side by side; one that fails answers NaN from then on."""
    make = import_module("solution").Optimizer
    answer({}, {})
    optimizers: list[Any] = []
    x = np.empty((0, 0))
    while (told := hear()) is not None:
        note, arrays = told
        if "x" in arrays:
            x = arrays["x"].copy()
            optimizers = [attempt(make, x.shape[1], note["budget"], seed) for seed in note["seeds"]]
        for row, optimizer in enumerate(optimizers):
            told_here = (x[row], arrays["gradient"][row], float(arrays["loss"][row]))
            point = None if optimizer is None else attempt(advance, optimizer, *told_here)
            x[row] = np.nan if point is None else point
            optimizers[row] = None if point is None else optimizer
        answer({}, {"x": x})


def derive() -> None:
    """Answer the gradients of one expression after the other; none where something went wrong."""
    has_module = find_spec("autograd") is not None
    make = import_module("autograd").Tensor if has_module else None
    answer({}, {})
    while (told := hear()) is not None:
        note, arrays = told
        gradients = None
        if make is not None:
            leaves = [arrays[f"leaf_{place}"] for place in range(len(arrays))]
            gradients = attempt(differentiate, make, leaves, note["steps"])
        answer({"has_module": has_module}, {f"leaf_{place}": one for place, one in enumerate(gradients or [])})


def attempt(function: Callable[..., Result], *args: Any) -> Result | None:
    """Call what belongs to a participant; None where it fails, but when it is tried out the failure is told."""
    try:
        return function(*args)
    except Exception:
        if SETTINGS["is_tried_out"]:
            raise
        return None


if __name__ == "__main__":
    {"optimise": optimise, "derive": derive}[SETTINGS["part"]]()
