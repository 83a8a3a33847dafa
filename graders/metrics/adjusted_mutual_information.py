"""Adjusted mutual information: how much one grouping tells of another, beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.metrics import adjusted_mutual_info_score

from graders.clusterings import choose_scored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "clusters"


def adjusted_mutual_information(
    y_true: NDArray[np.integer], y_pred: NDArray[np.floating], *, unscored: int | None = None
) -> float:
    """Mutual information over the mean entropy, moved so that random groupings get 0 on average.

    Args:
        y_true: True clusters, whole numbers, shape (n,).
        y_pred: Submitted clusters, any whole numbers, shape (n,); their names mean nothing.
        unscored: True cluster of rows that count for nothing; None: all rows count.

    Returns:
        A number up to 1; 0 is chance; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where no row counts.

    Source: `sklearn.metrics.adjusted_mutual_info_score`; Vinh, Epps and Bailey, Information Theoretic Measures for
    Clusterings Comparison, JMLR 2010.

    >>> import numpy as np
    >>> adjusted_mutual_information(np.array([0, 0, 1, 1]), np.array([7.0, 7.0, 3.0, 4.0])).__round__(4)
    0.5714
    """
    true, predicted, _ = choose_scored(y_true, y_pred, unscored)
    # rounding may leave equal groupings a hair above 1
    return min(float(adjusted_mutual_info_score(true, predicted)), BEST)
