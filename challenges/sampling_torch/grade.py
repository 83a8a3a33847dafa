"""Compares samples with exact draws along secret directions, in units of what chance alone costs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenges._generators.grading import Given, Graded, Hidden, Side

Floats = NDArray[np.float64]

DIRECTION, BEST = "min", 0.0
BINS = 40
LAGS = 30
TAIL = 0.005
"""Share of exact draws at each end that histograms leave out."""


def grade(given: Given, hidden: Hidden, side: Side) -> Graded:
    """Mean over the targets of the distance from exact draws, divided by the distance that chance makes.

    Args:
        given: Samples `t1` to `t6`, each of shape (4000, dimensions).
        hidden: Of each side `exact` draws, `directions`, and `chance` (mean distance of exact sets along them).
        side: Whose draws and directions to compare with.
    """
    samples = {name: array.astype(np.float64) for name, array in sorted(given.arrays.items())}
    exact, directions, chance = (hidden[f"{part}_{side.name}"] for part in ("exact", "directions", "chance"))
    ratios = {
        name: float(measure_distances(draws, exact[name], directions[name]).mean() / chance[name].mean())
        for name, draws in samples.items()
    }
    return Graded(
        score=float(np.mean(list(ratios.values()))),
        secondary={
            "worst": max(ratios.values()),
            "moments": float(np.mean([compare_moments(draws, exact[name]) for name, draws in samples.items()])),
            "repeated": float(np.mean([count_repeated(draws) for draws in samples.values()])),
            "echo": float(np.mean([np.abs(correlate(draws, 1)).max() for draws in samples.values()])),
        },
        shown=show(samples, exact, ratios) if side.is_public else {},
    )


def measure_distances(samples: Floats, exact: NDArray[np.float32], directions: Floats) -> Floats:
    """Wasserstein distance along each direction; there are a whole number of times as many exact draws.

    Source: Bonneel, Rabin, Peyré and Pfister, Sliced and Radon Wasserstein Barycenters of Measures, 2015.
    """
    times = len(exact) // len(samples)
    mine, theirs = (np.sort(draws @ directions.T, axis=0) for draws in (samples, exact.astype(np.float64)))
    return np.asarray(np.abs(np.repeat(mine, times, axis=0) - theirs).mean(0))


def compare_moments(samples: Floats, exact: NDArray[np.float32]) -> float:
    """Mean error of means and standard deviations, in standard deviations."""
    spread = exact.std(0, dtype=np.float64)
    errors = (samples.mean(0) - exact.mean(0, dtype=np.float64)) / spread, samples.std(0) / spread - 1
    return float(np.abs(errors).mean())


def count_repeated(samples: Floats) -> float:
    """Share of samples that are there more than once."""
    return 1 - len(np.unique(samples, axis=0)) / len(samples)


def correlate(samples: Floats, lag: int) -> Floats:
    """Correlation of each coordinate with itself so many samples later; 0 where it does not vary."""
    centred = samples - samples.mean(0)
    power = (centred**2).sum(0)
    return np.asarray((centred[lag:] * centred[:-lag]).sum(0) / np.where(power > 0, power, 1))


def show(samples: dict[str, Floats], exact: dict[str, NDArray[np.float32]], ratios: dict[str, float]) -> dict[str, Any]:
    """Ratios, echoes, and histograms of the first coordinate beside the exact ones."""
    told: dict[str, Any] = {
        "ratios": {
            "label": {
                "en": "distance, in units of chance (1: as good as exact draws)",
                "zh": "距离，以偶然误差为单位（1：与精确采样一样好）",
            },
            "rows": [{"name": name, "value": ratio} for name, ratio in ratios.items()],
        },
        "echoes": {
            "x_label": {"en": "samples later", "zh": "相隔的样本数"},
            "y_label": {"en": "correlation of the first coordinate", "zh": "第一个坐标的相关系数"},
            "lines": [
                {"name": name, "points": [(lag, float(correlate(draws, lag)[0])) for lag in range(1, LAGS + 1)]}
                for name, draws in samples.items()
            ],
        },
    }
    for name, draws in samples.items():
        told[f"histogram_{name}"] = {
            "x_label": {"en": "first coordinate", "zh": "第一个坐标"},
            "y_label": {"en": "share of the samples", "zh": "样本所占比例"},
            "lines": draw_histograms(draws[:, 0], exact[name][:, 0]),
        }
    return told


def draw_histograms(samples: Floats, exact: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Shares in bins between the outermost exact draws but a few."""
    low, high = np.quantile(exact, (TAIL, 1 - TAIL)).tolist()
    edges = np.linspace(low, high, BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    kinds = (({"en": "yours", "zh": "你的"}, samples), ({"en": "exact", "zh": "精确"}, exact))
    return [
        {"name": name, "points": np.stack([middles, np.histogram(x, edges)[0] / len(x)], axis=1).tolist()}
        for name, x in kinds
    ]
