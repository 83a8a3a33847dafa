"""Mean absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, TOO_LARGE, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 0.0
TAKES = "numbers"


def mae(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Mean of the absolute differences.

    Args:
        y_true: Finite numbers, shape (n,), float64.
        y_pred: Finite numbers, shape (n,), float64.

    Returns:
        A number from 0, in the unit of the answers; lower is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0 or the sum overflows.

    Source: `sklearn.metrics.mean_absolute_error`.

    >>> mae(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.5]))
    0.5
    """
    with np.errstate(over="ignore"):
        score = float(_errors(y_true, y_pred).mean()) if len(y_true) else np.nan
    return check_finite(score, TOO_LARGE if len(y_true) else NO_ROWS)


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the mean absolute error, shape (n,)."""
    errors = _errors(y_true, y_pred)
    return np.asarray(errors - errors.mean())


def _errors(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    errors = y_pred - y_true
    return np.abs(errors, out=errors)
