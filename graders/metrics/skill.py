"""Skill: how much smaller the squared error is than that of the same simple forecast for every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, TOO_LARGE, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "vectors"


def skill(y_true: NDArray[np.float64], y_pred: NDArray[np.float64], *, reference: float = 0.0) -> float:
    """1 - sum of squared errors / sum of squared errors of `reference`, over all rows and columns.

    On the same rows it orders forecasts exactly as the root mean squared error does. Where the reference is right
    everywhere it is 1 for perfect forecasts and 0 for all others.

    Args:
        y_true: Finite numbers, shape (n, columns), float64.
        y_pred: Finite numbers, shape (n, columns), float64.
        reference: The number that the simple forecast says everywhere.

    Returns:
        A number up to 1; 0 is the simple forecast, below it is worse; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0 or a square overflows.

    Source: Murphy, Skill Scores Based on the Mean Square Error, Monthly Weather Review, 1988. It is 1 minus the ratio
    of two `sklearn.metrics.mean_squared_error`.

    >>> skill(np.array([[100.0, 102.0]]), np.array([[100.0, 101.0]]), reference=100.0)
    0.75
    """
    with np.errstate(over="ignore", invalid="ignore"):
        error, simple = (float(squares.sum()) for squares in _squares(y_true, y_pred, reference))
        score = float(error == 0) if simple == 0 else 1.0 - error / simple
    return check_finite(score if len(y_true) else np.nan, TOO_LARGE if len(y_true) else NO_ROWS)


def influence(
    y_true: NDArray[np.float64], y_pred: NDArray[np.float64], *, reference: float = 0.0
) -> NDArray[np.float64]:
    """How much each row moves the skill, shape (n,): the derivative of a ratio of two means."""
    errors, simple = _squares(y_true, y_pred, reference)
    total = float(simple.sum())
    if total == 0:
        return np.zeros(len(y_true))
    return np.asarray((simple * (float(errors.sum()) / total) - errors) * (len(y_true) / total))


def _squares(
    y_true: NDArray[np.float64], y_pred: NDArray[np.float64], reference: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared errors of each row, and those of the simple forecast."""
    return np.square(y_pred - y_true).sum(axis=1), np.square(y_true - reference).sum(axis=1)
