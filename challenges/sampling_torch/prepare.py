"""Makes the data of sampling_torch: six densities, exact draws of each to compare with, and what chance alone costs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.keys import Keys
from challenges._generators.pictures import PALETTE, save_scatter

Floats = NDArray[np.float64]

SAMPLES = 4_000
EXACT_SAMPLES = 20_000
EXACT_SETS = 20
"""Sets of exact draws that the cost of chance is averaged over."""
DIRECTIONS = 64
SIDES = ("public", "private")
"""Each has exact draws and directions of its own."""
SHOWN = ("t2", "t3")
"""Targets in the preview."""
BINS, TAIL = 40, 0.005
"""Of the histograms that are shown: bins, and the share of exact draws at each end that they leave out."""
HISTOGRAM_SAMPLES = 1_000_000
"""So many that the histograms show the density and not the luck of the draw."""
COORDINATES = {"t1": 1, "t2": 2, "t3": 2, "t4": 4, "t5": 3, "t6": 2}
"""How many coordinates have a histogram: all that differ, since the last nine of the funnel are alike."""
SHAPES = {"t1": 1, "t2": 2, "t3": 2, "t4": 4, "t5": 3, "t6": 10}
"""Dimensions of each target."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:  # noqa: ARG001
    """Write the public files into `public`, exact draws and projections into `hidden`.

    Args:
        raw: Unused: there is nothing to download.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`.
    """
    targets = describe_targets(keys.rng("targets"))
    (public / "targets.json").write_text(json.dumps(targets, indent=1), encoding="utf-8")
    shutil.copyfile(Path(__file__).with_name("targets.py"), public / "targets.py")
    starts = {name: np.tile(np.float32(told["start"]), (SAMPLES, 1)) for name, told in targets.items()}
    np.savez(public / "sample_submission.npz", **starts)  # type: ignore[arg-type]
    for place, side in enumerate(SIDES):
        references = {name: make_reference(name, side, targets[name], keys) for name in SHAPES}
        for part, label in enumerate(("exact", "directions", "chance")):
            arrays = {name: found[part] for name, found in references.items()}
            np.savez(hidden / f"{label}_{side}.npz", **arrays)  # type: ignore[arg-type]
        if not place:
            draw_preview(
                public / "preview.png", {name: draw(targets[name], 1500, keys.rng("preview")) for name in SHOWN}
            )
    histograms = {
        name: make_histograms(draw(targets[name], HISTOGRAM_SAMPLES, keys.rng(f"{name}/histogram"))[:, :shown])
        for name, shown in COORDINATES.items()
    }
    for place, label in enumerate(("edges", "shares")):
        np.savez(hidden / f"{label}.npz", **{name: found[place] for name, found in histograms.items()})  # type: ignore[arg-type]
    items = [
        (side, name, row) for side in SIDES for name, size in SHAPES.items() for row in range(count_directions(size))
    ]
    ids = np.array(keys.ids(len(items)))
    columns = dict(zip(("side", "target", "direction"), zip(*items, strict=True), strict=True))
    answers = pl.DataFrame(
        {"id": ids, "target": columns["target"], "direction": columns["direction"], "side": columns["side"]}
    )
    answers.sort("id").write_parquet(hidden / "answers.parquet")


def make_reference(
    name: str, side: str, target: dict[str, Any], keys: Keys
) -> tuple[NDArray[np.float32], Floats, Floats]:
    """Exact draws, directions to compare along, and the distances that chance alone makes along them."""
    exact = draw(target, EXACT_SAMPLES, keys.rng(f"{name}/{side}/exact"))
    directions = draw_directions(SHAPES[name], keys.rng(f"{name}/{side}/directions"))
    return (
        exact.astype(np.float32),
        directions,
        measure_chance(target, exact, directions, keys.rng(f"{name}/{side}/chance")),
    )


def make_histograms(exact: Floats) -> tuple[Floats, Floats]:
    """Of each coordinate the edges of bins, shape (coordinates, bins + 1), and the share of the density in each bin."""
    low, high = np.quantile(exact, (TAIL, 1 - TAIL), axis=0)
    edges = np.linspace(low, high, BINS + 1, axis=1)
    shares = [np.histogram(column, bins)[0] / len(exact) for column, bins in zip(exact.T, edges, strict=True)]
    return edges, np.array(shares)


