"""Scores a mean and directions by how much of the hidden images' variance they explain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import subspace_angles  # type: ignore[import-untyped]

from challenges._generators.grading import Given, Graded, Hidden, Side

Floats = NDArray[np.float64]

DIRECTION, BEST = "max", 1.0
WHITE = 255
PREFIXES = (4, 8, 16)
NEGLIGIBLE = 1e-5
"""A direction of which less than this share is new counts as none."""
SHOWN_IMAGES = 6
SHOWN_ROWS = 15


def grade(given: Given, hidden: Hidden, side: Side) -> Graded:
    """Explained variance of one side's images, and what else directions tell.

    Args:
        given: `mean` of shape (784,) and `components` of shape (k, 784), in units where white is 1.
        hidden: `images`, `answers` with the digits, and `train` with the images and the best directions.
        side: The images to explain.
    """
    mean, components = (given.arrays[name].astype(np.float64) for name in ("mean", "components"))
    images = hidden["images"]["image"][side.rows] / WHITE
    basis = straighten(components)
    codes = (images - mean) @ basis.T
    lost = ((images - mean) ** 2).sum(1) - (codes**2).sum(1)
    spread = ((images - images.mean(0)) ** 2).sum(1)
    share = float(lost.sum() / spread.sum())
    steps = explain(images, mean, basis)
    secondary = {f"first_{k}": steps[min(k, len(steps)) - 1] for k in PREFIXES}
    secondary["neighbours"] = match_neighbours(codes, hidden["answers"]["label"][side.rows])
    kept = basis[np.abs(basis).sum(1) > 0]
    if len(kept):
        secondary["angle"] = float(np.degrees(subspace_angles(kept.T, hidden["train"]["basis"].T).max()))
    return Graded(
        score=1 - share,
        secondary=secondary,
        influence=(share * spread - lost) / spread.mean(),
        shown=show(images, mean, basis, hidden["train"]["image"] / WHITE) if side.is_public else {},
    )


def straighten(components: Floats) -> Floats:
    """Orthonormal directions that span, one after the other, what the given ones span; shape (k, 784).

    One that adds nothing to those before it becomes 0.
    """
    directions, triangle = np.linalg.qr(components.T)
    lengths = np.linalg.norm(components, axis=1)
    is_new = np.abs(np.diag(triangle)) > NEGLIGIBLE * np.maximum(lengths, 1e-30)
    return np.asarray(directions.T * is_new[:, None])


def explain(images: Floats, mean: Floats, basis: Floats) -> list[float]:
    """Share of the images' variance that the mean and the first 1, 2 … directions explain."""
    centred = images - mean
    gained = np.cumsum(((centred @ basis.T) ** 2).sum(0))
    shares = 1 - ((centred**2).sum() - gained) / ((images - images.mean(0)) ** 2).sum()
    return [float(share) for share in shares]


def match_neighbours(codes: Floats, labels: NDArray[np.int64]) -> float:
    """Share of images whose nearest other one, by its coordinates, shows the same digit."""
    squares = (codes**2).sum(1)
    distances = squares[:, None] + squares[None, :] - 2 * codes @ codes.T
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(1)] == labels).mean())


def show(images: Floats, mean: Floats, basis: Floats, train: Floats) -> dict[str, Any]:
    """The curve over directions, and training images: never hidden ones."""
    sources = (("hidden images", "隐藏图片", images), ("training images", "训练图片", train))
    restored = mean + (train - mean) @ basis.T @ basis
    lost = ((train - restored) ** 2).sum(1)
    return {
        "variance": {
            "x_label": {"en": "directions", "zh": "方向数"},
            "y_label": {"en": "explained variance", "zh": "解释方差"},
            "lines": [
                {"name": {"en": en, "zh": zh}, "points": list(enumerate(explain(x, mean, basis), 1))}
                for en, zh, x in sources
            ],
        },
        "images": {
            "columns": [{"en": "training image", "zh": "训练图片"}, {"en": "what is left of it", "zh": "还原结果"}],
            "rows": [
                {"pictures": [to_picture(train[row]), to_picture(restored[row])], "caption": f"train[{row}]"}
                for row in range(SHOWN_IMAGES)
            ],
        },
        "residuals": {
            "label": {"en": "squared error of the row", "zh": "该行的平方误差"},
            "rows": [
                {"name": f"train[{row}]", "value": float(lost[row])}
                for row in np.argsort(-lost, kind="stable")[:SHOWN_ROWS].tolist()
            ],
        },
    }


def to_picture(image: Floats) -> NDArray[np.uint8]:
    """A row of 784 numbers as 28 × 28 grey pixels."""
    return np.clip(np.rint(image * WHITE), 0, WHITE).astype(np.uint8).reshape(28, 28)
