"""Handwriting-like digits of 28×28 pixels, drawn in bulk: pen strokes as capsules on a canvas, many images at a time.

A digit is a few strokes of control points. Each image moves the control points, bends and slants the whole figure,
chooses a pen, and adds paper noise and sometimes a blot. One process draws sixteen thousand in about two seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 28
"""Side of an image, in pixels."""

Floats = NDArray[np.float32]

_SCALE = 10.0  # pixels per unit of the skeletons, which span about -1 … 1
_SPACING = 0.13  # units between the points of a drawn stroke
_REACH = 4  # a stroke's segment colours at most this many pixels around its middle
_MARGIN = 8  # of canvas around the image, so that no segment needs clipping
_SIDE = SIZE + 2 * _MARGIN
_BATCH = 512


def _arc(x: float, y: float, rx: float, ry: float, start: float, stop: float, count: int) -> list[tuple[float, float]]:
    """Points on an ellipse, from one angle to another in degrees; 0 is right, 90 is down."""
    angles = np.radians(np.linspace(start, stop, count))
    return [(x + rx * float(np.cos(a)), y + ry * float(np.sin(a))) for a in angles]


_Stroke = list[tuple[float, float]]
_FIGURES: dict[int, list[list[_Stroke]]] = {
    0: [
        [_arc(0, 0, 0.55, 0.88, -100, 265, 13)],
        [_arc(0, 0, 0.42, 0.9, -60, 305, 13)],
        [_arc(0, 0, 0.55, 0.85, -95, 270, 13), [(0.32, -0.55), (0, 0), (-0.32, 0.55)]],
    ],
    1: [
        [[(0.02, -0.9), (0, 0), (-0.02, 0.9)]],
        [[(-0.35, -0.5), (0.08, -0.9), (0.06, 0), (0.04, 0.9)]],
        [[(-0.3, -0.55), (0.05, -0.9), (0.05, 0), (0.05, 0.88)], [(-0.4, 0.9), (0, 0.9), (0.42, 0.9)]],
    ],
    2: [
        [[*_arc(0, -0.42, 0.5, 0.46, -175, 35, 8), (0, 0.35), (-0.5, 0.87), (0.05, 0.85), (0.56, 0.86)]],
        [
            [
                *_arc(0, -0.44, 0.46, 0.44, -165, 45, 8),
                (-0.05, 0.4),
                (-0.42, 0.8),
                (-0.32, 0.55),
                (0.1, 0.75),
                (0.56, 0.88),
            ]
        ],
    ],
    3: [
        [[*_arc(-0.02, -0.45, 0.44, 0.43, -155, 80, 8), *_arc(-0.02, 0.42, 0.5, 0.46, -75, 150, 9)]],
        [[(-0.44, -0.86), (0.42, -0.86), (0.2, -0.5), (-0.04, -0.2), *_arc(-0.02, 0.37, 0.48, 0.5, -70, 150, 9)]],
    ],
    4: [
        [
            [(-0.08, -0.9), (-0.34, -0.3), (-0.55, 0.26), (0, 0.25), (0.56, 0.24)],
            [(0.25, -0.35), (0.22, 0.3), (0.2, 0.9)],
        ],
        [[(0.3, 0.9), (0.3, 0), (0.3, -0.9), (-0.15, -0.3), (-0.56, 0.3), (0.05, 0.3), (0.6, 0.3)]],
        [
            [(-0.44, -0.85), (-0.46, -0.4), (-0.44, 0.04), (0, 0.08), (0.36, 0.05)],
            [(0.36, -0.86), (0.36, 0), (0.34, 0.9)],
        ],
    ],
    5: [
        [[(0.46, -0.86), (0.05, -0.85), (-0.36, -0.84), (-0.4, -0.1), *_arc(0, 0.35, 0.5, 0.52, -125, 145, 9)]],
        [
            [(-0.36, -0.8), (-0.38, -0.45), (-0.4, -0.14), *_arc(0, 0.36, 0.47, 0.5, -120, 150, 9)],
            [(-0.36, -0.82), (0.5, -0.86)],
        ],
    ],
    6: [
        [[(0.34, -0.86), (-0.08, -0.6), (-0.38, -0.1), *_arc(0, 0.43, 0.45, 0.45, 185, -170, 13)]],
        [[(0.08, -0.95), (-0.2, -0.45), (-0.4, 0.1), *_arc(0.02, 0.46, 0.42, 0.41, 180, -175, 13)]],
    ],
    7: [
        [[(-0.5, -0.8), (0, -0.82), (0.5, -0.8), (0.2, 0.05), (-0.1, 0.9)]],
        [[(-0.5, -0.75), (0, -0.8), (0.46, -0.84), (0.05, 0.05), (-0.1, 0.9)], [(-0.27, 0.05), (0.36, 0.0)]],
        [[(-0.5, -0.58), (-0.45, -0.82), (0, -0.8), (0.5, -0.78), (0.22, 0), (0, 0.9)]],
    ],
    8: [
        [[*_arc(0, -0.45, 0.39, 0.42, 90, -260, 12), *_arc(0, 0.45, 0.46, 0.45, -90, 265, 12)]],
        [
            [
                (0.36, -0.74),
                (0, -0.9),
                (-0.36, -0.6),
                (0, -0.06),
                (0.42, 0.46),
                (0, 0.9),
                (-0.42, 0.5),
                (0, -0.04),
                (0.35, -0.46),
                (0.36, -0.76),
            ]
        ],
    ],
    9: [
        [[*_arc(0, -0.42, 0.44, 0.45, 20, -330, 13), (0.42, -0.3), (0.4, 0.3), (0.35, 0.9)]],
        [[*_arc(0, -0.43, 0.42, 0.42, 0, -345, 13), (0.42, -0.1), (0.32, 0.5), (0, 0.85), (-0.36, 0.7)]],
    ],
}
"""Ways to write each digit: strokes of control points, x to the right and y down."""


@dataclass(frozen=True)
class _Figure:
    """One way to write a digit, ready to draw: moved control points become dense strokes by one matrix product."""

    control: Floats
    """(control points, 2)"""
    smooth: Floats
    """(drawn points, control points)"""
    starts: NDArray[np.intp]
    """Drawn points that begin a segment, that is all but the last of each stroke."""


def draw_digits(
    labels: NDArray[np.uint8], shapes: np.random.Generator, noise: np.random.Generator, hardness: float = 1.0
) -> NDArray[np.uint8]:
    """Draw one image for each label.

    Args:
        labels: Digits 0 … 9, shape (n,).
        shapes: Stream of the handwriting: figure, slant, bend, pen.
        noise: Stream of the paper: grain, brightness, blots. Keep it apart from the one that drew the labels.
        hardness: 1.0 as in the challenges; smaller is tidier.

    Returns:
        Images of shape (n, 28, 28), dtype uint8, ink bright on a dark ground.
    """
    figures = [[_make_figure(strokes) for strokes in ways] for ways in _FIGURES.values()]
    ways = np.array([len(choices) for choices in figures])
    chosen = np.floor(shapes.random(len(labels)) * ways[labels]).astype(np.intp)
    images = np.zeros((len(labels), SIZE, SIZE), dtype=np.float32)
    for digit, choices in enumerate(figures):
        for way, figure in enumerate(choices):
            rows = np.flatnonzero((labels == digit) & (chosen == way))
            for part in (rows[i : i + _BATCH] for i in range(0, len(rows), _BATCH)):
                images[part] = _draw_figure(figure, len(part), shapes, hardness)
    return _soil(images, noise, hardness)


def _make_figure(strokes: list[_Stroke]) -> _Figure:
    control = np.array([point for stroke in strokes for point in stroke], dtype=np.float32)
    blocks = [_smoothing(np.array(stroke)) for stroke in strokes]
    smooth = np.zeros((sum(len(b) for b in blocks), len(control)), dtype=np.float32)
    starts: list[int] = []
    row = column = 0
    for block in blocks:
        smooth[row : row + len(block), column : column + block.shape[1]] = block
        starts.extend(range(row, row + len(block) - 1))
        row, column = row + len(block), column + block.shape[1]
    return _Figure(control, smooth, np.array(starts, dtype=np.intp))


def _smoothing(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (drawn points, control points) of a Catmull-Rom curve, its points about `_SPACING` apart."""
    count = len(points)
    rows = []
    for i in range(count - 1):
        steps = max(1, round(float(np.hypot(*(points[i + 1] - points[i]))) / _SPACING))
        for t in np.arange(steps) / steps:
            cubic = 0.5 * np.array(
                [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
            )
            row = np.zeros(count)
            np.add.at(row, np.clip([i - 1, i, i + 1, i + 2], 0, count - 1), cubic)
            rows.append(row)
    return np.vstack([*rows, np.eye(count)[-1:]])


def _draw_figure(figure: _Figure, count: int, shapes: np.random.Generator, hardness: float) -> Floats:
    """Draw one figure `count` times, each time by another hand."""
    points = _write_by_hand(figure, count, shapes, hardness)
    radius = shapes.uniform(0.65, 1.7, (count, 1)).astype(np.float32)
    pressure = 1 + 0.18 * np.sin(
        shapes.uniform(0, 2 * np.pi, (count, 1)) + np.linspace(0, 5, len(figure.starts), dtype=np.float32)
    )
    radii = (radius * pressure).astype(np.float32)
    canvas = np.zeros(count * _SIDE * _SIDE, dtype=np.float32)
    for patch, coverage in _ink(points, radii, figure.starts):
        canvas[patch] = np.maximum(canvas[patch], coverage)
    inside = slice(_MARGIN, _MARGIN + SIZE)
    return canvas.reshape(count, _SIDE, _SIDE)[:, inside, inside]


def _write_by_hand(figure: _Figure, count: int, shapes: np.random.Generator, hardness: float) -> Floats:
    """Drawn points in canvas pixels, shape (count, drawn points, 2)."""
    jitter = shapes.normal(0, 0.033 * hardness, (count, *figure.control.shape))
    points = figure.smooth @ (figure.control + jitter).astype(np.float32)
    amplitude = shapes.normal(0, 0.07 * hardness, (3, count, 2, 1))
    phase = shapes.uniform(0, 2 * np.pi, (3, count, 2, 1))
    for wave in range(3):
        bend = amplitude[wave] * np.sin((wave + 1) * 1.6 * points[..., ::-1].swapaxes(1, 2) + phase[wave])
        points = points + bend.swapaxes(1, 2)
    width, height = shapes.uniform(0.62, 1.12, count), shapes.uniform(0.75, 1.05, count)
    slant, turn = shapes.normal(-0.1, 0.22 * hardness, count), shapes.normal(0, 0.16 * hardness, count)
    cosine, sine = np.cos(turn), np.sin(turn)
    columns = np.array([[width, slant * height], [np.zeros(count), height]]).transpose(2, 0, 1)
    rotation = np.array([[cosine, -sine], [sine, cosine]]).transpose(2, 0, 1)
    points = points @ (rotation @ columns).swapaxes(1, 2)
    middle = _MARGIN + (SIZE - 1) / 2 + shapes.normal(0, 1.1 * hardness, (count, 1, 2))
    pixels = np.clip(points * _SCALE + middle, _REACH + 1, _SIDE - _REACH - 2)
    return np.asarray(pixels, dtype=np.float32)


def _ink(points: Floats, radii: Floats, starts: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """For each segment: the canvas pixels around it in every image, and how much of each the pen covers."""
    offsets = np.arange(-_REACH, _REACH + 1)
    dy, dx = (a.ravel() for a in np.meshgrid(offsets, offsets, indexing="ij"))
    around = dy * _SIDE + dx
    image = np.arange(len(points), dtype=np.intp)[:, None] * (_SIDE * _SIDE)
    for number, start in enumerate(starts):
        head, tail = points[:, start], points[:, start + 1]
        along = tail - head
        middle = np.rint((head + tail) / 2)
        px = middle[:, :1] + dx.astype(np.float32) - head[:, :1]
        py = middle[:, 1:] + dy.astype(np.float32) - head[:, 1:]
        length = np.maximum((along**2).sum(1, keepdims=True), np.float32(1e-6))
        share = np.clip((px * along[:, :1] + py * along[:, 1:]) / length, 0, 1)
        distance = np.hypot(px - share * along[:, :1], py - share * along[:, 1:])
        patch = image + (middle[:, 1:].astype(np.intp) * _SIDE + middle[:, :1].astype(np.intp)) + around
        yield patch, np.clip(radii[:, number : number + 1] + np.float32(0.5) - distance, 0, 1)


def _soil(images: Floats, noise: np.random.Generator, hardness: float) -> NDArray[np.uint8]:
    """Ink and paper are uneven: brightness, grain, and a blot or a gap on one image in eight."""
    count = len(images)
    images = images * noise.uniform(190, 280, (count, 1, 1)).astype(np.float32)
    images += noise.standard_normal(images.shape, dtype=np.float32) * np.float32(9 * hardness)
    blotted = np.flatnonzero(noise.random(count) < 0.125 * hardness)
    corners, sizes = noise.integers(0, SIZE - 5, (count, 2)), noise.integers(2, 6, (count, 2))
    shades = noise.choice(np.array([0, 160], dtype=np.float32), count)
    for row in blotted:
        (y, x), (h, w) = corners[row], sizes[row]
        images[row, y : y + h, x : x + w] = shades[row]
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)
