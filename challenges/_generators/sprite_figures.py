"""Ten kinds of things drawn from parts, such as wings and wheels: shapes and proportions vary, colours mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from challenges._generators.canvas import Floats, Pen, Point, draw_colours


@dataclass(frozen=True)
class Paint:
    """Colours of a figure in each image, arrays of shape (n, 3)."""

    body: Floats
    shade: Floats
    """The body's colour, darker."""
    trim: Floats
    """A colour of its own for windows, wings, petals' middles."""
    mark: Floats
    """A third one, for wheels, eyes, beaks."""


class Chance:
    """Draws what varies between images of one figure."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self._count, self._rng = count, rng

    def between(self, low: float, high: float) -> Floats:
        """One number for each image, evenly from `low` to `high`."""
        return self._rng.uniform(low, high, self._count).astype(np.float32)

    def often(self, share: float) -> NDArray[np.bool_]:
        """True for about this share of the images."""
        return self._rng.random(self._count) < share


Figure = Callable[[Pen, Chance, Paint], None]


def draw_figure(pen: Pen, number: int, count: int, rng: np.random.Generator) -> None:
    """Draw one kind of thing, given by its place in `FIGURES`, into all images of the pen."""
    body, trim, mark = draw_colours(3 * count, rng).reshape(3, count, 3)
    shades = rng.uniform(0.4, 0.75, (count, 1)).astype(np.float32)
    FIGURES[number](pen, Chance(count, rng), Paint(body, body * shades, trim, mark))


def _airplane(pen: Pen, chance: Chance, paint: Paint) -> None:
    girth, sweep = chance.between(0.11, 0.19), chance.between(0.2, 0.5)
    pen.polygon([(-0.95, 0), (-0.7, -girth), (0.7, -girth), (0.98, 0), (0.7, girth), (-0.7, girth)], paint.body)
    for side in (-1, 1):
        tip = side * chance.between(0.65, 0.95)
        pen.polygon([(0.25, 0), (-sweep, tip), (-sweep - 0.25, tip), (-0.2, 0)], paint.shade)
    fin = chance.between(-0.5, -0.32)
    pen.polygon([(-0.58, 0), (-0.85, fin), (-0.98, fin), (-0.95, 0)], paint.trim)


def _wheels(pen: Pen, paint: Paint, places: tuple[float, ...], shown: NDArray[np.bool_] | None = None) -> None:
    for place in places:
        pen.ellipse((place, 0.38), (0.2, 0.2), paint.mark, shown=shown)
        pen.ellipse((place, 0.38), (0.09, 0.09), paint.trim, shown=shown)


def _car(pen: Pen, chance: Chance, paint: Paint) -> None:
    roof = -chance.between(0.34, 0.52)
    rear, front = chance.between(-0.45, -0.28), chance.between(0.2, 0.36)
    pen.polygon([(-0.62, -0.05), (rear, roof), (front, roof), (0.62, -0.05)], paint.body)
    pen.polygon([(-0.95, 0.36), (-0.95, -0.06), (0.6, -0.08), (0.96, 0.06), (0.96, 0.36)], paint.body)
    pen.polygon([(-0.47, -0.08), (rear + 0.04, roof + 0.08), (-0.04, roof + 0.08), (-0.04, -0.08)], paint.trim)
    pen.polygon([(0.05, -0.08), (0.05, roof + 0.08), (front - 0.03, roof + 0.08), (0.46, -0.08)], paint.trim)
    _wheels(pen, paint, (-0.55, 0.56))


def _bird(pen: Pen, chance: Chance, paint: Paint) -> None:
    tail, wing = chance.between(-0.3, -0.02), chance.between(-0.75, -0.35)
    pen.line([(0, 0.28), (-0.02, 0.66)], 0.06, paint.mark)
    pen.line([(0.12, 0.28), (0.14, 0.66)], 0.06, paint.mark)
    pen.polygon([(-0.35, 0.0), (-0.98, tail), (-0.92, 0.22), (-0.3, 0.2)], paint.shade)
    pen.ellipse((0, 0.05), (0.5, chance.between(0.22, 0.32)), paint.body, -0.2)
    pen.ellipse((0.5, -0.25), (0.21, 0.21), paint.body)
    pen.polygon([(0.66, -0.33), (0.96, -0.2), (0.66, -0.16)], paint.mark)
    pen.polygon([(0.16, 0.02), (-0.18, wing), (-0.4, -0.04)], paint.trim)
    pen.ellipse((0.56, -0.3), (0.05, 0.05), paint.mark)


def _legs(pen: Pen, chance: Chance, colour: Floats, places: tuple[float, ...], top: float, width: float) -> None:
    for place in places:
        pen.line([(place, top), (place + chance.between(-0.1, 0.1), 0.88)], width, colour)


def _cat(pen: Pen, chance: Chance, paint: Paint) -> None:
    curl = chance.between(-0.55, -0.15)
    _legs(pen, chance, paint.shade, (-0.45, -0.1, 0.2), 0.5, 0.13)
    pen.line([(-0.55, 0.25), (-0.88, 0.12), (-0.92, curl)], 0.11, paint.shade)
    pen.ellipse((-0.15, 0.3), (0.5, 0.3), paint.body)
    for side in (-1, 1):
        ear: Point = (0.4 + side * 0.3, -chance.between(0.68, 0.85))
        pen.polygon([(0.4 + side * 0.32, -0.2), ear, (0.4 + side * 0.03, -0.38)], paint.body)
    pen.ellipse((0.4, -0.15), (0.34, 0.3), paint.body)
    for side in (-1, 1):
        pen.ellipse((0.4 + side * 0.14, -0.2), (0.065, 0.065), paint.mark)
    pen.polygon([(0.34, -0.08), (0.46, -0.08), (0.4, 0.02)], paint.trim)


def _dog(pen: Pen, chance: Chance, paint: Paint) -> None:
    _legs(pen, chance, paint.shade, (-0.45, -0.1, 0.2), 0.5, 0.13)
    pen.line([(-0.55, 0.15), (-0.88, chance.between(-0.25, 0.05))], 0.11, paint.shade)
    pen.ellipse((-0.15, 0.3), (0.52, 0.32), paint.body)
    pen.ellipse((0.4, -0.18), (0.32, 0.3), paint.body)
    for side in (-1, 1):
        pen.ellipse((0.4 + side * 0.33, 0), (0.12, chance.between(0.26, 0.36)), paint.shade, -side * 0.25)
        pen.ellipse((0.4 + side * 0.13, -0.24), (0.055, 0.055), paint.mark)
    pen.ellipse((0.42, -0.02), (0.19, 0.15), paint.trim)
    pen.ellipse((0.42, -0.08), (0.07, 0.055), paint.mark)


def _fish(pen: Pen, chance: Chance, paint: Paint) -> None:
    girth, spread = chance.between(0.27, 0.42), chance.between(0.32, 0.52)
    pen.polygon([(-0.35, 0), (-0.95, -spread), (-0.72, 0)], paint.shade)
    pen.polygon([(-0.35, 0), (-0.95, spread), (-0.72, 0)], paint.shade)
    pen.polygon([(-0.15, -0.2), (0.1, -girth - chance.between(0.15, 0.3)), (0.38, -0.2)], paint.trim)
    pen.ellipse((0.12, 0), (0.62, girth), paint.body)
    for place in (-0.15, 0.08):
        pen.line([(place, -0.18), (place + 0.06, 0.18)], 0.07, paint.trim)
    pen.ellipse((0.48, -0.08), (0.075, 0.075), paint.mark)


def _flower(pen: Pen, chance: Chance, paint: Paint) -> None:
    petals, spread = np.floor(chance.between(5, 9)), chance.between(0.36, 0.46)
    pen.line([(0, 0), (chance.between(-0.15, 0.15), 0.95)], 0.1, paint.shade)
    pen.polygon([(0, 0.62), (0.2, 0.4), (0.4, 0.4), (0.1, 0.76)], paint.shade)
    for petal in range(8):
        angle = (2 * np.pi * petal / petals).astype(np.float32)
        middle: Point = (spread * np.cos(angle), spread * np.sin(angle) - 0.25)
        pen.ellipse(middle, (0.25, 0.15), paint.body, angle, petals > petal)
    pen.ellipse((0, -0.25), (0.18, 0.18), paint.trim)


def _horse(pen: Pen, chance: Chance, paint: Paint) -> None:
    neck = chance.between(-0.05, 0.1)
    _legs(pen, chance, paint.shade, (-0.5, -0.35, 0.2, 0.35), 0.12, 0.11)
    pen.line([(-0.6, -0.08), (-0.9, chance.between(0.3, 0.5))], 0.11, paint.trim)
    pen.ellipse((-0.1, 0), (0.56, 0.26), paint.body)
    pen.polygon([(0.2, -0.05), (neck + 0.44, -0.66), (neck + 0.68, -0.56), (0.5, 0.1)], paint.body)
    pen.ellipse((neck + 0.7, -0.56), (0.25, 0.13), paint.body, 0.5)
    pen.polygon([(0.22, -0.1), (neck + 0.36, -0.72), (neck + 0.52, -0.66)], paint.trim)


def _ship(pen: Pen, chance: Chance, paint: Paint) -> None:
    sails = chance.often(0.5)
    pen.polygon([(-0.5, 0.22), (-0.5, -0.2), (0.35, -0.2), (0.35, 0.22)], paint.trim, ~sails)
    funnel = chance.between(-0.75, -0.5)
    pen.polygon([(-0.22, -0.18), (-0.22, funnel), (0.05, funnel), (0.05, -0.18)], paint.shade, ~sails)
    pen.line([(0, 0.2), (0, -0.92)], 0.08, paint.shade, sails)
    pen.polygon([(0.06, -0.86), (chance.between(0.55, 0.75), 0.1), (0.06, 0.1)], paint.trim, sails)
    pen.polygon([(-0.06, -0.72), (chance.between(-0.6, -0.4), 0.1), (-0.06, 0.1)], paint.trim, sails)
    pen.polygon([(-0.97, 0.18), (0.97, 0.14), (0.66, 0.62), (-0.66, 0.62)], paint.body)


def _truck(pen: Pen, chance: Chance, paint: Paint) -> None:
    end, cab = chance.between(0.15, 0.4), chance.between(-0.38, -0.22)
    top = chance.between(-0.72, -0.55)
    pen.polygon([(-0.95, 0.36), (-0.95, top), (end, top), (end, 0.36)], paint.body)
    pen.polygon([(end + 0.05, 0.36), (end + 0.05, cab), (0.76, cab), (0.96, 0.02), (0.96, 0.36)], paint.shade)
    pen.polygon([(end + 0.12, 0), (end + 0.12, cab + 0.07), (0.72, cab + 0.07), (0.84, 0)], paint.trim)
    long = chance.often(0.5)
    _wheels(pen, paint, (-0.66, -0.28), long)
    _wheels(pen, paint, (-0.55,), ~long)
    _wheels(pen, paint, (0.6,))


FIGURES: tuple[Figure, ...] = (_airplane, _car, _bird, _cat, _fish, _dog, _flower, _horse, _ship, _truck)
"""In the order of the labels, 0 to 9."""
