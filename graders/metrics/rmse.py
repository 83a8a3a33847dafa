"""Root mean squared error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, TOO_LARGE, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 0.0
TAKES = "numbers"


def rmse(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Root of the mean squared difference.

    Args:
        y_true: Finite numbers, shape (n,), float64.
        y_pred: Finite numbers, shape (n,), float64.

    Returns:
        A number from 0, in the unit of the answers; lower is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0 or a square overflows.

    Source: `sklearn.metrics.root_mean_squared_error`.

    >>> round(rmse(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0])), 4)
    1.1547
    """
    with np.errstate(over="ignore"):
        difference = y_pred - y_true
        total = float(np.dot(difference, difference))
    return check_finite(
        math.sqrt(total / len(y_true)) if len(y_true) else np.nan, TOO_LARGE if len(y_true) else NO_ROWS
    )


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the RMSE, shape (n,)."""
    squares = np.square(y_pred - y_true)
    mean = squares.mean()
    return np.asarray((squares - mean) / (2 * np.sqrt(mean))) if mean > 0 else np.zeros(len(y_true))
