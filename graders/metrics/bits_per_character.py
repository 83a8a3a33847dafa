"""Bits per character: what a language model pays on average to write down the hidden text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, TOO_LARGE, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 0.0
TAKES = "numbers"


def bits_per_character(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Mean cost over all scored characters, of whichever row.

    Args:
        y_true: Scored characters of each row, shape (n,), float64, positive.
        y_pred: Mean of -log2 of their probabilities in the row, shape (n,), float64, from 0.

    Returns:
        Bits from 0; lower is better. Uniform guessing among 96 characters costs 6.58.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0 or the sum overflows.

    Source: Shannon, Prediction and Entropy of Printed English, Bell System Technical Journal 30, 1951;
    `numpy.average` with `weights`.

    >>> bits_per_character(np.array([100.0, 300.0]), np.array([2.0, 1.0]))
    1.25
    """
    if not len(y_true):
        return check_finite(np.nan, NO_ROWS)
    with np.errstate(over="ignore", invalid="ignore"):
        return check_finite(float((y_true * y_pred).sum() / y_true.sum()), TOO_LARGE)


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the cost, shape (n,): by its distance from the mean and its share of the characters."""
    mean = (y_true * y_pred).sum() / y_true.sum()
    return np.asarray(y_true / y_true.mean() * (y_pred - mean))
