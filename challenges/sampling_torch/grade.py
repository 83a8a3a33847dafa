"""Compares samples with exact draws along secret directions, in units of what chance alone costs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import energy_distance, kstest  # type: ignore[import-untyped]

from challenges._generators.grading import Given, Graded, Hidden, Side

Floats = NDArray[np.float64]

DIRECTION, BEST = "min", 0.0
LAGS = 30
ENERGY_DIRECTIONS = 8
"""The energy distance is taken along so many of the directions: more would hardly change it, and take seconds."""
ORDINALS = (("first", "第一"), ("second", "第二"), ("third", "第三"), ("fourth", "第四"))


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
            "ks_p": float(kstest(samples["t1"][:, 0], exact["t1"][:, 0].astype(np.float64)).pvalue),
            "energy": float(np.mean([measure_energy(x, exact[name], directions[name]) for name, x in samples.items()])),
            "moments": float(np.mean([compare_moments(draws, exact[name]) for name, draws in samples.items()])),
            "repeated": float(np.mean([count_repeated(draws) for draws in samples.values()])),
            "echo": float(np.mean([np.abs(correlate(draws, 1)).max() for draws in samples.values()])),
        },
        shown=show(samples, hidden.get("edges", {}), hidden.get("shares", {}), ratios) if side.is_public else {},
    )


def measure_distances(samples: Floats, exact: NDArray[np.float32], directions: Floats) -> Floats:
    """Wasserstein distance along each direction; there are a whole number of times as many exact draws.

    Source: Bonneel, Rabin, Peyré and Pfister, Sliced and Radon Wasserstein Barycenters of Measures, 2015.
    """
    times = len(exact) // len(samples)
    mine, theirs = (np.sort(draws @ directions.T, axis=0) for draws in (samples, exact.astype(np.float64)))
    return np.asarray(np.abs(np.repeat(mine, times, axis=0) - theirs).mean(0))


def measure_energy(samples: Floats, exact: NDArray[np.float32], directions: Floats) -> float:
    """Energy distance along the first directions, where the exact draws have spread 1 along each.

    The mean of its square over all directions is the energy distance of the whole, up to a factor.

    Source: Székely and Rizzo, Energy statistics: a class of statistics based on distances, 2013.
    """
    squares = []
    for direction in directions[:ENERGY_DIRECTIONS]:
        mine, theirs = samples @ direction, exact.astype(np.float64) @ direction
        spread = theirs.std()
        squares.append(energy_distance(mine / spread, theirs / spread) ** 2)
    return float(np.sqrt(np.mean(squares)))


def compare_moments(samples: Floats, exact: NDArray[np.float32]) -> float:
    """Mean error of means and standard deviations, in standard deviations."""
    spread = exact.std(0, dtype=np.float64)
    errors = (samples.mean(0) - exact.mean(0, dtype=np.float64)) / spread, samples.std(0) / spread - 1
    return float(np.abs(errors).mean())


def count_repeated(samples: Floats) -> float:
    """Share of samples that only copy another one."""
    return 1 - len(np.unique(samples, axis=0)) / len(samples)


def correlate(samples: Floats, lag: int) -> Floats:
    """Correlation of each coordinate with itself so many samples later; 0 where it does not vary."""
    centred = samples - samples.mean(0)
    power = (centred**2).sum(0)
    return np.asarray((centred[lag:] * centred[:-lag]).sum(0) / np.where(power > 0, power, 1))


def show(
    samples: dict[str, Floats], edges: dict[str, Floats], shares: dict[str, Floats], ratios: dict[str, float]
) -> dict[str, Any]:
    """Ratios, echoes, and histograms of coordinates beside the density, which everybody may compute."""
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
        bins, exact = edges.get(name, ()), shares.get(name, ())  # older data has none
        for place, (english, chinese) in enumerate(ORDINALS[: draws.shape[1]]):
            told[f"histogram_{name}_{place + 1}"] = {
                "x_label": {"en": f"{english} coordinate", "zh": f"{chinese}个坐标"},
                "y_label": {"en": "share of the samples", "zh": "样本所占比例"},
                "lines": draw_histograms(draws[:, place], bins[place], exact[place]) if place < len(bins) else [],
            }
    return told


def draw_histograms(samples: Floats, edges: Floats, exact: Floats) -> list[dict[str, Any]]:
    """Shares of the samples in bins, and the shares of the density."""
    middles = (edges[1:] + edges[:-1]) / 2
    mine = np.histogram(samples, edges)[0] / len(samples)
    kinds = (({"en": "yours", "zh": "你的"}, mine), ({"en": "exact density", "zh": "精确密度"}, exact))
    return [{"name": name, "points": np.stack([middles, shares], axis=1).tolist()} for name, shares in kinds]
