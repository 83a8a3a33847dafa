"""Macro-F1: the F1 score of each class, averaged with equal weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.confusion_counts import count_pairs
from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "labels"


def macro_f1(y_true: NDArray[np.integer], y_pred: NDArray[np.integer]) -> float:
    """Mean over classes of F1 = 2 TP / (2 TP + FP + FN).

    Classes that are neither true nor predicted in any row do not count.

    Args:
        y_true: Label codes from 0, shape (n,), any integer type.
        y_pred: Label codes from 0, shape (n,).

    Returns:
        A mean in [0, 1]; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.

    Source: `sklearn.metrics.f1_score` with `average="macro"` and `zero_division=0`.

    >>> round(macro_f1(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])), 4)
    0.7333
    """
    hits, sizes = _counts(y_true, y_pred)
    used = sizes > 0
    return check_finite(float(np.mean(2 * hits[used] / sizes[used])) if used.any() else np.nan, NO_ROWS)


def influence(y_true: NDArray[np.integer], y_pred: NDArray[np.integer]) -> NDArray[np.float64]:
    """How much each row moves the macro-F1, shape (n,): the derivative through both classes it belongs to."""
    hits, sizes = _counts(y_true, y_pred)
    used = sizes > 0
    per_size = np.divide(len(y_true) / used.sum(), sizes, where=used, out=np.zeros(len(sizes)))
    f1 = np.divide(2 * hits, sizes, where=used, out=np.zeros(len(sizes)))
    loss = f1 * per_size
    right = y_true == y_pred
    return np.asarray(np.where(right, 2 * per_size[y_true], 0.0) - loss[y_true] - loss[y_pred])


def _counts(y_true: NDArray[np.integer], y_pred: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Per class: true positives, and twice those plus both kinds of errors."""
    matrix = count_pairs(y_true, y_pred)
    return matrix.diagonal(), matrix.sum(axis=0) + matrix.sum(axis=1)
