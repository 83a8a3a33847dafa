"""Root mean squared error over several columns at once, such as the days of a forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, TOO_LARGE, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 0.0
TAKES = "vectors"


def pooled_rmse(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Root of the mean squared difference of all cells.

    Args:
        y_true: Finite numbers, shape (n, columns), float64.
        y_pred: Finite numbers, shape (n, columns), float64.

    Returns:
        A number from 0, in the unit of the answers; lower is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0 or a square overflows.

    Source: `sklearn.metrics.root_mean_squared_error` of the flattened columns.

    >>> round(pooled_rmse(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])), 4)
    1.4142
    """
    with np.errstate(over="ignore"):
        score = float(np.sqrt(_squares(y_true, y_pred).mean())) if len(y_true) else np.nan
    return check_finite(score, TOO_LARGE if len(y_true) else NO_ROWS)


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the error, shape (n,)."""
    squares = _squares(y_true, y_pred)
    mean = squares.mean()
    return np.asarray((squares - mean) / (2 * np.sqrt(mean))) if mean > 0 else np.zeros(len(y_true))


def _squares(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean squared difference of each row, shape (n,)."""
    return np.asarray(np.square(y_pred - y_true).mean(axis=1))
