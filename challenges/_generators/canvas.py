"""Drawing in colour, many images at a time: a pen that fills shapes in all of them at once, and painted backdrops.

Each image has a pose of its own, and a shape may differ from image to image. A pixel's colour depends on its distance
to the shape's edge, so that edges are smooth without drawing at a larger size first.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Length = Floats | float
"""One number for all images, or one for each, shape (n,)."""
Point = tuple[Length, Length]

DARKEST, BRIGHTEST = 20, 240
OCTAVES = ((2, 0.5), (5, 0.3), (32, 0.2))
"""Cells along a side, and weight, of the noises that a backdrop is mixed of."""


@dataclass(frozen=True)
class Pose:
    """Where and how a figure stands in each image; arrays of shape (n,)."""

    x: Floats
    """Middle, in pixels from the left."""
    y: Floats
    """Middle, in pixels from the top."""
    scale: Floats
    """Pixels for one unit of the figure, which spans about -1 … 1."""
    turn: Floats
    """In radians."""
    mirror: Floats
    """1 or -1: -1 swaps left and right."""
    shear: Floats
    """How far a point moves to the right for each unit downwards."""


class Pen:
    """Fills shapes in the coordinates of a figure, x to the right and y down; later shapes cover earlier ones.

    Args:
        pixels: Images of shape (n, 3, side²), painted in place.
        pose: Where the figure stands in each.
    """

    def __init__(self, pixels: Floats, pose: Pose) -> None:
        side = round(pixels.shape[2] ** 0.5)
        grid = np.arange(side, dtype=np.float32) + np.float32(0.5)
        across = np.tile(grid, side) - pose.x[:, None]
        down = np.repeat(grid, side) - pose.y[:, None]
        cosine, sine = (f(pose.turn)[:, None] / pose.scale[:, None] for f in (np.cos, np.sin))
        self._pixels = pixels
        self._scale = pose.scale[:, None]
        self._y = cosine * down - sine * across
        self._x = (cosine * across + sine * down - pose.shear[:, None] * self._y) * pose.mirror[:, None]
        self.covered = np.zeros_like(self._x)
        """How much of each pixel the figure covers, shape (n, side²), from 0 to 1."""

    def polygon(self, points: list[Point], colour: Floats, shown: NDArray[np.bool_] | None = None) -> None:
        """Fill a convex polygon.

        Args:
            points: Its corners in order, either way round.
            colour: RGB for each image, shape (n, 3).
            shown: Images in which it is drawn, shape (n,); None: all.
        """
        corners = [(_upright(x), _upright(y)) for x, y in points]
        pairs = list(zip(corners, [*corners[1:], corners[0]], strict=True))
        clockwise = np.sign(sum(x * y2 - x2 * y for (x, y), (x2, y2) in pairs))
        outside = np.full_like(self._x, -np.inf)
        for (x, y), (x2, y2) in pairs:
            length = np.maximum(np.hypot(x2 - x, y2 - y), 1e-6) * clockwise
            right, below = (y2 - y) / length, (x - x2) / length
            edge = right.astype(np.float32) * self._x
            edge += below.astype(np.float32) * self._y
            edge -= (right * x + below * y).astype(np.float32)
            np.maximum(outside, edge, out=outside)
        self._fill(outside, colour, shown)

    def ellipse(
        self, middle: Point, radii: Point, colour: Floats, turn: Length = 0.0, shown: NDArray[np.bool_] | None = None
    ) -> None:
        """Fill an ellipse, turned by `turn` radians."""
        (x, y), (rx, ry) = ((_upright(a), _upright(b)) for a, b in (middle, radii))
        cosine, sine = np.cos(_upright(turn)), np.sin(_upright(turn))
        across, down = self._x - x, self._y - y
        reach = np.hypot((across * cosine + down * sine) / rx, (down * cosine - across * sine) / ry)
        self._fill((reach - 1) * np.minimum(rx, ry), colour, shown)

    def line(self, points: list[Point], width: float, colour: Floats, shown: NDArray[np.bool_] | None = None) -> None:
        """Draw a line with round ends through points, at least one pixel wide."""
        nearest = np.full_like(self._x, np.inf)
        for (x, y), (x2, y2) in pairwise(points):
            left, top = _upright(x), _upright(y)
            along, up = _upright(x2) - left, _upright(y2) - top
            across, down = self._x - left, self._y - top
            share = np.clip((across * along + down * up) / np.maximum(along**2 + up**2, 1e-6), 0, 1)
            np.minimum(nearest, np.hypot(across - share * along, down - share * up), out=nearest)
        self._fill(nearest - np.maximum(width / 2, 0.5 / self._scale), colour, shown)

    def _fill(self, outside: Floats, colour: Floats, shown: NDArray[np.bool_] | None) -> None:
        """Blend a colour in, by the distance to the edge of what is filled, in units of the figure."""
        cover = np.clip(np.float32(0.5) - outside * self._scale, 0, 1).astype(np.float32)
        if shown is not None:
            cover *= shown[:, None]
        for channel in range(3):
            plane = self._pixels[:, channel]
            plane += cover * (colour[:, channel, None] - plane)
        np.maximum(self.covered, cover, out=self.covered)


def paint_backdrops(count: int, side: int, rng: np.random.Generator) -> Floats:
    """Paint backdrops: two colours mixed by cloudy noise, a third of them striped, a third shaded towards one side.

    Returns:
        Images of shape (count, 3, side²), from 0 to 255.
    """
    mix = np.zeros((count, side, side), dtype=np.float32)
    for cells, weight in OCTAVES:
        stretch = _stretching(cells + 1, side)
        mix += weight * (stretch @ rng.random((count, cells + 1, cells + 1), dtype=np.float32) @ stretch.T)
    style = rng.integers(0, 3, count)
    angle = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    pace = rng.uniform(1.0, 3.0, count).astype(np.float32)
    places = np.arange(side, dtype=np.float32)
    way = np.cos(angle)[:, None, None] * places + np.sin(angle)[:, None, None] * places[:, None]
    striped, shaded = style == 1, style == 2  # noqa: PLR2004
    mix[striped] += 0.25 * np.sin(way[striped] * pace[striped, None, None])
    mix[shaded] = mix[shaded] / 2 + 0.25 + way[shaded] / (4 * side)
    colours = draw_colours(2 * count, rng).reshape(2, count, 3, 1)
    share = np.clip(mix, 0, 1).reshape(count, 1, side * side)
    return np.asarray(colours[0] + share * (colours[1] - colours[0]))


def draw_colours(count: int, rng: np.random.Generator) -> Floats:
    """Draw colours, shape (count, 3), each channel on its own, so that no colour means anything."""
    return rng.uniform(DARKEST, BRIGHTEST, (count, 3)).astype(np.float32)


def blur(images: Floats, radius: Floats) -> Floats:
    """Blur images of shape (n, 3, side, side), each by a Gaussian whose standard deviation is `radius` pixels."""
    offsets = np.arange(-3, 4)
    weights = np.exp(-(offsets**2) / (2 * np.maximum(radius, 1e-3)[:, None] ** 2))
    weights = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    for axis in (2, 3):
        margin = [(0, 0)] * 4
        margin[axis] = (3, 3)
        padded = np.pad(images, margin, mode="edge")
        side = images.shape[axis]
        shifted = (padded.take(range(i, i + side), axis) * weights[:, i, None, None, None] for i in range(len(offsets)))
        images = np.asarray(sum(shifted), dtype=np.float32)
    return images


def _stretching(knots: int, side: int) -> Floats:
    """Weights (side, knots) that stretch a coarse grid smoothly over an image."""
    places = np.linspace(0, knots - 1, side)
    distance = np.minimum(np.abs(places[:, None] - np.arange(knots)), 1)
    return np.asarray(1 - distance**2 * (3 - 2 * distance), dtype=np.float32)


def _upright(length: Length) -> Floats:
    """A length as a column, to meet the pixels of each image."""
    return np.asarray(length, dtype=np.float32).reshape(-1, 1)
