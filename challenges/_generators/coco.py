"""Average precision of boxes as COCO measures it, by faster-coco-eval, and what each picture adds to it.

Source: Lin and others, Microsoft COCO: Common Objects in Context, 2014; https://cocodataset.org/#detection-eval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALL = 0
"""Place of boxes of any size among the sizes."""
SMALL, LARGE = 1 / 8, 5 / 16
"""Sides of a square, as shares of a picture's width, from which a box counts as medium and as large."""
MOST_FOUND = (1, 10, 100)
"""How many of a picture's surest boxes of a category are looked at, for recall."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes in pictures, the true ones or found ones."""

    picture: NDArray[np.intp]
    """Place of each box's picture, shape (n,)."""
    category: NDArray[np.int64]
    """From 1, shape (n,)."""
    box: Floats
    """Left, top, width and height in pixels, shape (n, 4)."""
    score: Floats
    """How sure, shape (n,); of true boxes anything."""

    def take(self, rows: NDArray[Any]) -> Boxes:
        """Some of them, by places or by a mask."""
        return Boxes(self.picture[rows], self.category[rows], self.box[rows], self.score[rows])

    def within(self, pictures: NDArray[np.intp]) -> Boxes:
        """Those in some of the pictures, which are numbered anew; pictures must be ascending."""
        place = np.minimum(np.searchsorted(pictures, self.picture), len(pictures) - 1)
        kept = pictures[place] == self.picture
        return replace(self.take(kept), picture=place[kept])

    def settle(self) -> Boxes:
        """The same in an order that depends on nothing but themselves: picture, then score, the highest first."""
        keys = (*self.box.T, self.category, -self.score, self.picture)
        return self.take(np.lexsort(keys))


@dataclass(frozen=True, eq=False)
class Precision:
    """What COCO's evaluation tells; NaN where nothing true is of that kind."""

    precision: NDArray[np.float64]
    """At 10 thresholds of overlap (0.5, 0.55 … 0.95) and 101 recalls (0, 0.01 … 1), for each category and size (all,
    small, medium, large); shape (10, 101, categories, 4); NaN where there is no true box."""
    recall: NDArray[np.float64]
    """With 1, 10 and 100 boxes, shape (10, categories, 4, 3)."""

    def average(self, size: int = ALL, overlap: slice | int = slice(None)) -> float:
        """Mean precision over overlaps, recalls and categories."""
        return _mean(self.precision[overlap, ..., size])

    def by_category(self) -> list[float]:
        """Average precision of each category."""
        return [_mean(self.precision[:, :, place, ALL]) for place in range(self.precision.shape[2])]

    def curve(self, overlap: int) -> Floats:
        """Precision at each of the 101 recalls, mean over the categories."""
        lines = self.precision[overlap, :, :, ALL]
        known = ~np.isnan(lines).all(0)
        return np.asarray(lines[:, known].mean(1))

    def curves(self, overlap: int) -> Floats:
        """Precision at each of the 101 recalls, shape (categories, 101); NaN where there is no true box."""
        return np.asarray(self.precision[overlap, :, :, ALL].T)

    def average_recall(self, most_found: int) -> float:
        """Mean recall over overlaps and categories, with so many boxes of each category in a picture."""
        return _mean(self.recall[:, :, ALL, MOST_FOUND.index(most_found)])


class Evaluation(COCOeval_faster):  # type: ignore[misc]  # the library tells no types
    """COCO's evaluation of found boxes, which can also leave a picture out.

    Args:
        truth: The true boxes.
        found: Those that were found, at most 100 in a picture.
        pictures: How many pictures there are.
        categories: How many categories there are.
        width: Of the pictures, in pixels.
    """

    _evalImgs_cpp: list[Any]  # noqa: N815 - the library's

    def __init__(self, truth: Boxes, found: Boxes, pictures: int, categories: int, width: int) -> None:
        small, large = (width * SMALL) ** 2, (width * LARGE) ** 2
        super().__init__(
            _to_coco(truth, pictures, categories),
            _to_coco(found.settle(), pictures, categories),
            "bbox",
            ranges={"small": [0, small], "medium": [small, large], "large": [large, math.inf]},
            separate_eval=True,
        )

    def measure(self) -> Precision:
        """Precision and recall of all pictures."""
        self.params.maxDets = list(MOST_FOUND)
        self.evaluate()
        self.accumulate()
        precision, recall = (np.where(self.eval[name] < 0, np.nan, self.eval[name]) for name in ("precision", "recall"))
        return Precision(precision[..., -1], recall)

    def measure_influence(self) -> Floats:
        """How each picture moves the average precision, mean 0, shape (pictures,): by leaving it out.

        Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11 (the jackknife).
        """
        self.params.areaRng, self.params.areaRngLbl = self.params.areaRng[:1], self.params.areaRngLbl[:1]
        self.params.maxDets = [MOST_FOUND[-1]]
        self.evaluate()
        every, pictures = list(self._evalImgs_cpp), list(self._paramsEval.imgIds)
        scores = np.empty(len(pictures))
        for place in range(len(pictures)):
            # one result for each category and picture, pictures of a category side by side
            self._evalImgs_cpp = [found for n, found in enumerate(every) if n % len(pictures) != place]
            self._paramsEval.imgIds = pictures[:place] + pictures[place + 1 :]
            self.accumulate()
            known = self.eval["precision"][self.eval["precision"] >= 0]
            scores[place] = known.mean() if known.size else 0.0
        return np.asarray((len(pictures) - 1) * (scores.mean() - scores))


def measure_overlap(one: Floats, other: Floats) -> Floats:
    """Shared area over the area that both cover (IoU) of each pair of boxes (left, top, width, height).

    Args:
        one: Shape (n, 4).
        other: Shape (m, 4).

    Returns:
        From 0 to 1, shape (n, m).
    """
    ends = [boxes[:, :2] + boxes[:, 2:] for boxes in (one, other)]
    least = np.minimum(ends[0][:, None], ends[1][None])
    most = np.maximum(one[:, None, :2], other[None, :, :2])
    shared = np.clip(least - most, 0, None).prod(2)
    areas = one[:, 2:].prod(1)[:, None] + other[:, 2:].prod(1)[None]
    return np.asarray(shared / np.maximum(areas - shared, np.finfo(np.float64).tiny))


def _to_coco(boxes: Boxes, pictures: int, categories: int) -> COCO:
    """Boxes as the library takes them; its ids begin with 1."""
    listed = zip(boxes.picture.tolist(), boxes.category.tolist(), boxes.box.tolist(), boxes.score.tolist(), strict=True)
    coco = COCO()
    coco.dataset = {
        "images": [{"id": picture} for picture in range(pictures)],
        "categories": [{"id": category, "name": str(category)} for category in range(1, categories + 1)],
        "annotations": [
            {
                "id": number,
                "image_id": picture,
                "category_id": category,
                "bbox": box,
                "area": box[2] * box[3],
                "score": score,
                "iscrowd": 0,
            }
            for number, (picture, category, box, score) in enumerate(listed, 1)
        ],
    }
    coco.createIndex()
    return coco


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
