"""Small PNG pictures of a dataset for its page: a scatter of points, a sheet of images."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

PALETTE = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233))
"""Colours that people with any colour vision can tell apart (Okabe and Ito, 2008)."""

Pieces = list[tuple[str, tuple[int, int, int]]]
"""A text in pieces, each with its colour."""

_PAPER, _INK = (250, 250, 248), (90, 90, 90)
_YEN = "¥"


def save_scatter(
    path: Path,
    x: NDArray[Any],
    y: NDArray[Any],
    colours: NDArray[np.uint8],
    size: tuple[int, int] = (480, 320),
    labels: tuple[str, str] | None = None,
) -> None:
    """Write a scatter of points, with axes where they have names.

    Args:
        path: The PNG file to write.
        x: Horizontal places, shape (n,), growing to the right.
        y: Vertical places, shape (n,), growing upwards.
        colours: RGB for each point, shape (n, 3).
        size: Width and height in pixels.
        labels: What lies across and what lies upwards, in Latin letters; the axes then also tell the smallest and the
            largest value. None: no axes.
    """
    width, height = size
    margin = 16
    edge = 3 * margin // 2 if labels else margin
    image = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(image)
    across = edge + (width - edge - margin) * _unit(x)
    down = height - edge - (height - 2 * edge) * _unit(y)
    if labels:
        _draw_axes(draw, size, edge, (x, y), labels)
    for left, top, colour in zip(across.tolist(), down.tolist(), colours.tolist(), strict=True):
        draw.ellipse((left - 3, top - 3, left + 3, top + 3), fill=tuple(colour))
    image.save(path, optimize=True)


def _draw_axes(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    edge: int,
    values: tuple[NDArray[Any], NDArray[Any]],
    labels: tuple[str, str],
) -> None:
    """Two lines with the names of the axes and the ends of what they show; the upward one reads along the top."""
    (width, height), font = size, ImageFont.load_default(11)
    left, bottom = edge - 8, height - edge + 8
    draw.line((left, edge // 2, left, bottom), fill=_INK)
    draw.line((left, bottom, width - 4, bottom), fill=_INK)
    (low, high), (lowest, highest) = [(f"{x.min():.3g}", f"{x.max():.3g}") for x in values]
    for place, text, anchor in (
        ((left, height - 1), low, "lb"),
        (((left + width) / 2, height - 1), labels[0], "mb"),
        ((width - 4, height - 1), high, "rb"),
        ((left + 6, 2), f"{labels[1]}: {lowest} … {highest}", "lt"),
    ):
        draw.text(place, text, fill=_INK, font=font, anchor=anchor)


def save_sheet(path: Path, images: NDArray[np.uint8], columns: int, enlarge: int = 1) -> None:
    """Write images side by side, row by row; a last row that is not full is left out.

    Args:
        path: The PNG file to write.
        images: Grey ones of shape (n, height, width), or coloured ones of shape (n, height, width, 3).
        columns: Images in a row.
        enlarge: Pixels of the picture for one of an image, along a side.
    """
    rows = len(images) // columns
    height, width, *channels = images.shape[1:]
    grid = images[: rows * columns].reshape(rows, columns, height, width, *channels).swapaxes(1, 2)
    picture = Image.fromarray(np.ascontiguousarray(grid.reshape(rows * height, columns * width, *channels)))
    picture.resize((picture.width * enlarge, picture.height * enlarge), Image.Resampling.NEAREST).save(
        path, optimize=True
    )


def save_text(path: Path, pieces: Pieces, size: tuple[int, int] = (640, 360), height: int = 14) -> None:
    """Write coloured text, wrapped at the right margin and cut off at the bottom.

    Args:
        path: The PNG file to write.
        pieces: Texts of Latin letters and yen signs, in reading order.
        size: Width and height in pixels.
        height: Of the letters, in pixels.
    """
    image = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(height)
    margin = 16
    left, top = float(margin), margin
    for text, colour in pieces:
        for word in re.findall(r"\n|[^\S\n]|\S+", text):
            if word == "\n" or left + draw.textlength(word.replace(_YEN, "Y"), font=font) > size[0] - margin:
                left, top = float(margin), top + 3 * height // 2
            if word.isspace() and left == margin:
                continue
            _draw_word(draw, (left, top), word, colour, font)
            left += draw.textlength(word.replace(_YEN, "Y"), font=font)
    image.save(path, optimize=True)


def _draw_word(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], word: str, colour: tuple[int, int, int], font: Any
) -> None:
    """Draw a word; its yen signs, which Pillow's own font lacks, as a Y with two bars."""
    draw.text(place, word.replace(_YEN, "Y"), fill=colour, font=font)
    _, top, width, bottom = font.getbbox("Y")
    for sign in re.finditer(_YEN, word):
        left = place[0] + draw.textlength(word[: sign.start()].replace(_YEN, "Y"), font=font)
        for share in (0.55, 0.8):
            height = round(place[1] + top + share * (bottom - top))
            draw.line((left + 1, height, left + width - 1, height), fill=colour)


def shade(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours from blue (smallest value) through grey to orange (largest), by rank; shape (n, 3)."""
    ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(1, len(values) - 1)
    stops = np.array([PALETTE[0], (200, 200, 196), PALETTE[4]], dtype=np.float64)
    channels = [np.interp(ranks, (0, 0.5, 1), stops[:, channel]) for channel in range(3)]
    return np.stack(channels, 1).astype(np.uint8)


def _unit(values: NDArray[Any]) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    return (values - low) / max(high - low, 1e-12)
