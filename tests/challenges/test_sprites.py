"""The drawn things: equal streams draw equal ones, shapes tell and colours do not, the pen covers what it should."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from challenges._generators.canvas import Pen, Pose, blur, draw_colours, paint_backdrops
from challenges._generators.keys import Keys
from challenges._generators.sprite_figures import FIGURES, draw_figure
from challenges._generators.sprites import CLASSES, SIDE, Sprites, draw_sprites

KEYS = Keys(b"k" * 32, "demo", 1)
WHITE = np.array([255, 255, 255], dtype=np.float32)


def draw(labels: NDArray[np.uint8], part: str = "one") -> Sprites:
    return draw_sprites(labels, KEYS.rng(f"{part}/shapes"), KEYS.rng(f"{part}/noise"))


def draw_labels(count: int, part: str) -> NDArray[np.uint8]:
    return KEYS.rng(f"{part}/labels").integers(0, len(CLASSES), count).astype(np.uint8)


@pytest.fixture(scope="module")
def world() -> tuple[Sprites, NDArray[np.uint8], Sprites, NDArray[np.uint8]]:
    """Things to learn from and things to ask for."""
    labels, asked = draw_labels(3000, "train"), draw_labels(1500, "test")
    return draw(labels, "train"), labels, draw(asked, "test"), asked


def pose(count: int, x: float = 16, y: float = 16, scale: float = 10, turn: float = 0, mirror: float = 1) -> Pose:
    return Pose(*(np.full(count, value, dtype=np.float32) for value in (x, y, scale, turn, mirror, 0)))


def pen(**place: float) -> Pen:
    return Pen(np.zeros((1, 3, SIDE * SIDE), dtype=np.float32), pose(1, **place))


def test_things_are_small_colour_images_and_none_comes_twice():
    sprites = draw(draw_labels(400, "train"))
    assert sprites.images.shape == (400, 3, SIDE, SIDE)
    assert sprites.images.dtype == np.uint8
    assert len(np.unique(sprites.images.reshape(400, -1), axis=0)) == 400
    assert ((sprites.scale >= 0.26 * SIDE) & (sprites.scale <= 0.5 * SIDE)).all()


def test_equal_streams_draw_equal_things():
    labels = draw_labels(300, "train")
    first, again, other = draw(labels), draw(labels), draw(labels, "two")
    assert (first.images == again.images).all()
    assert (first.occlusion == again.occlusion).all()
    assert (first.images != other.images).mean() > 0.9


def test_no_things_can_be_drawn_too():
    assert draw(np.empty(0, dtype=np.uint8)).images.shape == (0, 3, SIDE, SIDE)


def test_a_minority_is_partly_hidden():
    occlusion = draw(draw_labels(1000, "train")).occlusion
    assert ((occlusion >= 0) & (occlusion <= 1)).all()
    assert 0.2 < (occlusion > 0.001).mean() < 0.4
    assert 0.05 < (occlusion > 0.1).mean() < 0.2


def score_linear(train: NDArray[np.float32], y: NDArray[np.uint8], test: NDArray[np.float32], asked: object) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=500))
    return float(model.fit(train, y).score(test, asked))


def test_colours_do_not_tell_the_class(world: tuple[Sprites, NDArray[np.uint8], Sprites, NDArray[np.uint8]]):
    """Neither how often each brightness of red, green and blue occurs, nor the mean colour of the middle."""

    def colours(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        bins = [(images // 32 == level).mean((2, 3)) for level in range(8)]
        middle = images[:, :, 12:20, 12:20].mean((2, 3))
        return np.concatenate([*bins, middle], axis=1).astype(np.float32)

    train, labels, test, asked = world
    assert score_linear(colours(train.images), labels, colours(test.images), asked) < 0.15


def test_shapes_tell_the_class_but_not_to_a_linear_model(
    world: tuple[Sprites, NDArray[np.uint8], Sprites, NDArray[np.uint8]],
):
    """Pixels say little by themselves, the edges between them more: about what is needed to learn something."""

    def edges(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        across, down = (np.abs(np.diff(images.astype(np.float32), axis=axis)).mean(1) for axis in (3, 2))
        steps = np.stack([across[:, :-1], down[:, :, :-1]], 1)[:, :, :30, :30]
        pooled = steps.reshape(len(images), 2, 10, 3, 10, 3).mean((3, 5)).reshape(len(images), -1)
        return np.asarray(pooled / pooled.mean(1, keepdims=True), dtype=np.float32)

    train, labels, test, asked = world
    pixels = score_linear(
        train.images.reshape(len(labels), -1).astype(np.float32),
        labels,
        test.images.reshape(len(asked), -1).astype(np.float32),
        asked,
    )
    assert 0.12 < pixels < 0.5
    assert 0.3 < score_linear(edges(train.images), labels, edges(test.images), asked) < 0.6


@pytest.mark.parametrize("kind", range(len(CLASSES)), ids=CLASSES)
def test_each_kind_is_seen(kind: int):
    """Drawn into the middle it covers a good part of its square, and nothing far outside."""
    pixels = np.zeros((20, 3, SIDE * SIDE), dtype=np.float32)
    brush = Pen(pixels, pose(20))
    draw_figure(brush, kind, 20, KEYS.rng("figure"))
    covered = brush.covered.reshape(20, SIDE, SIDE)
    assert (covered[:, 6:26, 6:26].mean((1, 2)) > 0.12).all()
    assert covered[:, :4].max() == covered[:, -4:].max() == covered[:, :, :4].max() == covered[:, :, -4:].max() == 0
    assert len(FIGURES) == len(CLASSES)
    assert len(np.unique(covered, axis=0)) == 20


@pytest.mark.parametrize("way", [1, -1], ids=["one way round", "the other"])
def test_a_polygon_covers_its_area(way: int):
    brush = pen(turn=0.3)
    corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    brush.polygon([(x, y) for x, y in corners[::way]], WHITE[None])
    assert brush.covered.sum() == pytest.approx(100, rel=0.02)


def test_an_ellipse_covers_its_area_and_turns():
    flat, upright = pen(), pen()
    flat.ellipse((0, 0), (0.8, 0.4), WHITE[None])
    upright.ellipse((0, 0), (0.8, 0.4), WHITE[None], np.pi / 2)
    assert flat.covered.sum() == pytest.approx(np.pi * 8 * 4, rel=0.03)
    assert upright.covered.reshape(SIDE, SIDE) == pytest.approx(flat.covered.reshape(SIDE, SIDE).T, abs=0.01)


def test_a_line_is_at_least_a_pixel_wide():
    brush = pen()
    brush.line([(-0.5, 0), (0.5, 0)], 0.001, WHITE[None])
    assert brush.covered.sum() == pytest.approx(10.8, abs=0.8)


def test_a_mirrored_figure_is_the_other_way_round():
    plain, mirrored = pen(), pen(mirror=-1)
    for brush in (plain, mirrored):
        brush.ellipse((0.5, 0.2), (0.2, 0.2), WHITE[None])
    assert (plain.covered.reshape(SIDE, SIDE) == mirrored.covered.reshape(SIDE, SIDE)[:, ::-1]).all()


def test_a_shape_is_drawn_where_it_is_shown():
    pixels = np.zeros((2, 3, SIDE * SIDE), dtype=np.float32)
    Pen(pixels, pose(2)).ellipse((0, 0), (0.5, 0.5), np.stack([WHITE, WHITE]), shown=np.array([True, False]))
    assert pixels[0].max() == 255
    assert pixels[1].max() == 0


def test_backdrops_and_colours_stay_in_range():
    backdrops = paint_backdrops(60, SIDE, KEYS.rng("backdrops"))
    assert backdrops.shape == (60, 3, SIDE * SIDE)
    assert backdrops.min() >= 0
    assert backdrops.max() <= 255
    assert (backdrops.std(2).max(1) > 1).all()
    assert draw_colours(1000, KEYS.rng("colours")).mean(0) == pytest.approx([130] * 3, abs=8)


def test_a_blur_spreads_and_keeps_the_light():
    dot = np.zeros((2, 3, 9, 9), dtype=np.float32)
    dot[:, :, 4, 4] = 100
    blurred = blur(dot, np.array([0, 1], dtype=np.float32))
    assert (blurred[0] == dot[0]).all()
    assert blurred[1].sum((1, 2)) == pytest.approx([100] * 3, rel=0.01)
    assert blurred[1].max() < 20
