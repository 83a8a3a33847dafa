"""Root mean squared logarithmic error: the RMSE of ln(1 + x), for amounts whose relative error counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Phrase, say
from graders.metrics import rmse as squared

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 0.0
TAKES = "numbers"


def rmsle(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Root of the mean squared difference of ln(1 + x).

    Args:
        y_true: Finite numbers above -1, shape (n,), float64.
        y_pred: Finite numbers above -1, shape (n,), float64.

    Returns:
        A number from 0, without unit; lower is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0 or a number is -1 or less.

    Source: `sklearn.metrics.root_mean_squared_log_error`.

    >>> round(rmsle(np.array([100.0, 200.0]), np.array([110.0, 180.0])), 4)
    0.0997
    """
    return squared.rmse(_logarithms(y_true), _logarithms(y_pred))


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the RMSLE, shape (n,)."""
    return squared.influence(_logarithms(y_true), _logarithms(y_pred))


def _logarithms(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.min(initial=0.0) <= -1:
        problem = say(Phrase.NO_LOGARITHM)
        raise InvalidSubmission.because(Reason.SCORE_UNDEFINED, problem=problem)
    return np.log1p(values)