def describe_targets(rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """The numbers of all targets, rounded."""

    def number(low: float, high: float) -> float:
        return round(float(rng.uniform(low, high)), 2)

    factor = np.tril(rng.uniform(-0.9, 0.9, (4, 4)), -1) + np.diag(rng.uniform(0.3, 1.2, 4))
    weights = rng.uniform(0.5, 1.5, 8)
    return {
        "t1": {"density": "mixture", "start": [0.0], "scale": 2.0, "share": number(0.25, 0.4),
               "mean": number(-2.5, -1.5), "deviation": number(0.3, 0.6), "mode": number(0.8, 1.5),
               "width": number(0.6, 1.0)},
        "t2": {"density": "banana", "start": [0.0, 0.0], "scale": 2.0, "length": number(1.0, 1.4),
               "bend": number(0.5, 0.8), "height": number(-1.5, -0.5), "thickness": number(0.4, 0.6)},
        "t3": {"density": "ring", "start": [0.0, 0.0], "scale": 3.0, "radius": number(2.5, 3.5),
               "turn": number(0, 0.78), "deviation": number(0.2, 0.35),
               "weights": (weights / weights.sum()).round(3).tolist()},
        "t4": {"density": "correlated", "start": [0.0] * 4, "scale": 1.0,
               "mean": rng.uniform(-1, 1, 4).round(2).tolist(), "factor": factor.round(2).tolist()},
        "t5": {"density": "simplex", "start": [0.2, 0.3, 0.1], "scale": 0.15, "most": number(0.35, 0.5),
               "powers": rng.uniform(1.2, 3.0, 4).round(2).tolist()},
        "t6": {"density": "funnel", "start": [0.0] * 10, "scale": 1.0, "deviation": number(1.3, 1.7)},
    }  # fmt: skip


def draw(target: dict[str, Any], count: int, rng: np.random.Generator) -> Floats:
    """Exact and independent draws, shape (count, dimensions)."""
    return _SAMPLERS[target["density"]](target, count, rng)


def _draw_mixture(told: dict[str, Any], count: int, rng: np.random.Generator) -> Floats:
    normal = rng.normal(told["mean"], told["deviation"], count)
    gumbel = rng.gumbel(told["mode"], told["width"], count)
    return np.where(rng.random(count) < told["share"], normal, gumbel)[:, None]


def _draw_banana(told: dict[str, Any], count: int, rng: np.random.Generator) -> Floats:
    across = rng.normal(0, told["length"], count)
    up = told["bend"] * across**2 + told["height"] + rng.normal(0, told["thickness"], count)
    return np.stack([across, up], axis=1)


def _draw_ring(told: dict[str, Any], count: int, rng: np.random.Generator) -> Floats:
    weights = np.array(told["weights"])
    angles = rng.choice(8, count, p=weights / weights.sum()) * np.pi / 4 + told["turn"]
    middles = told["radius"] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray(middles + rng.normal(0, told["deviation"], (count, 2)))


def _draw_correlated(told: dict[str, Any], count: int, rng: np.random.Generator) -> Floats:
    return np.asarray(told["mean"] + rng.normal(size=(count, 4)) @ np.array(told["factor"]).T)


def _draw_simplex(told: dict[str, Any], count: int, rng: np.random.Generator) -> Floats:
    """Draw until enough lie within the bounds."""
    kept = np.empty((0, 3))
    while len(kept) < count:
        shares = rng.dirichlet(told["powers"], count)[:, :3]
        inside = (shares[:, 0] < told["most"]) & (shares[:, 1] > shares[:, 2])
        kept = np.concatenate([kept, shares[inside]])
    return kept[:count]


def _draw_funnel(told: dict[str, Any], count: int, rng: np.random.Generator) -> Floats:
    width = rng.normal(0, told["deviation"], (count, 1))
    return np.concatenate([width, rng.normal(size=(count, 9)) * np.exp(width / 2)], axis=1)


_SAMPLERS: dict[str, Callable[[dict[str, Any], int, np.random.Generator], Floats]] = {
    "mixture": _draw_mixture,
    "banana": _draw_banana,
    "ring": _draw_ring,
    "correlated": _draw_correlated,
    "simplex": _draw_simplex,
    "funnel": _draw_funnel,
}


def count_directions(size: int) -> int:
    """On a line there is only one."""
    return DIRECTIONS if size > 1 else 1


def draw_directions(size: int, rng: np.random.Generator) -> Floats:
    """Directions of length 1, evenly from all, shape (directions, size)."""
    directions = rng.normal(size=(count_directions(size), size))
    return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True))


def measure_chance(target: dict[str, Any], exact: Floats, directions: Floats, rng: np.random.Generator) -> Floats:
    """Mean distance of exact draws from the others along each direction: what cannot be blamed on a sampler.

    It is the Wasserstein distance, which on a line is the mean distance of the sorted draws.
    """
    theirs = np.sort(exact @ directions.T, axis=0)
    found = []
    for _ in range(EXACT_SETS):
        mine = np.sort(draw(target, SAMPLES, rng) @ directions.T, axis=0)
        found.append(np.abs(np.repeat(mine, EXACT_SAMPLES // SAMPLES, axis=0) - theirs).mean(0))
    return np.asarray(np.mean(found, axis=0))


def draw_preview(path: Path, draws: dict[str, Floats]) -> None:
    """Two of the targets beside each other."""
    moved = [points + np.array([12.0 * place, 0.0]) for place, points in enumerate(draws.values())]
    colours = np.repeat(np.array(PALETTE[: len(moved)], dtype=np.uint8), [len(points) for points in moved], axis=0)
    points = np.concatenate(moved)
    save_scatter(
        path,
        points[:, 0],
        points[:, 1],
        colours,
        size=(640, 320),
        labels=("first coordinate (t3: moved by 12)", "second coordinate"),
    )
