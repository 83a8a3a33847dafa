"""Painted surfaces to take a style from: strokes, tiles, rings, arcs and waves, each in five colours of its own.

They are drawn at three times their size and made smaller, which smooths the edges. A texture is alike everywhere, so
that statistics of small patches describe it well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Pixels = NDArray[np.uint8]

COLOURS = 5
"""Colours of a palette."""
_ENLARGED = 3
_SHADES = 12.0
"""Standard deviation by which parts of one colour differ, in grey levels."""
_PARTS = 240
"""Strokes, rings or arcs of a texture; later ones cover earlier ones."""
_WHITE = 255.0
_LUMA = np.array([0.299, 0.587, 0.114])
_LIGHTS = (35.0, 215.0)
"""Luminance of the darkest and the brightest colour of a palette: as in paintings, light and dark tell parts apart."""


def draw_textures(count: int, side: int, rng: np.random.Generator) -> Pixels:
    """Draw textures, of each kind as many as of any other or one more.

    Args:
        count: How many.
        side: Of a texture, in pixels.
        rng: Stream of kinds, colours and shapes.

    Returns:
        Shape (count, side, side, 3), uint8.
    """
    kinds = rng.permutation(np.arange(count) % len(KINDS))
    drawn = [KINDS[kind](_ENLARGED * side, _draw_palette(rng), rng) for kind in kinds.tolist()]
    return np.stack([np.asarray(picture.resize((side, side), Image.Resampling.BOX)) for picture in drawn])


def _draw_palette(rng: np.random.Generator) -> NDArray[np.float64]:
    """Colours from a dark one to a bright one, in any order, shape (5, 3)."""
    colours = rng.uniform(0, _WHITE, (COLOURS, 3))
    lights = np.linspace(*_LIGHTS, COLOURS) + rng.uniform(-15, 15, COLOURS)
    share = lights / (colours @ _LUMA)
    brighter = _WHITE - (_WHITE - colours) * ((_WHITE - lights) / (_WHITE - colours @ _LUMA))[:, None]
    return rng.permutation(np.where(share[:, None] < 1, colours * share[:, None], brighter))


def _dab(palette: NDArray[np.float64], rng: np.random.Generator) -> tuple[int, ...]:
    """A colour of the palette, as no two dabs of a brush have quite the same."""
    colour = palette[rng.integers(len(palette))] + rng.normal(0, _SHADES, 3)
    return tuple(np.clip(np.rint(colour), 0, 255).astype(int).tolist())


def _start(side: int, palette: NDArray[np.float64]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (side, side), tuple(palette[0].astype(int).tolist()))
    return picture, ImageDraw.Draw(picture)


def _draw_strokes(side: int, palette: NDArray[np.float64], rng: np.random.Generator) -> Image.Image:
    """Short straight strokes, most of them in one direction."""
    picture, draw = _start(side, palette)
    main, spread = rng.uniform(0, np.pi), rng.uniform(0.1, 0.5)
    for _ in range(_PARTS):
        (x, y), length = rng.uniform(0, side, 2), rng.uniform(0.12, 0.28) * side
        angle = rng.normal(main, spread)
        end = (x + length * np.cos(angle), y + length * np.sin(angle))
        draw.line([(x, y), end], fill=_dab(palette, rng), width=int(rng.integers(side // 32, side // 13)))
    return picture


def _draw_tiles(side: int, palette: NDArray[np.float64], rng: np.random.Generator) -> Image.Image:
    """Broken tiles with joints between them: each pixel belongs to the nearest of some points."""
    cells = int(rng.integers(30, 90))
    middles = rng.uniform(0, side, (cells, 2))
    grid = np.indices((side, side)).reshape(2, -1).T
    squares = (grid**2).sum(1)[:, None] - 2 * grid @ middles.T + (middles**2).sum(1)
    nearest = squares.argmin(1)
    first, second = np.sqrt(np.maximum(np.partition(squares, 1, axis=1)[:, :2], 0)).T
    colours = np.array([_dab(palette[1:], rng) for _ in range(cells)])[nearest]
    colours[second - first < side / 48] = palette[0]
    return Image.fromarray(colours.astype(np.uint8).reshape(side, side, 3))


def _draw_rings(side: int, palette: NDArray[np.float64], rng: np.random.Generator) -> Image.Image:
    """Rings on top of each other."""
    picture, draw = _start(side, palette)
    for _ in range(_PARTS):
        x, y = rng.uniform(-0.1 * side, side, 2)
        across = rng.uniform(0.08, 0.26) * side
        draw.ellipse((x, y, x + across, y + across), outline=_dab(palette, rng), width=side // 36)
    return picture


def _draw_arcs(side: int, palette: NDArray[np.float64], rng: np.random.Generator) -> Image.Image:
    """Pieces of large circles."""
    picture, draw = _start(side, palette)
    for _ in range(_PARTS):
        x, y = rng.uniform(-0.3 * side, side, 2)
        across, (begin, end) = rng.uniform(0.25, 0.6) * side, rng.integers(0, 360, 2).tolist()
        draw.arc((x, y, x + across, y + across), begin, end, fill=_dab(palette, rng), width=side // 26)
    return picture


def _draw_waves(side: int, palette: NDArray[np.float64], rng: np.random.Generator) -> Image.Image:
    """Bands that bend, as of marbled paper."""
    angle, (bend, pace) = rng.uniform(0, np.pi), rng.uniform((0.02, 1.5), (0.06, 4.0))
    y, x = np.indices((side, side)) / side
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    phase = rng.uniform(0, 2 * np.pi)
    height = across + bend * np.sin(2 * np.pi * pace * along + phase) + 0.5 * bend * np.sin(9 * pace * along)
    bands = np.floor((height + 2) * rng.uniform(14, 24)).astype(int)
    colours = np.array([_dab(palette, rng) for _ in range(bands.max() + 1)])
    return Image.fromarray(colours[bands].astype(np.uint8))


KINDS: tuple[Callable[[int, NDArray[np.float64], np.random.Generator], Image.Image], ...] = (
    _draw_strokes,
    _draw_tiles,
    _draw_rings,
    _draw_arcs,
    _draw_waves,
)
