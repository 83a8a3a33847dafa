"""Scores detections by COCO's mean average precision, and says which kinds of errors cost how much of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenges._generators.coco import Boxes, Evaluation, Precision, measure_overlap
from challenges._generators.grading import Given, Graded, Hidden, Side

DIRECTION, BEST = "max", 1.0
ENOUGH, BARELY = 0.5, 0.1
"""Overlaps from which a box counts as found, and below which it counts as backdrop, where errors are told apart."""
FIRST = 0
"""Place of `ENOUGH` among the ten thresholds."""
CURVES = ((0, "0.5"), (5, "0.75"), (8, "0.9"))
"""Places of thresholds whose curves are drawn, and their names."""
CHINESE = {
    "airplane": "飞机",
    "car": "汽车",
    "bird": "鸟",
    "cat": "猫",
    "fish": "鱼",
    "dog": "狗",
    "flower": "花",
    "horse": "马",
    "ship": "船",
    "truck": "卡车",
    "RBC": "红细胞",
    "WBC": "白细胞",
    "Platelets": "血小板",
}
ERRORS = {
    "class": ("wrong class, right place", "位置对，类别错"),
    "location": ("right class, overlap of 0.1 to 0.5", "类别对，重叠只有 0.1 到 0.5"),
    "both": ("wrong class and place", "类别和位置都错"),
    "duplicate": ("found a second time", "重复检测"),
    "backdrop": ("nothing is there", "那里什么都没有"),
    "missed": ("not found at all", "完全没找到"),
}

Mask = NDArray[np.bool_]


def grade(given: Given, hidden: Hidden, side: Side) -> Graded:
    """Mean average precision of one side's pictures.

    Args:
        given: Detections `results` with the places of their pictures.
        hidden: The true boxes in `objects`, and in `about` the names of the categories and the size of the pictures.
        side: The pictures to score.
    """
    names, width = hidden["about"]["categories"].tolist(), int(hidden["about"]["size"][0])
    objects, rows = hidden["objects"], given.arrays["results"]
    blank = np.zeros(len(objects["picture"]))
    truth = Boxes(objects["picture"], objects["category"], objects["box"].astype(np.float64), blank).within(side.rows)
    found = Boxes(given.places["results"], rows[:, 0].astype(np.int64), rows[:, 1:5], rows[:, 5]).within(side.rows)
    field = Field(truth, found.settle(), len(side.rows), len(names), width)
    measured = field.measure(field.found)
    return Graded(
        score=measured.average(),
        secondary={
            "ap_50": measured.average(overlap=0),
            "ap_75": measured.average(overlap=5),
            "ap_small": measured.average(size=1),
            "ap_medium": measured.average(size=2),
            "ap_large": measured.average(size=3),
            "ar_10": measured.average_recall(10),
        },
        influence=field.evaluate(field.found).measure_influence(),
        shown=show(field, measured, names) if side.is_public else {},
    )


@dataclass(frozen=True, eq=False)
class Field:
    """The pictures of one side, with true boxes and found ones."""

    truth: Boxes
    found: Boxes
    """In the order of `Boxes.settle`: of each picture the surest first."""
    pictures: int
    categories: int
    width: int
    """Of the pictures, in pixels."""

    def evaluate(self, found: Boxes, truth: Boxes | None = None) -> Evaluation:
        """COCO's evaluation of these boxes, or of others in their place."""
        return Evaluation(truth or self.truth, found, self.pictures, self.categories, self.width)

    def measure(self, found: Boxes, truth: Boxes | None = None) -> Precision:
        """What it tells."""
        return self.evaluate(found, truth).measure()


@dataclass(frozen=True, eq=False)
class Errors:
    """Which error each found box is, and what would mend it."""

    kind: NDArray[np.str_]
    """A key of `ERRORS`, or empty for a box that is right; shape (found,)."""
    nearest: NDArray[np.intp]
    """Place of the true box that it was probably meant for; -1: none; shape (found,)."""
    is_taken: Mask
    """Whether that true box is found by another one, shape (found,)."""
    is_missed: Mask
    """True boxes that no box finds, nor is probably meant for; shape (truth,)."""


