"""Log loss (cross-entropy): how surprised the given probabilities are by what was true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 0.0
TAKES = "probabilities"

_LEAST = float(np.finfo(np.float64).eps)


def log_loss(y_true: NDArray[np.integer], y_pred: NDArray[np.float64]) -> float:
    """Mean of -ln p(true class); probabilities are clipped to [2.2e-16, 1 - 2.2e-16].

    Args:
        y_true: Class codes from 0, shape (n,).
        y_pred: Probability of each class, in the order of the codes, shape (n, classes), in [0, 1]; or that of
            class 1 of two, shape (n,).

    Returns:
        Nats in [0, 36.1]; lower is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.

    Source: `sklearn.metrics.log_loss`.

    >>> round(log_loss(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])), 4)
    0.1643
    """
    losses = _losses(y_true, y_pred)
    return check_finite(max(float(losses.mean()), BEST) if len(losses) else np.nan, NO_ROWS)


def influence(y_true: NDArray[np.integer], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the log loss, shape (n,)."""
    losses = _losses(y_true, y_pred)
    return np.asarray(losses - losses.mean())


def _losses(y_true: NDArray[np.integer], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    if y_pred.ndim == 1:
        of_true = np.abs(y_pred - (y_true != 1))  # 1 - p where class 0 is true
    else:
        # One column after the other: the columns lie apart in memory, each in one piece.
        of_true = np.full(len(y_true), np.nan)
        for code in range(y_pred.shape[1]):
            np.copyto(of_true, y_pred[:, code], where=y_true == code)
    np.clip(of_true, _LEAST, 1.0 - _LEAST, out=of_true)
    np.log(of_true, out=of_true)
    return np.asarray(np.negative(of_true, out=of_true))
