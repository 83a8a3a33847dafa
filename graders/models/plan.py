"""Which rows a model is given: the hidden ones, probes made of them, and some once more, by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator, default_rng

from challenges.model import ModelSpec, Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graders.models.inputs import HiddenInputs

MOST_ALONE = 16


@dataclass(frozen=True, eq=False)
class Plan:
    """What is streamed to the guest, and what its answer is compared with."""

    arrays: list[NDArray[Any]]
    """One for each input: scored rows, shown rows, probes, then the rows that are computed by themselves."""
    scored: int
    shown: int
    positions: NDArray[np.intp]
    """For each probe, the last position up to which it equals its row; empty where no model could look ahead."""
    alone: NDArray[np.intp]
    """Rows that come once more, to be computed by themselves."""
    targets: NDArray[Any]
    """Tokens to be predicted in the scored and shown rows, shape (rows, tokens); empty for other readings."""

    @property
    def rows(self) -> int:
        """Rows that are computed in batches."""
        return self.scored + self.shown + len(self.positions)


def make_plan(inputs: HiddenInputs, model: ModelSpec, seed: int) -> Plan:
    """Choose probes and rows.

    Args:
        inputs: Hidden rows.
        model: How the output is read.
        seed: Unknown to participants; the same submission gets the same plan.
    """
    rng = default_rng(seed)
    scored, shown = inputs.scored, len(inputs.shown)
    alone = np.sort(rng.choice(scored, min(MOST_ALONE, scored), replace=False))
    positions = np.empty(0, dtype=np.intp)
    targets: NDArray[Any] = np.empty((0, 0), dtype=np.int64)
    arrays = list(inputs.arrays)
    if model.reading is Reading.NEXT_TOKEN:
        tokens = arrays[0]
        given, targets = tokens[:, :-1], tokens[:, 1:]
        positions = spread_positions(scored, given.shape[1] - 1, rng)
        arrays = [np.concatenate([given, make_probes(given, positions, rng)])]
    arrays = [np.ascontiguousarray(np.concatenate([array, array[alone]])) for array in arrays]
    return Plan(arrays, scored, shown, positions, alone, targets)


def spread_positions(rows: int, places: int, rng: Generator) -> NDArray[np.intp]:
    """A position from 0 for each row: all equally often, or evenly spread where there are fewer rows than positions."""
    steps = (np.arange(rows) + rng.random()) * max(places, 1) / rows
    return np.asarray(rng.permutation(steps.astype(np.intp) % max(places, 1)))


def make_probes(given: NDArray[Any], positions: NDArray[np.intp], rng: Generator) -> NDArray[Any]:
    """Rows that go on differently after a position: with the end of another hidden row, so that they read naturally."""
    count = len(positions)
    others = (np.arange(count) + rng.integers(1, max(len(given), 2), count)) % len(given)
    after = np.arange(given.shape[1]) > positions[:, None]
    return np.where(after, given[others], given[:count])
