"""Spearman's rank correlation: whether what is predicted to be larger is larger. Traders call it the rank IC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata  # type: ignore[import-untyped]

from challenges.phrases import Phrase, say
from graders.metrics import check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "numbers"


def rank_correlation(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Pearson correlation of the ranks; equal numbers share the mean of their ranks.

    Args:
        y_true: Finite numbers, shape (n,), float64.
        y_pred: Finite numbers, shape (n,), float64.

    Returns:
        A number in [-1, 1]; 0 is chance; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where all answers or all predictions are equal.

    Source: `scipy.stats.spearmanr`; Spearman, The Proof and Measurement of Association between Two Things, 1904.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0, 4.0]), np.array([10.0, 30.0, 20.0, 40.0])).__round__(4)
    0.8
    """
    ranks = [rankdata(values) - (len(values) + 1) / 2 for values in (y_true, y_pred)]
    spread = float(np.sqrt(np.dot(ranks[0], ranks[0]) * np.dot(ranks[1], ranks[1])))
    score = float(np.dot(*ranks)) / spread if spread else np.nan
    return check_finite(score if np.isnan(score) else min(max(score, -BEST), BEST), say(Phrase.ALL_EQUAL))
