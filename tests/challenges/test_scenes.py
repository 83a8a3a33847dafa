"""Drawn scenes: equal streams draw equal ones, and boxes are the smallest round what can be seen of a thing."""

from __future__ import annotations

import numpy as np
import pytest

from challenges._generators import scenes
from challenges._generators.keys import Keys
from challenges._generators.scenes import LARGEST, LEAST_SEEN, LEAST_SIDE, MOST_THINGS, SIDE, Scenes, draw_scenes

KEYS = Keys(b"k" * 32, "demo", 1)
COUNT = 320
"""More than are drawn at once."""


@pytest.fixture(scope="module")
def some() -> Scenes:
    return draw_scenes("train", COUNT, KEYS)


def test_equal_streams_draw_equal_scenes(some: Scenes):
    again, other = draw_scenes("train", COUNT, KEYS), draw_scenes("test", COUNT, KEYS)
    assert (again.pictures == some.pictures).all()
    assert (again.box == some.box).all()
    assert (other.pictures != some.pictures).mean() > 0.9
    assert len({picture.tobytes() for picture in (*some.pictures, *other.pictures)}) == 2 * COUNT


def test_one_to_six_things_of_every_kind_stand_in_a_picture(some: Scenes):
    assert some.pictures.shape == (COUNT, SIDE, SIDE, 3)
    counts = np.bincount(some.picture, minlength=COUNT)
    assert counts.max() <= MOST_THINGS
    assert 2.8 < counts.mean() < 4
    assert (np.diff(some.picture) >= 0).all()
    kinds = np.bincount(some.kind, minlength=10)
    assert len(kinds) == 10
    assert kinds.min() > 0.6 * kinds.mean()


def test_boxes_lie_within_their_pictures(some: Scenes):
    ends = some.box[:, :2] + some.box[:, 2:]
    assert some.box[:, :2].min() == 0
    assert ends.max() == SIDE
    assert some.box[:, 2:].min() >= LEAST_SIDE
    assert some.box[:, 2:].max() < 3 * LARGEST * SIDE
    assert ((some.seen >= LEAST_SEEN) & (some.seen <= 1)).all()
    assert 0.2 < (some.seen < 0.95).mean() < 0.7


def test_sizes_are_spread_over_small_and_large(some: Scenes):
    areas = some.box[:, 2:].prod(1)
    assert 0.05 < (areas < 16**2).mean() < 0.2
    assert 0.05 < (areas > 40**2).mean() < 0.2


def lay_out(kind: int, x: float, y: float, scale: float) -> scenes._Layout:
    """One thing in each of a few pictures."""
    shape = (12, MOST_THINGS)
    kinds = np.full(shape, -1)
    kinds[:, 0] = kind
    places = (np.full(shape, value, dtype=np.float32) for value in (x, y, scale))
    return scenes._Layout(kinds, *places)


@pytest.mark.parametrize("kind", range(10))
@pytest.mark.parametrize(
    ("x", "y", "scale"), [(64, 50, 12), (40.5, 70.2, 28), (12, 115, 24)], ids=["small", "large", "edge"]
)
def test_a_box_is_the_smallest_round_what_its_thing_changes(kind: int, x: float, y: float, scale: float):
    """The same pictures are drawn with and without the thing: they differ within the box, and up to its edges."""
    rows = np.arange(12)
    with_it, seen, whole = scenes._draw_things(lay_out(kind, x, y, scale), rows, KEYS.rng("shapes"))
    without, *_ = scenes._draw_things(lay_out(-1, x, y, scale), rows, KEYS.rng("shapes"))
    places, boxes, shares = scenes._find_boxes(seen, whole)
    assert places[:, 0].tolist() == rows.tolist()
    assert (shares > (0.99 if x > 30 else 0.4)).all()
    changed = (np.abs(with_it - without) > 0.5).any(1)
    beyond = []
    for picture, (left, top, width, height) in zip(changed, boxes.tolist(), strict=True):
        down, across = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
        beyond.append([left - across[0], top - down[0], across[-1] + 1 - left - width, down[-1] + 1 - top - height])
    # pixels that the thing covers by less than half change too: at most a few, at the tips of wings and tails
    assert np.min(beyond) >= 0
    assert np.max(beyond) <= 5
    assert np.mean(beyond) < 1.6


def test_what_is_covered_has_no_share_in_the_box():
    seen = np.zeros((1, MOST_THINGS, SIDE, SIDE), dtype=np.float16)
    seen[0, 0, 10:30, 20:60] = 1
    seen[0, 1, 50:60, 50:60] = 1
    whole = np.full((1, MOST_THINGS), 1000.0)
    whole[0, :2] = (800, 100)
    seen[0, 0, :, 40:] = 0  # half of the first is hidden, and most of the second
    seen[0, 1, 53:] = 0
    places, boxes, shares = scenes._find_boxes(seen, whole)
    assert places.tolist() == [[0, 0]]
    assert boxes.tolist() == [[20, 10, 20, 20]]
    assert shares.tolist() == [0.5]


def test_a_later_thing_hides_an_earlier_one():
    seen = np.zeros((1, MOST_THINGS, SIDE, SIDE), dtype=np.float16)
    for thing, corner in ((0, 40.0), (1, 50.0)):
        patches = scenes._Patches(np.array([0]), np.full((1, 2), corner, dtype=np.float32), 16)
        patches.cover(seen, thing, np.ones((1, 16, 16), dtype=np.float32))
    assert seen[0, 1].sum() == 256
    assert seen[0, 0].sum() == 256 - 6 * 6


def test_a_patch_may_stick_out():
    seen = np.zeros((1, MOST_THINGS, SIDE, SIDE), dtype=np.float16)
    patches = scenes._Patches(np.array([0]), np.array([[2, 126]], dtype=np.float32), 16)
    patches.cover(seen, 0, np.ones((1, 16, 16), dtype=np.float32))
    assert np.argwhere(seen[0, 0]).min(0).tolist() == [118, 0]
    assert seen[0, 0].sum() == 10 * 10
