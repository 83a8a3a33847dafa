"""Scores detections by COCO's mean average precision, and says which kinds of errors cost how much of it.

Some public pictures are shown with the boxes that a participant sent, and never with the true ones: the pictures are
the same for every submission, and one score for all of them decides which boxes are drawn.
"""

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
EVERY = 5
"""A curve for each class is drawn at every so-many-th of the 101 recalls: ten curves are many points."""
DRAWN_PICTURES, DRAWN_BOXES = 12, 20
"""Pictures that are shown, and boxes in each at most, the surest ones."""
BOXES_AT_FIRST = 4
"""In each picture on average, while no box is right."""
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
    shown: dict[str, Any] = {}
    if side.is_public:
        errors, categories = find_errors(field), [name_category(name) for name in names]
        ids = hidden["answers"]["id"][side.rows[:DRAWN_PICTURES]].tolist()
        shown = show(field, errors, measured, categories) | {"boxes": show_boxes(field, errors, categories, ids)}
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
        shown=shown,
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
    is_taken = (nearest >= 0) & (finder[nearest] >= 0) if len(finder) else np.zeros(len(nearest), dtype=np.bool_)
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


def name_category(name: str) -> dict[str, str]:
    """A category in both languages."""
    return {"en": name, "zh": CHINESE.get(name, name)}


def show(field: Field, errors: Errors, measured: Precision, names: list[dict[str, str]]) -> dict[str, Any]:
    """Curves, the score of each class, and what each kind of errors costs: sums over the side, never single boxes."""
    before = measured.average(overlap=FIRST)
    after = {kind: field.measure(*mend(field, errors, kind)).average(overlap=FIRST) for kind in ERRORS}
    # where all that is left to find was never found, nothing is left, and nothing is wrong
    gains = {kind: (1.0 if np.isnan(score) else score) - before for kind, score in after.items()}
    together = {
        f"overlap of {name} or more": (f"重叠不低于 {name}", measured.curve(place).tolist()) for place, name in CURVES
    }
    return {
        "curves": draw_curves([({"en": en, "zh": zh}, curve) for en, (zh, curve) in together.items()]),
        "class_curves": draw_curves(list(zip(names, measured.curves(FIRST).tolist(), strict=True)), EVERY),
        "errors": {
            "label": {"en": "AP50 that would be gained without them", "zh": "若没有这类错误，AP50 能提高多少"},
            "rows": [{"name": {"en": en, "zh": zh}, "value": gains[kind]} for kind, (en, zh) in ERRORS.items()],
        },
        "classes": {
            "label": {"en": "average precision", "zh": "平均精确率"},
            "rows": [{"name": name, "value": score} for name, score in zip(names, measured.by_category(), strict=True)],
        },
    }


def draw_curves(curves: list[tuple[dict[str, str], list[float]]], every: int = 1) -> dict[str, Any]:
    """Lines of precision over recall, from their names and 101 precisions each."""
    recalls = np.linspace(0, 1, 101).tolist()
    return {
        "x_label": {"en": "recall", "zh": "召回率"},
        "y_label": {"en": "precision", "zh": "精确率"},
        "lines": [{"name": name, "points": list(zip(recalls, curve, strict=True))[::every]} for name, curve in curves],
    }


def find_balance(field: Field, errors: Errors) -> tuple[float, float]:
    """The score from which on boxes are worth drawing, and the F1 score that they reach at an overlap of 0.5.

    Scores may be any numbers, so that no threshold is right for all. While no box is right, the F1 score is 0 and the
    surest ones are drawn.
    """
    order = np.argsort(-field.found.score, kind="stable")
    scores = field.found.score[order]
    right = np.cumsum(errors.kind[order] == "")
    balance = 2 * right / (np.arange(1, len(order) + 1) + len(field.truth.picture))
    balance[:-1][scores[:-1] == scores[1:]] = 0  # boxes of one score are drawn together
    if balance.any():
        return float(scores[balance.argmax()]), float(balance.max())
    return float(scores[min(BOXES_AT_FIRST * field.pictures, len(scores)) - 1]), 0.0


def show_boxes(field: Field, errors: Errors, names: list[dict[str, str]], ids: list[str]) -> dict[str, Any]:
    """The first pictures of the side with found boxes, the surest of each; nothing where none was found.

    Args:
        field: Pictures and boxes.
        errors: Which boxes are right.
        names: Of the categories.
        ids: Of the pictures to show.
    """
    found = field.found
    if not len(found.score):
        return {"note": None, "pictures": []}
    least, balance = find_balance(field, errors)
    english = f"Drawn are your boxes with a score of {least:.3g} or more: "
    chinese = f"画出的是分数不低于 {least:.3g} 的框："
    if balance:
        english += f"there precision and recall are in the best balance (F1 {balance:.2f} at an overlap of 0.5)."
        chinese += f"从这个分数起，精确率和召回率最均衡（重叠 0.5 时 F1 为 {balance:.2f}）。"
    else:
        english += "the surest ones. At an overlap of 0.5 none is right yet."
        chinese += "也就是把握最大的那些。重叠 0.5 时还没有一个是对的。"
    pictures = []
    for place, name in enumerate(ids):
        rows = np.flatnonzero((found.picture == place) & (found.score >= least))[:DRAWN_BOXES]
        boxes = zip(found.category[rows].tolist(), found.score[rows].tolist(), found.box[rows].tolist(), strict=True)
        told = [
            {"name": names[kind - 1] if kind <= len(names) else str(kind), "kind": kind, "score": score, "box": box}
            for kind, score, box in boxes
        ]
        pictures.append({"file": f"test/{name}.jpg", "boxes": told})
    return {"note": {"en": english, "zh": chinese}, "pictures": pictures}
