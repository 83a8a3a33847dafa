"""Pair accuracy: how often a language model finds the true one of two texts likelier, which differ in little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "numbers"


def pair_accuracy(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Share of pairs of which the true row costs less; where both cost the same, half a pair.

    Args:
        y_true: Pairs, shape (n,), whole numbers: a pair's number in its true row, minus the number in the wrong one,
            each at most once; 0 in rows that belong to no pair. Rows whose counterpart is not among them do not count.
        y_pred: What each row costs, shape (n,), float64.

    Returns:
        A share in [0, 1]; higher is better. Guessing reaches 0.5.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where there is no pair.

    Source: Mostafazadeh and others, A Corpus and Cloze Evaluation for Deeper Understanding of Commonsense Stories,
    2016; Warstadt and others, BLiMP: The Benchmark of Linguistic Minimal Pairs, 2020.

    >>> pair_accuracy(np.array([1.0, -1.0, 2.0, -2.0]), np.array([3.0, 3.5, 2.0, 1.5]))
    0.5
    """
    numbers = np.intersect1d(y_true[y_true > 0], -y_true[y_true < 0])
    if not len(numbers):
        return check_finite(np.nan, NO_ROWS)
    order = np.argsort(y_true)
    right, wrong = (y_pred[order[np.searchsorted(y_true, sign * numbers, sorter=order)]] for sign in (1, -1))
    return check_finite(float(np.mean((right < wrong) + (right == wrong) / 2)), NO_ROWS)
