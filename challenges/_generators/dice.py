"""Choices from a stream of random numbers, for generators that put texts together piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")

_BLOCK = 4096


class Dice:
    """Choices from a stream of random numbers, which are drawn many at a time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._drawn: list[float] = []

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self._next() < probability

    def pick(self, options: Sequence[Item]) -> Item:
        """One of the options."""
        return options[int(self._next() * len(options))]

    def sample(self, options: Sequence[Item], count: int) -> list[Item]:
        """Several different ones, in any order."""
        left = list(options)
        return [left.pop(int(self._next() * len(left))) for _ in range(count)]

    def weigh(self, options: Sequence[Item], weights: Sequence[float]) -> Item:
        """One of the options, each as often as its weight says; the weights sum to 1."""
        mark = self._next()
        for option, weight in zip(options, weights, strict=True):
            mark -= weight
            if mark < 0:
                return option
        return options[-1]

    def _next(self) -> float:
        if not self._drawn:
            self._drawn = self._rng.random(_BLOCK).tolist()
        return self._drawn.pop()
