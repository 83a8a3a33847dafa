"""Small colour images of ten kinds of things, drawn in bulk: one thing in front of a busy backdrop, in any pose.

Colours are drawn alike for every kind, so that only shapes tell. Size, blur, contrast, grain, a small stranger at the
edge and a panel in front make it as hard as photographs are for a small network. One process draws eleven thousand in
about ten seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from challenges._generators.canvas import Floats, Pen, Pose, blur, draw_colours, paint_backdrops
from challenges._generators.keys import Keys
from challenges._generators.slices import name_ranges, name_thirds
from challenges._generators.sprite_figures import FIGURES, draw_figure

SIDE = 32
"""Side of an image, in pixels."""
CLASSES = ("airplane", "car", "bird", "cat", "fish", "dog", "flower", "horse", "ship", "truck")
"""What each label means, 0 to 9."""

_BATCH = 128
_BARELY_HIDDEN, _MUCH_HIDDEN = 0.02, 0.1
"""Shares of a thing behind the panel, from which it counts as a little or much hidden."""
_STRANGERS, _PANELS, _BLURRED = 0.5, 0.35, 0.35  # shares of the images that have one


@dataclass(frozen=True)
class Sprites:
    """Images, and what made each of them easy or hard."""

    images: NDArray[np.uint8]
    """Shape (n, 3, 32, 32): red, green, blue, top row first."""
    scale: Floats
    """Half the thing's width in pixels, shape (n,)."""
    occlusion: Floats
    """Share of the thing behind the panel, from 0 to 1, shape (n,)."""
    blur: Floats
    """Standard deviation of the blur in pixels, 0 for a sharp image, shape (n,)."""


def draw_sprites(labels: NDArray[np.uint8], shapes: np.random.Generator, noise: np.random.Generator) -> Sprites:
    """Draw one image for each label.

    Args:
        labels: Places in `CLASSES`, shape (n,).
        shapes: Stream of backdrops, poses, proportions and colours.
        noise: Stream of blur, light and grain. Keep both apart from the one that drew the labels.
    """
    count = len(labels)
    pixels = paint_backdrops(count, SIDE, shapes)
    strangers = np.where(shapes.random(count) < _STRANGERS, shapes.integers(0, len(CLASSES), count), -1)
    _draw_things(pixels, strangers, _place_strangers(count, shapes), shapes)
    pose = _place_things(count, shapes)
    covered = _draw_things(pixels, labels.astype(np.intp), pose, shapes)
    occlusion = _draw_panels(pixels, pose, covered, shapes)
    images, blurs = _expose(pixels.reshape(count, 3, SIDE, SIDE), noise)
    return Sprites(images, pose.scale, occlusion, blurs)


def draw_part(part: str, count: int, keys: Keys) -> tuple[Sprites, NDArray[np.uint8]]:
    """Draw images of one part: labels, shapes and photography each from a key of their own."""
    labels = keys.rng(f"{part}/labels").integers(0, len(CLASSES), count).astype(np.uint8)
    return draw_sprites(labels, keys.rng(f"{part}/shapes"), keys.rng(f"{part}/noise")), labels


def name_scale(sprites: Sprites) -> NDArray[np.str_]:
    """The third of all things, by size, that each one is in."""
    return name_thirds(sprites.scale, ("small", "medium", "large"))


def name_occlusion(sprites: Sprites) -> NDArray[np.str_]:
    """How much of each thing the panel hides."""
    return name_ranges(sprites.occlusion, (_BARELY_HIDDEN, _MUCH_HIDDEN), ("free", "a little hidden", "much hidden"))


def _place_things(count: int, rng: np.random.Generator) -> Pose:
    middle = SIDE / 2 + rng.normal(0, 0.06 * SIDE, (2, count))
    return _make_pose(middle[0], middle[1], SIDE * rng.uniform(0.26, 0.5, count), rng)


def _place_strangers(count: int, rng: np.random.Generator) -> Pose:
    """Small things at the upper or lower edge."""
    across, edge = rng.uniform(0, SIDE, count), SIDE * rng.integers(0, 2, count)
    return _make_pose(across, edge.astype(np.float64), SIDE * rng.uniform(0.08, 0.16, count), rng)


