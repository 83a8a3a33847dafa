"""Kullback-Leibler divergence: how far the given probabilities lie from those of a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 0.0
TAKES = "distributions"

_LEAST = float(np.finfo(np.float64).eps)


def kl_divergence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Mean over the rows of the sum of p ln(p / q), p the teacher's; q is at least 2.2e-16.

    Args:
        y_true: The teacher's probabilities, shape (n, classes); each row sums to 1.
        y_pred: Probabilities in the same order of classes, shape (n, classes); each row sums to 1.

    Returns:
        Nats from 0; lower is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.

    Source: `scipy.special.rel_entr`, summed over the classes.

    >>> round(kl_divergence(np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])), 4)
    0.5108
    """
    divergences = _divergences(y_true, y_pred)
    return check_finite(max(float(divergences.mean()), BEST) if len(divergences) else np.nan, NO_ROWS)


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the divergence, shape (n,)."""
    divergences = _divergences(y_true, y_pred)
    return np.asarray(divergences - divergences.mean())


def _divergences(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    # one class after the other: the columns lie apart in memory, each in one piece
    total = np.zeros(len(y_true))
    for code in range(y_true.shape[1]):
        p, q = y_true[:, code], np.maximum(y_pred[:, code], _LEAST)
        total += np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / q), 0.0)
    return total
