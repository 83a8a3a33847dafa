"""Exact match: the share of rows whose text is the reference itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "texts"


def exact_match(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    """Share of equal texts; case, punctuation and spaces inside count.

    Args:
        y_true: References, shape (n,), texts.
        y_pred: Texts, shape (n,).

    Returns:
        A share in [0, 1]; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.

    Source: `sklearn.metrics.accuracy_score`.

    >>> exact_match(np.array(["好。", "再见。"], dtype=object), np.array(["好。", "再会。"], dtype=object))
    0.5
    """
    count = len(y_true)
    return check_finite(np.count_nonzero(y_true == y_pred) / count if count else np.nan, NO_ROWS)


def influence(y_true: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[np.float64]:
    """How much each row moves the share, shape (n,)."""
    right = (y_true == y_pred).astype(np.float64)
    return np.asarray(right - right.mean())
