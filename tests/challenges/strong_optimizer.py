"""A strong solution of optimizers, as a participant may write it: L-BFGS, and a tensor that knows all operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

PAIRS = 8
FIRST, LONGEST = 0.1, 1.0
"""Length of the first step in units of the gradient, and of any step."""
STRAIGHT = 1e-14
"""Pairs that say less of the curvature are not kept."""


class Optimizer:
    """L-BFGS with the two-loop recursion, and steps of bounded length instead of a line search.

    Source: Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4.
    """

    def __init__(self, dim: int, budget: int, seed: int) -> None:  # noqa: ARG002 - every optimiser is told
        self.pairs: list[tuple[Floats, Floats]] = []
        self.last: tuple[Floats, Floats] | None = None

    def step(self, x: Floats, grad: Floats, loss: float) -> Floats:  # noqa: ARG002 - not needed
        """The next point."""
        if self.last is not None:
            s, y = x - self.last[0], grad - self.last[1]
            if s @ y > STRAIGHT * np.linalg.norm(s) * np.linalg.norm(y):
                self.pairs = [*self.pairs, (s, y)][-PAIRS:]
        self.last = x, grad
        direction = self._turn(grad)
        return np.asarray(x - direction * min(1.0, LONGEST / (float(np.linalg.norm(direction)) + 1e-12)))

    def _turn(self, grad: Floats) -> Floats:
        """The gradient times an estimate of the inverse Hessian."""
        if not self.pairs:
            return FIRST * grad
        shares = []
        for s, y in reversed(self.pairs):
            shares.append(s @ grad / (s @ y))
            grad = grad - shares[-1] * y
        s, y = self.pairs[-1]
        grad = grad * (s @ y) / (y @ y)
        for (s, y), share in zip(self.pairs, reversed(shares), strict=True):
            grad = grad + s * (share - y @ grad / (s @ y))
        return grad


class Tensor:
    """An array that remembers what it was computed from, and how to pass a gradient on."""

    def __init__(
        self,
        data: ArrayLike,
        parents: Sequence[Tensor] = (),
        shares: Callable[[Floats], Sequence[Floats]] | None = None,
    ) -> None:
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents, self.shares = parents, shares

    def __add__(self, other: Tensor) -> Tensor:
        return Tensor(self.data + other.data, (self, other), lambda g: (g, g))

    def __sub__(self, other: Tensor) -> Tensor:
        return Tensor(self.data - other.data, (self, other), lambda g: (g, -g))

    def __mul__(self, other: Tensor) -> Tensor:
        return Tensor(self.data * other.data, (self, other), lambda g: (g * other.data, g * self.data))

    def __truediv__(self, other: Tensor) -> Tensor:
        quotient = self.data / other.data
        return Tensor(quotient, (self, other), lambda g: (g / other.data, -g * quotient / other.data))

    def __matmul__(self, other: Tensor) -> Tensor:
        return Tensor(self.data @ other.data, (self, other), lambda g: (g @ other.data.T, self.data.T @ g))

    def __pow__(self, power: float) -> Tensor:
        return Tensor(self.data**power, (self,), lambda g: (g * power * self.data ** (power - 1),))

    def exp(self) -> Tensor:
        found = np.exp(self.data)
        return Tensor(found, (self,), lambda g: (g * found,))

    def log(self) -> Tensor:
        return Tensor(np.log(self.data), (self,), lambda g: (g / self.data,))

    def tanh(self) -> Tensor:
        found = np.tanh(self.data)
        return Tensor(found, (self,), lambda g: (g * (1 - found**2),))

    def relu(self) -> Tensor:
        return Tensor(np.maximum(self.data, 0), (self,), lambda g: (g * (self.data > 0),))

    def sum(self, axis: int | None = None) -> Tensor:
        def spread(g: Floats) -> Sequence[Floats]:
            return (np.broadcast_to(g if axis is None else np.expand_dims(g, axis), self.data.shape),)

        return Tensor(self.data.sum(axis), (self,), spread)

    def reshape(self, shape: tuple[int, ...]) -> Tensor:
        return Tensor(self.data.reshape(shape), (self,), lambda g: (g.reshape(self.data.shape),))

    def backward(self) -> None:
        """Fill the gradients of all tensors that led here."""
        order: list[Tensor] = []
        seen: set[int] = set()

        def visit(tensor: Tensor) -> None:
            if id(tensor) not in seen:
                seen.add(id(tensor))
                for parent in tensor.parents:
                    visit(parent)
                order.append(tensor)

        visit(self)
        self.grad = np.ones_like(self.data)
        for tensor in reversed(order):
            shares = tensor.shares(tensor.grad) if tensor.shares else ()
            for parent, share in zip(tensor.parents, shares, strict=True):
                parent.grad = parent.grad + fold(share, parent.data.shape)


def fold(gradient: Floats, shape: tuple[int, ...]) -> Floats:
    """Sum a gradient over what was repeated, until it has a shape."""
    gradient = gradient.sum(tuple(range(gradient.ndim - len(shape))))
    repeated = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return np.asarray(gradient.sum(repeated, keepdims=True))
