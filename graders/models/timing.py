"""How long a model takes for one row, beside a reference timed in turn with it: the ratio outlives the machine."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import default_rng

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graders.models.asking import Compute, Load

BUDGET_SECONDS = 0.3
MOST_REPEATS = 9
PATIENCE = 5
"""A model that seems too slow is measured once more, for so many times as long."""
LEAST_REPEATS = 3
"""Then at least so often, however slow it is."""
WARM_CALLS = 2
"""Before them TorchScript watches and rewrites a program, once for each copy."""
_ROWS, _WIDTH, _LAYERS = 256, 256, 3


class Timed:
    """A model that is timed at each call, in turn with the reference."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self._reference = make_reference()
        self._reference()
        self._taken: list[tuple[float, float]] = []

    def __call__(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        """Run it."""
        began = time.perf_counter()
        output = self._compute(inputs)
        self._taken.append((time.perf_counter() - began, _time_reference(self._reference)))
        return output

    @property
    def ratio(self) -> float:
        """As in `measure_latency`; the first calls do not count where there are others."""
        taken = self._taken[WARM_CALLS:] or self._taken
        ours, reference = (statistics.median(pair[side] for pair in taken) for side in (0, 1))
        return ours / reference


def measure_latency(load: Load, draw: Callable[[], list[NDArray[Any]]], cap: float = 0.0) -> dict[str, float]:
    """Medians over as many repeats as a third of a second holds, at least one.

    Other programs on the machine make a model look slow. So one that is beyond the cap is measured again, for longer,
    and the better of both counts.

    Args:
        load: Makes the copy that is timed.
        draw: Makes its inputs, another row each time: what was computed before is of no use.
        cap: The largest ratio that is taken; 0 for any.

    Returns:
        `latency_ms`, and `latency_ratio`: to three multiplications of 256 x 256 matrices on one core.
    """
    compute = load()
    for _ in range(WARM_CALLS):
        compute(draw())
    found = _measure(compute, draw)
    if not cap or found["latency_ratio"] <= cap:
        return found
    again = _measure(compute, draw, PATIENCE, LEAST_REPEATS)
    return min(found, again, key=lambda costs: costs["latency_ratio"])


def _measure(
    compute: Compute, draw: Callable[[], list[NDArray[Any]]], patience: int = 1, least: int = 1
) -> dict[str, float]:
    reference = make_reference()
    reference()
    first = _time_row(compute, draw()) + _time_reference(reference)
    repeats = int(min(patience * MOST_REPEATS, max(least, patience * BUDGET_SECONDS / first - 1)))
    taken = [(_time_row(compute, draw()), _time_reference(reference)) for _ in range(repeats)]
    ours = statistics.median(pair[0] for pair in taken)
    return {"latency_ms": 1000 * ours, "latency_ratio": ours / statistics.median(pair[1] for pair in taken)}


def make_reference() -> Callable[[], object]:
    """The fixed computation that a model's time is divided by."""
    rng = default_rng(0)
    weights = [rng.standard_normal((_WIDTH, _WIDTH), dtype=np.float32) / 16 for _ in range(_LAYERS)]
    start = rng.standard_normal((_ROWS, _WIDTH), dtype=np.float32)

    def compute() -> object:
        values = start
        for matrix in weights:
            values = np.maximum(values @ matrix, 0)
        return values

    return compute


def _time_reference(reference: Callable[[], object]) -> float:
    """Without the time that threads took from it, which a model has left behind."""
    began, everyone, own = time.perf_counter(), time.process_time(), time.thread_time()
    reference()
    whole, everyone, own = time.perf_counter() - began, time.process_time() - everyone, time.thread_time() - own
    return max(own, whole - max(everyone - own, 0.0))


def _time_row(compute: Compute, row: list[NDArray[Any]]) -> float:
    began = time.perf_counter()
    compute(row)
    return time.perf_counter() - began
