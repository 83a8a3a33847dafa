"""Bayesian networks of yes-no questions: small enough that every state of the world can be counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_NODES = 16
"""Beyond it, counting all states takes too long."""


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes that are 1 (yes) or 0 (no), each with a chance that depends on its parents alone."""

    parents: Mapping[str, tuple[str, ...]]
    """Parents of each node; nodes come after their parents."""
    tables: Mapping[str, NDArray[np.float64]]
    """For each node the chance of 1, shape (2,) * number of parents, an axis for each parent in their order."""

    @property
    def nodes(self) -> list[str]:
        """Names, parents first."""
        return list(self.parents)

    def joint(self) -> NDArray[np.float64]:
        """Chance of every state of the world, shape (2,) * number of nodes; sums to 1."""
        place = {name: axis for axis, name in enumerate(self.nodes)}
        product = np.ones((1,) * len(place))
        for name, above in self.parents.items():
            yes = self.tables[name]
            factor = np.stack([1 - yes, yes], axis=-1)
            axes = [place[node] for node in (*above, name)]
            shape = [2 if axis in axes else 1 for axis in range(len(place))]
            product = product * factor.transpose(np.argsort(axes)).reshape(shape)
        return np.asarray(product)

    def sample(self, count: int, rng: np.random.Generator) -> NDArray[np.int8]:
        """Independent states of the world, shape (count, nodes), 0 or 1."""
        joint = self.joint()
        states = rng.choice(joint.size, count, p=joint.ravel() / joint.sum())
        return np.stack(np.unravel_index(states, joint.shape), axis=1).astype(np.int8)


def infer(joint: NDArray[np.float64], target: int, evidence: Mapping[int, int]) -> float:
    """Chance that the node at place `target` is 1, given the values of other nodes by their places.

    Raises:
        ZeroDivisionError: The evidence is impossible.
    """
    seen = joint[tuple(evidence.get(axis, slice(None)) for axis in range(joint.ndim))]
    axis = target - sum(place < target for place in evidence)
    no, yes = np.moveaxis(seen, axis, 0).reshape(2, -1).sum(axis=1).tolist()
    chance: float = yes / (no + yes)
    return chance
