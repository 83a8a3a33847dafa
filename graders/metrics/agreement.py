"""Agreement: the share of rows on which a model says what its teacher says, right or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "labels"


def agreement(y_true: NDArray[np.integer], y_pred: NDArray[np.integer]) -> float:
    """Share of rows with the teacher's label.

    Args:
        y_true: The teacher's label codes, shape (n,), any integer type.
        y_pred: Label codes, shape (n,).

    Returns:
        A share in [0, 1]; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.

    Source: `sklearn.metrics.accuracy_score`, of the teacher's labels.

    >>> agreement(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]))
    0.75
    """
    count = len(y_true)
    return check_finite(np.count_nonzero(y_true == y_pred) / count if count else np.nan, NO_ROWS)


def influence(y_true: NDArray[np.integer], y_pred: NDArray[np.integer]) -> NDArray[np.float64]:
    """How much each row moves the agreement, shape (n,)."""
    same = (y_true == y_pred).astype(np.float64)
    return np.asarray(same - same.mean())
