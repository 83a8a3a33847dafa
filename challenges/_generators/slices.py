"""What makes a written digit easy or hard, measured in its image, and names for groups of such measures."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_INK, _TRACE = 100, 60  # brightness from which a pixel is surely ink, and from which it counts a little

UPRIGHT = 0.1
"""Moving less to a side for each pixel upwards, a digit counts as upright: six degrees."""


def measure_pen(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Width of the stroke: inked area over half its outline, in pixels."""
    ink = images > _INK
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    core = padded[:, :-2, 1:-1] & padded[:, 2:, 1:-1] & padded[:, 1:-1, :-2] & padded[:, 1:-1, 2:]
    area, outline = ink.sum((1, 2)), (ink & ~core).sum((1, 2))
    return np.asarray(2 * area / np.maximum(outline, 1))


def measure_skew(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Slant of the ink: how many pixels it moves to the right for each pixel upwards, by second moments."""
    weight = np.where(images > _TRACE, images, 0).astype(np.float64)
    total = np.maximum(weight.sum((1, 2)), 1e-9)
    across = np.arange(images.shape[2])
    down = np.arange(images.shape[1])
    x = across - (weight.sum(1) @ across / total)[:, None]
    y = down - (weight.sum(2) @ down / total)[:, None]
    mixed = np.einsum("nij,ni,nj->n", weight, y, x, optimize=True)
    vertical = np.einsum("nij,ni->n", weight, y**2, optimize=True)
    return np.asarray(-mixed / np.maximum(vertical, 1e-9))


def name_slant(images: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Names of the way each digit leans, by fixed angles: hands lean right more often than left."""
    return name_ranges(measure_skew(images), (-UPRIGHT, UPRIGHT), ("leaning left", "upright", "leaning right"))


def name_thirds(values: NDArray[Any], names: tuple[str, str, str]) -> NDArray[np.str_]:
    """Names of the lowest, middle and highest third."""
    low, high = np.quantile(values, (1 / 3, 2 / 3))
    return name_ranges(values, (low, high), names)


def name_ranges(values: NDArray[Any], cuts: tuple[float, ...], names: tuple[str, ...]) -> NDArray[np.str_]:
    """Names of the ranges that ascending cuts make; a value at a cut belongs above it."""
    return np.array(names)[np.searchsorted(np.array(cuts), values, side="right")]
