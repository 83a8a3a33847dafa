"""Top-k accuracy: the share of rows whose true class is among the k most probable ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "probabilities"


def top_k_accuracy(y_true: NDArray[np.integer], y_pred: NDArray[np.float64], k: int = 5) -> float:
    """Share of rows in which the true class is one of the k with the highest probabilities.

    Of equally probable classes those with the higher codes come first.

    Args:
        y_true: Class codes from 0, shape (n,).
        y_pred: Probability of each class, in the order of the codes, shape (n, classes), in [0, 1]; or that of
            class 1 of two, shape (n,).
        k: How many classes may be named, from 1.

    Returns:
        A share in [0, 1]; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.

    Source: `sklearn.metrics.top_k_accuracy_score`.

    >>> top_k_accuracy(np.array([0, 1, 2, 2]), np.array([[0.5, 0.3, 0.2]] * 4), k=2)
    0.5
    """
    hits = _hits(y_true, y_pred, k)
    return check_finite(float(hits.mean()) if len(hits) else np.nan, NO_ROWS)


def influence(y_true: NDArray[np.integer], y_pred: NDArray[np.float64], k: int = 5) -> NDArray[np.float64]:
    """How much each row moves the share, shape (n,)."""
    hits = _hits(y_true, y_pred, k)
    return np.asarray(hits - hits.mean())


def _hits(y_true: NDArray[np.integer], y_pred: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """1 where fewer than k classes come before the true one."""
    if y_pred.ndim == 1:
        y_pred = np.stack([1 - y_pred, y_pred], axis=1)
    of_true = np.take_along_axis(y_pred, y_true[:, None].astype(np.intp), axis=1)[:, 0]
    before = np.zeros(len(y_true), dtype=np.intp)
    # one class after the other: the columns lie apart in memory, each in one piece
    for code in range(y_pred.shape[1]):
        chance = y_pred[:, code]
        before += (chance > of_true) | ((chance == of_true) & (code > y_true))
    return (before < k).astype(np.float64)
