"""Perplexity: among how many equally likely tokens a language model hesitates on average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, TOO_LARGE, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 1.0
TAKES = "numbers"


def perplexity(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """The exponential of the mean cost over all scored tokens, of whichever row.

    Args:
        y_true: Scored tokens of each row, shape (n,), float64, from 0; rows with 0 count for nothing.
        y_pred: Mean of -log2 of their probabilities in the row, shape (n,), float64, from 0.

    Returns:
        A number from 1; lower is better. Uniform guessing among V tokens has V.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where no token is scored, or the cost is too large.

    Source: Jelinek and others, Perplexity: a measure of the difficulty of speech recognition tasks, Journal of the
    Acoustical Society of America 62, 1977; `exp` of `torch.nn.functional.cross_entropy`.

    >>> perplexity(np.array([100.0, 300.0]), np.array([2.0, 2.0]))
    4.0
    """
    total = y_true.sum()
    if not total:
        return check_finite(np.nan, NO_ROWS)
    with np.errstate(over="ignore", invalid="ignore"):
        return check_finite(float(np.exp2((y_true * y_pred).sum() / total)), TOO_LARGE)


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the perplexity, shape (n,): its influence on the mean cost, times the derivative."""
    mean = (y_true * y_pred).sum() / y_true.sum()
    return np.asarray(np.exp2(mean) * np.log(2) * y_true / y_true.mean() * (y_pred - mean))
