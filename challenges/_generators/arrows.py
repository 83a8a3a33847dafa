"""Pictures of what depends on what: boxes in layers, and arrows that pass beside the boxes between."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from challenges._generators.pictures import PALETTE

Parents = Mapping[str, tuple[str, ...]]
Place = tuple[float, float]

WIDTH, LAYER, HALF_HEIGHT = 640, 68, 12
FINER = 3
"""Everything is drawn so many times larger and shrunk, so that slanting lines are smooth."""
SWEEPS = 12
LANE = 20.0
"""Room that an arrow gets where it passes a layer, in pixels."""
GAP = 36.0
STEPS = 24
HEAD, HEAD_HALF = 9.0, 4.5
"""Length and half width of an arrow's head."""


def save_arrows(path: Path, parents: Parents) -> None:
    """Write a picture of a network: every node below its parents.

    Source: Sugiyama, Tagawa and Toda, Methods for Visual Understanding of Hierarchical System Structures, 1981.

    Args:
        path: The PNG file to write.
        parents: Parents of each node; nodes come after their parents.
    """
    font = ImageFont.load_default(14)
    widths = {name: font.getlength(name) + 14 for name in parents}
    layers, lines = lay_out(parents)
    places = put(layers, lines, widths)
    image = Image.new("RGB", (WIDTH * FINER, LAYER * len(layers) * FINER), (250, 250, 248))
    draw = ImageDraw.Draw(image)
    for line in lines:
        draw_arrow(draw, trace([places[stop] for stop in line]))
    large = ImageFont.load_default(14 * FINER)
    for name, width in widths.items():
        x, y = places[name]
        box = [FINER * v for v in (x - width / 2, y - HALF_HEIGHT, x + width / 2, y + HALF_HEIGHT)]
        draw.rounded_rectangle(box, 8 * FINER, fill=(255, 255, 255), outline=(120, 120, 120), width=FINER)
        draw.text((x * FINER, y * FINER), name, fill=(30, 30, 30), font=large, anchor="mm")
    size = (image.width // FINER, image.height // FINER)
    image.resize(size, Image.Resampling.LANCZOS).quantize(64).save(path, optimize=True)


def lay_out(parents: Parents) -> tuple[list[list[str]], list[list[str]]]:
    """Layers of stops, and for each arrow the stops that it goes through.

    A stop is a node, or a lane (`parent>child>layer`) that an arrow takes through a layer between its ends. Stops of a
    layer are ordered by the middle of those they are joined to, above and below by turns, which leaves few crossings.
    """
    depth: dict[str, int] = {}
    for name, above in parents.items():
        depth[name] = 1 + max((depth[parent] for parent in above), default=-1)
    layers: list[list[str]] = [[] for _ in range(1 + max(depth.values()))]
    for name, level in depth.items():
        layers[level].append(name)
    lines = []
    for name, above in parents.items():
        for parent in above:
            lanes = {level: f"{parent}>{name}>{level}" for level in range(depth[parent] + 1, depth[name])}
            for level, lane in lanes.items():
                layers[level].append(lane)
            lines.append([parent, *lanes.values(), name])
    best = layers
    for sweep in range(SWEEPS):
        layers = _sort_layers(layers, lines, is_downwards=sweep % 2 == 0)
        if count_crossings(layers, lines) < count_crossings(best, lines):
            best = layers
    return best, lines


def _sort_layers(layers: list[list[str]], lines: list[list[str]], *, is_downwards: bool) -> list[list[str]]:
    pairs = [pair for line in lines for pair in pairwise(line)]
    joined: dict[str, list[str]] = {}
    for upper, lower in pairs:
        joined.setdefault(lower if is_downwards else upper, []).append(upper if is_downwards else lower)
    place: dict[str, float] = {}
    for layer in layers if is_downwards else layers[::-1]:
        own = {stop: (order + 0.5) / len(layer) for order, stop in enumerate(layer)}
        middle = {
            stop: float(np.mean([place[other] for other in joined[stop]])) if stop in joined else own[stop]
            for stop in layer
        }
        for order, stop in enumerate(sorted(layer, key=middle.__getitem__)):
            place[stop] = (order + 0.5) / len(layer)
    return [sorted(layer, key=place.__getitem__) for layer in layers]


def count_crossings(layers: list[list[str]], lines: list[list[str]]) -> int:
    """How often two arrows cross between the layers."""
    order = {stop: place for layer in layers for place, stop in enumerate(layer)}
    level = {stop: number for number, layer in enumerate(layers) for stop in layer}
    pairs = [pair for line in lines for pair in pairwise(line)]
    return sum(
        level[a] == level[b] and (order[a] - order[b]) * (order[c] - order[d]) < 0
        for place, (a, c) in enumerate(pairs)
        for b, d in pairs[:place]
    )


def put(layers: list[list[str]], lines: list[list[str]], widths: Mapping[str, float]) -> dict[str, Place]:
    """The middle of each stop: near those it is joined to, and apart from its neighbours in the layer."""
    pairs = [pair for line in lines for pair in pairwise(line)]
    across = {stop: WIDTH * (n + 0.5) / len(layer) for layer in layers for n, stop in enumerate(layer)}
    for _ in range(SWEEPS):
        for layer in layers:
            wish = {
                stop: np.mean([across[stop], *(across[b if stop == a else a] for a, b in pairs if stop in (a, b))])
                for stop in layer
            }
            across |= _spread([float(wish[stop]) for stop in layer], layer, widths)
    shift = WIDTH / 2 - (min(across.values()) + max(across.values())) / 2
    return {
        stop: (across[stop] + shift, LAYER * level + LAYER / 2) for level, layer in enumerate(layers) for stop in layer
    }


def _spread(wishes: list[float], layer: list[str], widths: Mapping[str, float]) -> dict[str, float]:
    """Places in the same order, each as far from the one before as both need; together in the middle of the wishes."""
    need = [widths.get(stop, LANE) / 2 for stop in layer]
    placed = [wishes[0]]
    for wish, before, own in zip(wishes[1:], need, need[1:], strict=False):
        placed.append(max(wish, placed[-1] + before + own + GAP))
    shift = float(np.mean(wishes)) - float(np.mean(placed))
    return {stop: place + shift for stop, place in zip(layer, placed, strict=True)}


def trace(stops: list[Place]) -> NDArray[np.float64]:
    """A smooth way from the lower edge of the first box to the upper edge of the last, shape (points, 2).

    It is upright at every stop, so that it stays within its lane there.
    """
    (x_from, y_from), (x_to, y_to) = stops[0], stops[-1]
    ends = [(x_from, y_from + HALF_HEIGHT), *stops[1:-1], (x_to, y_to - HALF_HEIGHT - HEAD)]
    parts = []
    for (x, y), (x_next, y_next) in pairwise(ends):
        share = np.linspace(0, 1, STEPS)
        eased = share * share * (3 - 2 * share)
        parts.append(np.stack([x + (x_next - x) * eased, y + (y_next - y) * share], axis=1))
    return np.concatenate(parts)


def draw_arrow(draw: ImageDraw.ImageDraw, way: NDArray[np.float64]) -> None:
    """A line along the way, and a head that points down at its end."""
    draw.line([(x * FINER, y * FINER) for x, y in way.tolist()], fill=PALETTE[0], width=2 * FINER, joint="curve")
    x, y = way[-1].tolist()
    corners = ((x - HEAD_HALF, y), (x + HEAD_HALF, y), (x, y + HEAD))
    draw.polygon([(left * FINER, top * FINER) for left, top in corners], fill=PALETTE[0])
