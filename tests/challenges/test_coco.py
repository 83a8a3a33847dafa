"""Average precision of boxes: as pycocotools tells it on random boxes, with an error as resampled pictures have."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from challenges._generators.coco import Boxes, Evaluation, measure_overlap

PICTURES, CATEGORIES, WIDTH = 60, 4, 128


def draw_truth(rng: np.random.Generator, count: int = 200, pictures: int = PICTURES) -> Boxes:
    """Boxes of all sizes."""
    box = np.concatenate([rng.integers(0, 80, (count, 2)), rng.integers(6, 60, (count, 2))], axis=1).astype(np.float64)
    picture = np.sort(rng.integers(0, pictures, count)).astype(np.intp)
    return Boxes(picture, rng.integers(1, CATEGORIES + 1, count), box, np.zeros(count))


def spoil(truth: Boxes, rng: np.random.Generator, times: int = 3) -> Boxes:
    """What a poor detector finds: boxes moved and resized, some of another category, many found more than once."""
    found = truth.take(rng.integers(0, len(truth.picture), times * len(truth.picture)))
    count = len(found.picture)
    box = found.box + rng.normal(0, rng.choice([1, 4, 12], (count, 1)), (count, 4))
    box[:, 2:] = np.maximum(box[:, 2:], 1)
    category = np.where(rng.random(count) < 0.2, rng.integers(1, CATEGORIES + 1, count), found.category)
    # few different scores, so that many are equal
    return replace(found, box=box, category=category, score=rng.integers(0, 40, count) / 40).settle()


def reference(truth: Boxes, found: Boxes) -> NDArray[np.float64]:
    """The twelve numbers of pycocotools, with the limits of smaller pictures."""
    given = []
    for boxes in (truth, found):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number} for number in range(PICTURES)],
            "categories": [{"id": number} for number in range(1, CATEGORIES + 1)],
            "annotations": [
                {
                    "id": number + 1,
                    "image_id": int(boxes.picture[number]),
                    "category_id": int(boxes.category[number]),
                    "bbox": boxes.box[number].tolist(),
                    "area": float(boxes.box[number, 2:].prod()),
                    "score": float(boxes.score[number]),
                    "iscrowd": 0,
                }
                for number in range(len(boxes.picture))
            ],
        }
        with contextlib.redirect_stdout(io.StringIO()):
            coco.createIndex()
        given.append(coco)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(*given, "bbox")
        evaluation.params.areaRng = [[0, 1e10], [0, 16**2], [16**2, 40**2], [40**2, 1e10]]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.asarray(evaluation.stats)


def evaluate(truth: Boxes, found: Boxes, pictures: int = PICTURES) -> Evaluation:
    return Evaluation(truth, found, pictures, CATEGORIES, WIDTH)


@pytest.mark.parametrize("seed", range(6))
def test_every_number_is_that_of_pycocotools(seed: int):
    rng = np.random.default_rng(seed)
    truth = draw_truth(rng)
    found = spoil(truth, rng)
    stats, measured = reference(truth, found), evaluate(truth, found).measure()
    told = [measured.average(), measured.average(overlap=0), measured.average(overlap=5)]
    told += [measured.average(size=size) for size in (1, 2, 3)] + [measured.average_recall(n) for n in (1, 10, 100)]
    assert told == pytest.approx(stats[:9].tolist(), abs=1e-9)
    assert 0.02 < told[0] < 0.6
    assert np.mean(measured.by_category()) == pytest.approx(told[0], abs=1e-9)
    assert measured.curve(0).mean() == pytest.approx(told[1], abs=1e-9)


def test_the_truth_is_perfect_and_nothing_is_worth_nothing():
    truth = draw_truth(np.random.default_rng(0))
    sure = replace(truth, score=np.arange(200) / 200)
    measured = evaluate(truth, sure).measure()
    assert [measured.average(size=size) for size in range(4)] == [1.0] * 4
    assert measured.average_recall(10) == 1.0
    nothing = evaluate(truth, truth.take(np.empty(0, np.intp))).measure()
    assert nothing.average() == nothing.average_recall(100) == 0.0


def test_what_is_not_there_has_no_score():
    truth = draw_truth(np.random.default_rng(0))
    large = truth.take((truth.box[:, 2:].prod(1) > 40**2) & (truth.category < 3))
    measured = evaluate(large, large).measure()
    assert np.isnan(measured.average(size=1))
    assert measured.average() == 1.0
    assert np.isnan(measured.by_category()[2:]).all()
    assert measured.curve(0).tolist() == [1.0] * 101
    empty = truth.take(np.empty(0, np.intp))
    assert np.isnan(evaluate(empty, truth).measure().average())


def test_the_order_of_boxes_makes_no_difference_even_where_scores_are_equal():
    rng = np.random.default_rng(5)
    truth = draw_truth(rng)
    found = spoil(truth, rng)
    mixed = found.take(rng.permutation(len(found.picture)))
    assert evaluate(truth, mixed).measure().average() == evaluate(truth, found).measure().average()
    assert (mixed.settle().box == found.box).all()


def test_the_error_is_that_of_resampled_pictures():
    """Against the bootstrap: the same pictures drawn with repetition, each copy as a picture of its own."""
    rng = np.random.default_rng(2)
    truth = draw_truth(rng, count=400)
    found = spoil(truth, rng)
    influence = evaluate(truth, found).measure_influence()
    assert influence.shape == (PICTURES,)
    assert influence.mean() == pytest.approx(0, abs=1e-12)
    error = np.sqrt((influence**2).sum()) / PICTURES
    scores = []
    for _ in range(150):
        chosen = rng.integers(0, PICTURES, PICTURES)
        copies = [
            [replace(part := boxes.take(boxes.picture == place), picture=np.full(len(part.picture), copy))
             for copy, place in enumerate(chosen.tolist())]
            for boxes in (truth, found)
        ]  # fmt: skip
        drawn = [
            Boxes(
                *(np.concatenate([getattr(b, name) for b in parts]) for name in ("picture", "category", "box", "score"))
            )
            for parts in copies
        ]
        scores.append(evaluate(drawn[0], drawn[1]).measure().average())
    assert error == pytest.approx(np.std(scores), rel=0.25)


def test_boxes_of_some_pictures_are_numbered_anew():
    truth = draw_truth(np.random.default_rng(1))
    chosen = np.array([3, 7, 8, 40], dtype=np.intp)
    part = truth.within(chosen)
    assert set(part.picture.tolist()) == {0, 1, 2, 3}
    for place, picture in enumerate(chosen):
        assert (part.box[part.picture == place] == truth.box[truth.picture == picture]).all()
    assert truth.within(np.array([PICTURES + 5])).picture.tolist() == []


def test_overlaps():
    one = np.array([[0, 0, 10, 10]], dtype=np.float64)
    other = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [10, 0, 10, 10], [2, 2, 5, 5]], dtype=np.float64)
    assert measure_overlap(one, other)[0] == pytest.approx([1, 1 / 3, 0, 1 / 4])
    assert measure_overlap(one[:0], other).shape == (0, 4)
