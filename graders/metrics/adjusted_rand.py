"""Adjusted Rand index: how well two groupings agree on which rows are together, beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

from graders.clusterings import choose_scored

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "clusters"


def adjusted_rand(y_true: NDArray[np.integer], y_pred: NDArray[np.floating], *, unscored: int | None = None) -> float:
    """Agreement on pairs of rows, together or apart, that is 0 on average for random groupings.

    Args:
        y_true: True clusters, whole numbers, shape (n,).
        y_pred: Submitted clusters, any whole numbers, shape (n,); their names mean nothing.
        unscored: True cluster of rows that count for nothing; None: all rows count.

    Returns:
        A number from -0.5 to 1; 0 is chance; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where no row counts.

    Source: `sklearn.metrics.adjusted_rand_score`; Hubert and Arabie, Comparing Partitions, 1985.

    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([7.0, 7.0, 3.0, 4.0])).__round__(4)
    0.5714
    """
    true, predicted, _ = choose_scored(y_true, y_pred, unscored)
    return float(adjusted_rand_score(true, predicted))


def influence(
    y_true: NDArray[np.integer], y_pred: NDArray[np.floating], *, unscored: int | None = None
) -> NDArray[np.float64]:
    """How much each row moves the index, shape (n,): its derivative through the sizes of the groups the row is in."""
    moves = np.zeros(len(y_true))
    true, predicted, is_scored = choose_scored(y_true, y_pred, unscored)
    count = len(true)
    table = contingency_matrix(true, predicted, sparse=True, dtype=np.float64).tocsr()
    of_true, of_predicted = (np.bincount(codes).astype(np.float64) for codes in (true, predicted))
    # ordered pairs of rows that are together in both groupings, in the true one, and in the submitted one
    both = float((table.data**2).sum()) - count
    in_true, in_predicted = float((of_true**2).sum()) - count, float((of_predicted**2).sum()) - count
    chance = in_true * in_predicted / max(count * (count - 1), 1)
    reach = (in_true + in_predicted) / 2 - chance
    if reach == 0:
        return moves
    index = (both - chance) / reach
    by_both, by_true, by_predicted = (
        2 * np.asarray(table[true, predicted]).ravel() - 1,
        2 * of_true[true] - 1,
        2 * of_predicted[predicted] - 1,
    )
    by_chance = (by_true * in_predicted + by_predicted * in_true) / (count * (count - 1))
    slopes = (by_both - by_chance - index * ((by_true + by_predicted) / 2 - by_chance)) / reach
    moves[is_scored] = (slopes - slopes.mean()) * len(y_true)
    return moves