def find_errors(field: Field) -> Errors:
    """Sort the found boxes by what is wrong with them, at an overlap of 0.5.

    Source: Bolya, Foley, Hays and Hoffman, TIDE: A General Toolbox for Identifying Object Detection Errors, 2020.
    """
    truth, found = field.truth, field.found
    kind = np.full(len(found.picture), "backdrop", dtype="<U9")
    nearest = np.full(len(found.picture), -1)
    finder = np.full(len(truth.picture), -1)
    for picture in np.unique(found.picture).tolist():
        mine, theirs = np.flatnonzero(found.picture == picture), np.flatnonzero(truth.picture == picture)
        if len(theirs):
            overlap = measure_overlap(found.box[mine], truth.box[theirs])
            is_same = found.category[mine][:, None] == truth.category[theirs][None]
            for place, box in enumerate(mine.tolist()):
                kind[box], chosen = judge_box(overlap[place], is_same[place], finder[theirs] >= 0)
                nearest[box] = theirs[chosen] if chosen >= 0 else -1
                if not kind[box]:
                    finder[theirs[chosen]] = box
    is_taken = (nearest >= 0) & (finder[nearest] >= 0)
    is_missed = finder < 0
    is_missed[nearest[np.isin(kind, ["class", "location"])]] = False
    return Errors(kind, nearest, is_taken, is_missed)


def judge_box(overlap: NDArray[np.float64], is_same: Mask, is_found: Mask) -> tuple[str, int]:
    """What is wrong with one box, and which true box it was meant for.

    Args:
        overlap: With each true box of its picture.
        is_same: Which of them are of its class.
        is_found: Which of them a surer box has found.
    """
    free, same, other = overlap * (is_same & ~is_found), overlap * is_same, overlap * ~is_same
    if free.max() >= ENOUGH:
        return "", int(free.argmax())
    if other.max() >= ENOUGH > same.max():
        return "class", int(other.argmax())
    if same.max() >= ENOUGH:
        return "duplicate", int(same.argmax())
    if same.max() >= BARELY:
        return "location", int(same.argmax())
    return ("both", int(other.argmax())) if other.max() >= BARELY else ("backdrop", -1)


def mend(field: Field, errors: Errors, kind: str) -> tuple[Boxes, Boxes]:
    """Found and true boxes as they would be without one kind of errors."""
    found, wrong = field.found, errors.kind == kind
    if kind == "missed":
        return found, field.truth.take(~errors.is_missed)
    if kind not in ("class", "location"):
        return found.take(~wrong), field.truth
    category, box = found.category.copy(), found.box.copy()
    category[wrong] = field.truth.category[errors.nearest[wrong]]
    box[wrong] = field.truth.box[errors.nearest[wrong]]
    # of several boxes that would become right for one thing, the surest counts
    surest = np.zeros(len(wrong), dtype=np.bool_)
    order = np.flatnonzero(wrong)[np.argsort(-found.score[wrong], kind="stable")]
    surest[order[np.unique(errors.nearest[order], return_index=True)[1]]] = True
    return replace(found, category=category, box=box).take(~wrong | (surest & ~errors.is_taken)), field.truth


def show(field: Field, measured: Precision, names: list[str]) -> dict[str, Any]:
    """Curves, the score of each class, and what each kind of errors costs: sums over the side, never single boxes."""
    errors = find_errors(field)
    before = measured.average(overlap=FIRST)
    after = {kind: field.measure(*mend(field, errors, kind)).average(overlap=FIRST) for kind in ERRORS}
    # where all that is left to find was never found, nothing is left, and nothing is wrong
    gains = {kind: (1.0 if np.isnan(score) else score) - before for kind, score in after.items()}
    recalls = np.linspace(0, 1, 101)
    return {
        "curves": {
            "x_label": {"en": "recall", "zh": "召回率"},
            "y_label": {"en": "precision", "zh": "精确率"},
            "lines": [
                {
                    "name": {"en": f"overlap of {name} or more", "zh": f"重叠不低于 {name}"},
                    "points": list(zip(recalls.tolist(), measured.curve(place).tolist(), strict=True)),
                }
                for place, name in CURVES
            ],
        },
        "errors": {
            "label": {"en": "AP50 that would be gained without them", "zh": "若没有这类错误，AP50 能提高多少"},
            "rows": [{"name": {"en": en, "zh": zh}, "value": gains[kind]} for kind, (en, zh) in ERRORS.items()],
        },
        "classes": {
            "label": {"en": "average precision", "zh": "平均精确率"},
            "rows": [
                {"name": {"en": name, "zh": CHINESE.get(name, name)}, "value": score}
                for name, score in zip(names, measured.by_category(), strict=True)
            ],
        },
    }
