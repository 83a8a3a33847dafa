"""Random expressions of arrays that end in one number, and their gradients: what an automatic differentiator must do.

An expression is a list of steps. A step is an operation and the places of what it is applied to; leaves come first, and
each step adds a value: `["matmul", 0, 1]`, `["pow", 2, 0.5]`, `["reshape", 3, [2, 6]]`, `["sum", 4]`, `["sum", 4, 1]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
Shape = tuple[int, ...]
Apply = Callable[[Sequence[Any], Sequence[Any]], Any]
"""Applies a step to values."""

BINARY = ("add", "sub", "mul", "div", "matmul")
LEVELS = (
    ("add", "sub", "mul"),
    ("div", "pow", "exp", "log", "tanh", "relu"),
    ("sum",),
    ("matmul", "matmul", "matmul", "reshape"),
)
"""What each level adds to those before it; matrices are rare, and their products are drawn more often."""
BROADCASTS = 2
"""The level from which shapes differ."""
SHAPES: tuple[Shape, ...] = ((3,), (4,), (2, 3), (3, 4), (4, 2))
POWERS = (2, 3, -1, 0.5)
MOST_LEAVES = 4
SMALLEST, LARGEST = 0.1, 20.0
"""Logarithms, roots and quotients are taken of numbers from the first on; no value is beyond the second."""
FLATTEST, STEEPEST = 1e-2, 1e3
"""Norms of gradients."""


class Expression(NamedTuple):
    """A computation, what it begins with, and what its gradients are."""

    steps: list[list[Any]]
    leaves: list[Floats]
    """Rounded to three digits after the point."""
    gradients: list[Floats]
    """Of the last value, with respect to each leaf; by PyTorch."""


def draw_expressions(count: int, apply: Apply, rng: np.random.Generator) -> list[Expression]:
    """Draw expressions in which every leaf matters and no gradient is huge, as many of each level."""
    drawn: list[Expression] = []
    while len(drawn) < count:
        draft = _Draft(apply, rng, len(drawn) % len(LEVELS))
        draft.write(int(rng.integers(3, 9)))
        leaves = [leaf.requires_grad_() for leaf in draft.leaves]
        values: list[Any] = list(leaves)
        for step in draft.steps:
            values.append(apply(values, step))
        values[-1].backward()
        gradients = [np.zeros(0) if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]
        if all(FLATTEST < np.linalg.norm(gradient) < STEEPEST for gradient in gradients):
            drawn.append(Expression(draft.steps, [leaf.detach().numpy() for leaf in leaves], gradients))
    return drawn


@dataclass
class _Draft:
    """An expression that grows: a chain, whose links also take in leaves and what was said before.

    A new leaf moves all steps one place up.
    """

    apply: Apply
    rng: np.random.Generator
    level: int
    leaves: list[Tensor] = field(default_factory=list)
    steps: list[list[Any]] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    """Leaves, then what each step said."""

    def write(self, length: int) -> None:
        """Add so many steps, and a sum where the last value is not a single number."""
        self._add_leaf(SHAPES[self.rng.integers(len(SHAPES))])
        names = [name for level in LEVELS[: self.level + 1] for name in level]
        while len(self.steps) < length:
            name = names[self.rng.integers(len(names))]
            step = self._propose_binary(name) if name in BINARY else self._propose_unary(name)
            if step is not None:
                self._take(step)
        if self.values[-1].ndim:
            self._take(["sum", len(self.values) - 1])

    @property
    def _last(self) -> int:
        """Where the end of the chain stands: the first leaf, until there is a step."""
        return len(self.values) - 1 if self.steps else 0

    def _take(self, step: list[Any]) -> None:
        """Append a step, if what it says is not too large."""
        value = self.apply(self.values, step)
        if bool((value.abs() < LARGEST).all()) or step[0] == "sum":
            self.steps.append(step)
            self.values.append(value)

    def _add_leaf(self, shape: Shape) -> int:
        """Put a leaf behind the other ones, and return its place."""
        low = 0.3 if self.rng.random() < 0.6 else -2.0  # noqa: PLR2004
        place = len(self.leaves)
        leaf = torch.tensor(self.rng.uniform(low, 2.0, shape).round(3), dtype=torch.float64)
        self.leaves.append(leaf)
        self.values.insert(place, leaf)
        self.steps = [_move(step, place) for step in self.steps]
        return place

    def _propose_unary(self, name: str) -> list[Any] | None:
        x, place = self.values[self._last], self._last
        if name == "pow":
            power = POWERS[self.rng.integers(len(POWERS))]
            is_legal = bool((x > SMALLEST).all()) or (power == int(power) and (power > 0 or _is_apart(x)))
            return [name, place, power] if is_legal else None
        if name == "log":
            return [name, place] if bool((x > SMALLEST).all()) else None
        if name == "sum":
            return [name, place, int(self.rng.integers(x.ndim))] if x.ndim else None
        if name == "reshape":
            return [name, place, self._fold(x.numel())] if x.ndim else None
        return [name, place]

    def _propose_binary(self, name: str) -> list[Any] | None:
        x = self.values[self._last]
        if name == "matmul":
            if x.ndim != 2 or len(self.leaves) == MOST_LEAVES:  # noqa: PLR2004 - matrices
                return None
            other = self._add_leaf((x.shape[1], int(self.rng.integers(2, 5))))
            return [name, self._last, other]
        other = self._choose_other(x)
        pair = [self._last, other]
        if self.rng.random() < 0.5:  # noqa: PLR2004
            pair.reverse()
        return None if name == "div" and not _is_apart(self.values[pair[1]]) else [name, *pair]

    def _choose_other(self, x: Tensor) -> int:
        """The place of a value that `x` broadcasts with: an earlier one, or a new leaf."""
        earlier = [place for place, value in enumerate(self.values) if _broadcasts(value.shape, x.shape)]
        if len(self.leaves) == MOST_LEAVES or self.rng.random() < 0.3:  # noqa: PLR2004
            return int(self.rng.choice(earlier))
        shape = tuple(x.shape) or SHAPES[self.rng.integers(2)]
        ones = tuple(1 if place else size for place, size in enumerate(shape))
        choices: list[Shape] = [shape, shape, shape[1:], ones] if self.level >= BROADCASTS else [shape]
        return self._add_leaf(choices[self.rng.integers(len(choices))])

    def _fold(self, size: int) -> list[int]:
        """Rows and columns of a matrix with so many elements, or one row of them all."""
        rows = int(self.rng.choice([n for n in range(1, size + 1) if size % n == 0]))
        return [size] if rows == size else [rows, size // rows]


def _move(step: list[Any], place: int) -> list[Any]:
    """A step as it reads once a leaf was put in."""
    places = 3 if step[0] in BINARY else 2
    return [step[0], *(at + (at >= place) for at in step[1:places]), *step[places:]]


def _is_apart(x: Tensor) -> bool:
    """Nowhere close to zero."""
    return bool((x.abs() > SMALLEST).all())


def _broadcasts(one: Sequence[int], other: Sequence[int]) -> bool:
    return all(a in (b, 1) or b == 1 for a, b in zip(reversed(one), reversed(other), strict=False))
