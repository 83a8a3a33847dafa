"""Pictures of several things at once, and boxes round what can be seen of each: what detectors learn from.

The things are those of `sprite_figures`, in any size, pose and colour. Later ones stand before earlier ones, some
pictures have a panel in front, and things may stick out of the picture. Fifteen hundred pictures take less
than ten seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from challenges._generators.canvas import Floats, Pen, Pose, draw_colours, paint_backdrops
from challenges._generators.keys import Keys
from challenges._generators.sprite_figures import FIGURES, draw_figure

SIDE = 128
"""Side of a picture, in pixels."""
MOST_THINGS = 6
SMALLEST, LARGEST = 0.07, 0.24
"""Half a thing's width, as a share of the picture's side; sizes are evenly spread over its logarithm."""
LEAST_SEEN = 0.4
"""Things of which less can be seen have no box."""
LEAST_SIDE = 5
"""Nor have those whose box would be narrower or lower, in pixels."""

_BATCH = 300
_TRIES = 20
_APART = 0.75
"""How far apart two middles are along one axis at least, in sums of their half widths."""
_REACH = 1.45
"""How far a figure spreads from its middle, in half widths."""
_STEP = 16
"""Patches are as large as the next multiple of it, so that many can be drawn at once."""
_PANELS = 0.35
_PANEL_SIDES = (10, 31)


@dataclass(frozen=True)
class Scenes:
    """Pictures and what can be seen in them."""

    pictures: NDArray[np.uint8]
    """Shape (n, 128, 128, 3)."""
    picture: NDArray[np.int64]
    """Place of each box's picture, ascending, shape (boxes,)."""
    kind: NDArray[np.int64]
    """Place of the thing in `sprites.CLASSES`, shape (boxes,)."""
    box: NDArray[np.int64]
    """Left, top, width and height in pixels, within the picture; shape (boxes, 4)."""
    seen: NDArray[np.float64]
    """Share of the thing that can be seen, from `LEAST_SEEN` to 1, shape (boxes,)."""


@dataclass(frozen=True)
class _Layout:
    """What stands where, arrays of shape (n, MOST_THINGS)."""

    kind: NDArray[np.int64]
    """-1 where there is nothing."""
    x: Floats
    y: Floats
    scale: Floats


def draw_scenes(part: str, count: int, keys: Keys) -> Scenes:
    """Draw pictures of one part: kinds, places, shapes and photography each from a key of their own."""
    layout = _lay_out(count, keys.rng(f"{part}/labels"), keys.rng(f"{part}/places"))
    shapes, noise = keys.rng(f"{part}/shapes"), keys.rng(f"{part}/noise")
    parts = [
        _draw_batch(layout, rows, shapes, noise) for rows in np.split(np.arange(count), range(_BATCH, count, _BATCH))
    ]
    pictures, pairs, boxes, seen = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Scenes(pictures, pairs[:, 0], layout.kind[pairs[:, 0], pairs[:, 1]], boxes, seen)


def _lay_out(count: int, labels: np.random.Generator, places: np.random.Generator) -> _Layout:
    """Choose kinds, sizes and places; a thing for which there is no room is left out."""
    shape = (count, MOST_THINGS)
    numbers = labels.integers(1, MOST_THINGS + 1, count)
    kind = np.where(np.arange(MOST_THINGS) < numbers[:, None], labels.integers(0, len(FIGURES), shape), -1)
    scale = SIDE * np.exp(places.uniform(np.log(SMALLEST), np.log(LARGEST), shape))
    offers = SIDE * places.uniform(0.05, 0.95, (*shape, _TRIES, 2))
    middle = np.full((*shape, 2), np.inf)
    for thing in range(MOST_THINGS):
        reach = _APART * (scale[:, thing, None] + scale[:, :thing])
        gaps = np.abs(offers[:, thing, :, None] - middle[:, None, :thing])  # shape (n, tries, earlier things, 2)
        fits = (gaps.max(3) > reach[:, None]).all(2)
        chosen = offers[np.arange(count), thing, fits.argmax(1)]
        kind[:, thing] = np.where(fits.any(1), kind[:, thing], -1)
        middle[:, thing] = np.where((kind[:, thing] >= 0)[:, None], chosen, np.inf)
    x, y = (np.nan_to_num(middle[..., axis], posinf=0).astype(np.float32) for axis in (0, 1))
    return _Layout(kind, x, y, scale.astype(np.float32))