def _make_pose(
    x: NDArray[np.float64], y: NDArray[np.float64], scale: NDArray[np.float64], rng: np.random.Generator
) -> Pose:
    count = len(x)
    turn, shear = rng.normal(0, 0.22, count), rng.normal(0, 0.12, count)
    mirror = 1 - 2 * rng.integers(0, 2, count)
    return Pose(*(a.astype(np.float32) for a in (x, y, scale, turn, mirror, shear)))


def _draw_things(pixels: Floats, kinds: NDArray[np.intp], pose: Pose, rng: np.random.Generator) -> NDArray[np.float16]:
    """Draw a thing of its kind into each image, none for -1; returns the share of each pixel that it covers."""
    covered = np.zeros((len(pixels), SIDE * SIDE), dtype=np.float16)
    for kind in range(len(FIGURES)):
        of_kind = np.flatnonzero(kinds == kind)
        for rows in (of_kind[i : i + _BATCH] for i in range(0, len(of_kind), _BATCH)):
            part = pixels[rows]
            pen = Pen(part, _pick(pose, rows))
            draw_figure(pen, kind, len(rows), rng)
            pixels[rows], covered[rows] = part, pen.covered
    return covered


def _draw_panels(pixels: Floats, pose: Pose, covered: NDArray[np.float16], rng: np.random.Generator) -> Floats:
    """Put a panel in front of some of the things; returns which share of each thing is behind it."""
    count = len(pixels)
    away = rng.uniform(-0.9, 0.9, (2, count)) * pose.scale
    place = _make_pose(pose.x + away[0], pose.y + away[1], SIDE * rng.uniform(0.06, 0.17, count), rng)
    aspect = rng.uniform(0.4, 1.0, count).astype(np.float32)
    colours = draw_colours(count, rng)
    hidden = np.zeros(count, dtype=np.float32)
    chosen = np.flatnonzero(rng.random(count) < _PANELS)
    for rows in (chosen[i : i + _BATCH] for i in range(0, len(chosen), _BATCH)):
        part, tall = pixels[rows], aspect[rows]
        pen = Pen(part, _pick(place, rows))
        pen.polygon([(-1, -tall), (1, -tall), (1, tall), (-1, tall)], colours[rows])
        thing = covered[rows].astype(np.float32)
        pixels[rows] = part
        hidden[rows] = (thing * pen.covered).sum(1) / np.maximum(thing.sum(1), 1)
    return hidden


def _expose(images: Floats, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Floats]:
    """Take the photographs: some out of focus, each with contrast, brightness and grain of its own.

    Returns:
        The photographs, and the blur of each.
    """
    count = len(images)
    radius = rng.uniform(0.2, 1.0, count).astype(np.float32)
    blurred = np.flatnonzero(rng.random(count) < _BLURRED)
    contrast = rng.uniform(0.45, 1.15, (count, 1, 1, 1)).astype(np.float32)
    light = (128 + rng.normal(0, 18, (count, 1, 1, 1))).astype(np.float32)
    grain = rng.uniform(2, 16, (count, 1, 1, 1)).astype(np.float32)
    taken = np.empty(images.shape, dtype=np.uint8)
    images[blurred] = blur(images[blurred], radius[blurred])
    for start in range(0, count, _BATCH):
        part = slice(start, start + _BATCH)
        grains = rng.standard_normal(images[part].shape, dtype=np.float32) * grain[part]
        taken[part] = np.clip(np.rint((images[part] - 128) * contrast[part] + light[part] + grains), 0, 255)
    blurs = np.zeros(count, dtype=np.float32)
    blurs[blurred] = radius[blurred]
    return taken, blurs


def _pick(pose: Pose, rows: NDArray[np.intp]) -> Pose:
    return Pose(pose.x[rows], pose.y[rows], pose.scale[rows], pose.turn[rows], pose.mirror[rows], pose.shear[rows])
