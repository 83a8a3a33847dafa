"""Mean absolute percentage error, as a share: 0.1 is ten percent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, TOO_LARGE, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 0.0
TAKES = "numbers"

_LEAST = float(np.finfo(np.float64).eps)


def mape(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Mean of |difference| / |answer|; an answer of 0 counts as 2.2e-16.

    Args:
        y_true: Finite numbers, shape (n,), float64; best far from 0.
        y_pred: Finite numbers, shape (n,), float64.

    Returns:
        A share from 0 (1 is hundred percent); lower is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0 or the sum overflows.

    Source: `sklearn.metrics.mean_absolute_percentage_error`.

    >>> round(mape(np.array([100.0, 200.0]), np.array([110.0, 190.0])), 4)
    0.075
    """
    with np.errstate(over="ignore"):
        score = float(_shares(y_true, y_pred).mean()) if len(y_true) else np.nan
    return check_finite(score, TOO_LARGE if len(y_true) else NO_ROWS)


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the mean absolute percentage error, shape (n,)."""
    shares = _shares(y_true, y_pred)
    return np.asarray(shares - shares.mean())


def _shares(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    errors = y_pred - y_true
    np.abs(errors, out=errors)
    errors /= np.maximum(np.abs(y_true), _LEAST)
    return errors
