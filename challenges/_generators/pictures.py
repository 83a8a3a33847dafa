"""Small PNG pictures of a dataset for its page: a scatter of points, a sheet of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

PALETTE = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233))
"""Colours that people with any colour vision can tell apart (Okabe and Ito, 2008)."""

_PAPER = (250, 250, 248)


def save_scatter(
    path: Path, x: NDArray[Any], y: NDArray[Any], colours: NDArray[np.uint8], size: tuple[int, int] = (480, 320)
) -> None:
    """Write a scatter of points without axes.

    Args:
        path: The PNG file to write.
        x: Horizontal places, shape (n,), growing to the right.
        y: Vertical places, shape (n,), growing upwards.
        colours: RGB for each point, shape (n, 3).
        size: Width and height in pixels.
    """
    width, height = size
    margin = 16
    image = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(image)
    across = margin + (width - 2 * margin) * _unit(x)
    down = height - margin - (height - 2 * margin) * _unit(y)
    for left, top, colour in zip(across.tolist(), down.tolist(), colours.tolist(), strict=True):
        draw.ellipse((left - 3, top - 3, left + 3, top + 3), fill=tuple(colour))
    image.save(path, optimize=True)


def save_sheet(path: Path, images: NDArray[np.uint8], columns: int, enlarge: int = 1) -> None:
    """Write grey images (n, height, width) side by side, row by row; a last row that is not full is left out."""
    rows = len(images) // columns
    count, height, width = rows * columns, *images.shape[1:]
    sheet = images[:count].reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
    picture = Image.fromarray(np.ascontiguousarray(sheet))
    picture.resize((picture.width * enlarge, picture.height * enlarge), Image.Resampling.NEAREST).save(
        path, optimize=True
    )


def shade(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours from blue (smallest value) through grey to orange (largest), by rank; shape (n, 3)."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(1, len(values) - 1)
    stops = np.array([PALETTE[0], (200, 200, 196), PALETTE[4]], dtype=np.float64)
    channels = [np.interp(ranks, (0, 0.5, 1), stops[:, channel]) for channel in range(3)]
    return np.stack(channels, 1).astype(np.uint8)


def _unit(values: NDArray[Any]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    return (values - low) / max(high - low, 1e-12)
