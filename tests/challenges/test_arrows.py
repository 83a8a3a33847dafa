"""Pictures of networks: no arrow passes behind a box, whatever depends on what."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from challenges._generators import arrows
from tests.challenges.workshop import CHALLENGES, load_script

TOWN = load_script(CHALLENGES / "bayes_net", "prepare").TOWN
CLINIC = {
    "asia": (),
    "smoke": (),
    "tub": ("asia",),
    "lung": ("smoke",),
    "bronc": ("smoke",),
    "either": ("lung", "tub"),
    "xray": ("either",),
    "dysp": ("bronc", "either"),
}


def invent(number: int) -> dict[str, tuple[str, ...]]:
    """A network of nine nodes, each with up to three parents."""
    rng = np.random.default_rng(number)
    names = [f"thing_{n}" for n in range(9)]
    return {name: tuple(rng.permutation(names[:n])[: rng.integers(0, 4)].tolist()) for n, name in enumerate(names)}


NETWORKS = {"town": TOWN, "clinic": CLINIC, **{f"invented {n}": invent(n) for n in range(6)}}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_arrow_passes_behind_a_box(name: str):
    parents, font = NETWORKS[name], ImageFont.load_default(14)
    widths = {node: font.getlength(node) + 14 for node in parents}
    layers, lines = arrows.lay_out(parents)
    places = arrows.put(layers, lines, widths)
    assert [(line[0], line[-1]) for line in lines] == [(a, b) for b, above in parents.items() for a in above]
    for line in lines:
        x, y = arrows.trace([places[stop] for stop in line]).T
        for node, width in widths.items():
            left, top = places[node]
            inside = (abs(x - left) < width / 2) & (abs(y - top) < arrows.HALF_HEIGHT)
            assert not inside.any(), (line, node)


def test_boxes_of_a_layer_stand_apart_and_parents_above():
    font = ImageFont.load_default(14)
    widths = {node: font.getlength(node) + 14 for node in TOWN}
    layers, lines = arrows.lay_out(TOWN)
    places = arrows.put(layers, lines, widths)
    for layer in layers:
        boxes = [(places[stop][0], widths.get(stop, 0.0)) for stop in layer]
        assert all(b - a > (wide + wider) / 2 for (a, wide), (b, wider) in pairwise(boxes))
        assert all(wide / 2 < x < arrows.WIDTH - wide / 2 for x, wide in boxes)
    assert all(places[parent][1] < places[node][1] for node, above in TOWN.items() for parent in above)


def test_fewer_arrows_cross_than_as_they_were_told():
    layers, lines = arrows.lay_out(CLINIC)
    assert arrows.count_crossings(layers, lines) == 0
    crossed = [["a", "b"], ["c", "d"]]
    assert arrows.count_crossings(crossed, [["a", "d"], ["b", "c"]]) == 1
    assert arrows.count_crossings(crossed, [["a", "c"], ["b", "d"]]) == 0


def test_the_picture_is_small_and_the_same_each_time(tmp_path: Path):
    for file in ("a.png", "b.png"):
        arrows.save_arrows(tmp_path / file, TOWN)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size < 60_000
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (arrows.WIDTH, 7 * arrows.LAYER)
