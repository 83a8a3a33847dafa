"""Two groupings of the same rows, brought to codes: what metrics of clusterings begin with.

The names of clusters mean nothing; only which rows are together does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray


def choose_scored(
    y_true: NDArray[np.integer], y_pred: NDArray[np.floating], unscored: int | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Codes of both groupings on the rows that count.

    Args:
        y_true: True clusters, shape (n,).
        y_pred: Submitted clusters, whole numbers, shape (n,).
        unscored: True cluster of the rows that count for nothing (outliers that belong nowhere); None: all count.

    Returns:
        Codes from 0 of true and of submitted clusters, shape (scored,), and which rows are scored, shape (n,).

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where no row is scored.

    >>> choose_scored(np.array([5, -1, 5, 9]), np.array([2.0, 2.0, -3.0, 2.0]), -1)[:2]
    (array([0, 0, 1]), array([1, 0, 1]))
    """
    is_scored = np.ones(len(y_true), dtype=bool) if unscored is None else y_true != unscored
    if not is_scored.any():
        check_finite(np.nan, NO_ROWS)
    codes = [np.unique(values[is_scored], return_inverse=True)[1] for values in (y_true, y_pred)]
    return codes[0], codes[1], is_scored
