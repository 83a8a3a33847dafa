"""R², the coefficient of determination: the share of the answers' variance that the predictions explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from challenges.phrases import Phrase, say
from graders.metrics import TOO_LARGE, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "numbers"

_FEWEST = 2


def r2(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """1 - sum of squared errors / sum of squares about the answers' mean.

    Where all answers are equal it is 1 for perfect predictions and 0 for all others.

    Args:
        y_true: Finite numbers, shape (n,), float64, n at least 2.
        y_pred: Finite numbers, shape (n,), float64.

    Returns:
        A number up to 1; 0 is what the mean of the answers reaches; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is below 2 or a square overflows.

    Source: `sklearn.metrics.r2_score`.

    >>> round(r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.5])), 4)
    0.875
    """
    if len(y_true) < _FEWEST:
        return check_finite(np.nan, say(Phrase.ONE_ROW))
    with np.errstate(over="ignore", invalid="ignore"):
        residual, total = _sums(y_true, y_pred)
        score = float(residual == 0) if total == 0 else 1.0 - residual / total
    return check_finite(score, TOO_LARGE)


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves R², shape (n,): the derivative of a ratio of two means."""
    residual, total = _sums(y_true, y_pred)
    if total == 0:
        return np.zeros(len(y_true))
    errors, spread = np.square(y_pred - y_true), np.square(y_true - y_true.mean())
    return np.asarray((spread * (residual / total) - errors) * (len(y_true) / total))


def _sums(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> tuple[float, float]:
    """Squared errors, and squares of the answers about their mean, each summed."""
    difference = y_pred - y_true
    residual = float(np.dot(difference, difference))
    np.subtract(y_true, y_true.mean(), out=difference)
    return residual, float(np.dot(difference, difference))
