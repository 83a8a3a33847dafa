"""Homogeneity: whether each submitted cluster holds rows of one true cluster only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.metrics import homogeneity_score

from graders.clusterings import choose_scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "clusters"


def homogeneity(y_true: NDArray[np.integer], y_pred: NDArray[np.floating], *, unscored: int | None = None) -> float:
    """Share of the uncertainty about the true cluster that knowing the submitted one takes away.

    Args:
        y_true: True clusters, whole numbers, shape (n,).
        y_pred: Submitted clusters, any whole numbers, shape (n,); their names mean nothing.
        unscored: True cluster of rows that count for nothing; None: all rows count.

    Returns:
        A share in [0, 1]; many small clusters raise it; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where no row counts.

    Source: `sklearn.metrics.homogeneity_score`; Rosenberg and Hirschberg, V-Measure, EMNLP 2007.

    >>> import numpy as np
    >>> homogeneity(np.array([0, 0, 1, 1]), np.array([7.0, 7.0, 3.0, 7.0])).__round__(4)
    0.3113
    """
    true, predicted, _ = choose_scored(y_true, y_pred, unscored)
    # rounding may leave a hair above 1 or below 0
    return min(max(float(homogeneity_score(true, predicted)), 0.0), BEST)