def _draw_batch(
    layout: _Layout, rows: NDArray[np.intp], shapes: np.random.Generator, noise: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Draw some pictures.

    Returns:
        Pictures, and of each box the places of its picture and thing (boxes, 2), the box, and the share that is seen.
    """
    pixels, seen, whole = _draw_things(layout, rows, shapes)
    _draw_panels(pixels, seen, shapes)
    places, boxes, shares = _find_boxes(seen, whole)
    return _expose(pixels, noise), np.stack([rows[places[:, 0]], places[:, 1]], axis=1), boxes, shares


def _draw_things(
    layout: _Layout, rows: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Floats, NDArray[np.float16], NDArray[np.float64]]:
    """Draw the things of some pictures in front of backdrops.

    Returns:
        The pictures (n, 3, side, side), how much of each of their pixels shows each thing (n, things, side, side), and
        how many pixels each thing would cover if nothing hid it (n, things).
    """
    count = len(rows)
    pixels = paint_backdrops(count, SIDE, rng).reshape(count, 3, SIDE, SIDE)
    seen = np.zeros((count, MOST_THINGS, SIDE, SIDE), dtype=np.float16)
    whole = np.ones((count, MOST_THINGS))
    for thing in range(MOST_THINGS):
        kinds, scales = layout.kind[rows, thing], layout.scale[rows, thing]
        sides = (np.ceil((2 * _REACH * scales + 2) / _STEP) * _STEP).astype(np.int64)
        for kind, side in sorted(set(zip(kinds.tolist(), sides.tolist(), strict=True))):
            if kind >= 0:
                group = np.flatnonzero((kinds == kind) & (sides == side))
                middle = np.stack([layout.x[rows[group], thing], layout.y[rows[group], thing]], axis=1)
                patches = _Patches(group, middle, side)
                covered = patches.draw(pixels, kind, scales[group], rng)
                whole[group, thing] = covered.sum((1, 2))
                patches.cover(seen, thing, covered)
    return pixels, seen, whole


class _Patches:
    """Squares of one size in some of the pictures, which may stick out of them.

    Args:
        pictures: Places of the pictures, shape (n,).
        middle: Of each square, x and y, shape (n, 2).
        side: Of each square, in pixels.
    """

    def __init__(self, pictures: NDArray[np.intp], middle: NDArray[np.float32], side: int) -> None:
        corner = np.floor(middle).astype(np.int64) - side // 2
        self._middle, self._side = middle - corner, side
        starts, ends = np.maximum(corner, 0), np.minimum(corner + side, SIDE)
        self._inside = [
            (int(picture), (slice(y, y2), slice(x, x2)), (slice(y - top, y2 - top), slice(x - left, x2 - left)))
            for picture, (left, top), (x, y), (x2, y2) in zip(
                pictures, corner.tolist(), starts.tolist(), ends.tolist(), strict=True
            )
        ]

    def draw(self, pixels: Floats, kind: int, scale: Floats, rng: np.random.Generator) -> Floats:
        """Draw a thing into each square; returns how much of each of its pixels it covers, shape (n, side, side)."""
        count = len(self._inside)
        patches = np.zeros((count, 3, self._side, self._side), dtype=np.float32)
        for patch, (picture, there, here) in zip(patches, self._inside, strict=True):
            patch[:, *here] = pixels[picture, :, *there]
        turn, shear = (rng.normal(0, spread, count).astype(np.float32) for spread in (0.22, 0.12))
        mirror = (1 - 2 * rng.integers(0, 2, count)).astype(np.float32)
        pose = Pose(self._middle[:, 0], self._middle[:, 1], scale, turn, mirror, shear)
        pen = Pen(patches.reshape(count, 3, -1), pose)
        draw_figure(pen, kind, count, rng)
        for patch, (picture, there, here) in zip(patches, self._inside, strict=True):
            pixels[picture, :, *there] = patch[:, *here]
        return np.asarray(pen.covered.reshape(count, self._side, self._side))

    def cover(self, seen: NDArray[np.float16], thing: int, covered: Floats) -> None:
        """Note which pixels show the thing, and that earlier things are no longer seen there."""
        for cover, (picture, there, here) in zip(covered, self._inside, strict=True):
            part = cover[here].astype(np.float16)
            seen[picture, :thing, *there] *= 1 - part
            seen[picture, thing, *there] = part


def _draw_panels(pixels: Floats, seen: NDArray[np.float16], rng: np.random.Generator) -> None:
    """Put a panel into some of the pictures, in front of everything."""
    count = len(pixels)
    corners, sizes = rng.integers(0, SIDE, (count, 2)), rng.integers(*_PANEL_SIDES, (count, 2))
    colours = draw_colours(count, rng)
    for picture in np.flatnonzero(rng.random(count) < _PANELS).tolist():
        (x, y), (width, height) = corners[picture], sizes[picture]
        place = (slice(y, y + height), slice(x, x + width))
        pixels[picture, :, *place] = colours[picture, :, None, None]
        seen[picture, :, *place] = 0


def _find_boxes(
    seen: NDArray[np.float16], whole: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The smallest box round what is seen of each thing, of those of which enough is."""
    shares = seen.sum((2, 3), dtype=np.float64) / whole
    mostly: NDArray[np.bool_] = np.greater(seen, 0.5)  # of a pixel
    sides = []
    for axis in (2, 3):
        line: NDArray[np.bool_] = np.logical_or.reduce(mostly, axis=axis)
        first, last = line.argmax(2), SIDE - line[..., ::-1].argmax(2)
        sides.append((first, np.where(line.any(2), last - first, 0)))
    (left, width), (top, height) = sides
    boxes = np.stack([left, top, width, height], axis=2)
    places = np.argwhere((shares >= LEAST_SEEN) & (boxes[..., 2:].min(2) >= LEAST_SIDE))
    chosen = tuple(places.T)
    return places, boxes[chosen].astype(np.int64), np.minimum(shares[chosen], 1)


def _expose(pixels: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take the photographs, each with contrast, brightness and grain of its own; shape (n, 128, 128, 3)."""
    count = len(pixels)
    contrast = rng.uniform(0.5, 1.15, (count, 1, 1, 1)).astype(np.float32)
    light = (128 + rng.normal(0, 15, (count, 1, 1, 1))).astype(np.float32)
    grain = rng.uniform(2, 10, (count, 1, 1, 1)).astype(np.float32)
    grains = rng.standard_normal(pixels.shape, dtype=np.float32)
    taken = np.clip(np.rint((pixels - 128) * contrast + light + grain * grains), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(taken.transpose(0, 2, 3, 1))
