"""Directional accuracy: the share of rows for which up or down was predicted rightly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 1.0
TAKES = "numbers"


def direction(y_true: NDArray[np.float64], y_pred: NDArray[np.float64], *, reference: float = 0.0) -> float:
    """Share of rows whose answer and prediction lie on the same side of `reference`.

    A number that is exactly the reference is on neither side, and agrees with its like only.

    Args:
        y_true: Finite numbers, shape (n,), float64.
        y_pred: Finite numbers, shape (n,), float64.
        reference: What up and down are counted from.

    Returns:
        A share in [0, 1]; about 0.5 is chance; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.

    Source: `sklearn.metrics.accuracy_score` of the signs; Pesaran and Timmermann, A Simple Nonparametric Test of
    Predictive Performance, 1992.

    >>> direction(np.array([99.0, 103.0, 101.0]), np.array([98.0, 100.5, 99.5]), reference=100.0).__round__(4)
    0.6667
    """
    hits = _hits(y_true, y_pred, reference)
    return check_finite(float(hits.mean()) if len(hits) else np.nan, NO_ROWS)


def influence(
    y_true: NDArray[np.float64], y_pred: NDArray[np.float64], *, reference: float = 0.0
) -> NDArray[np.float64]:
    """How much each row moves the share, shape (n,)."""
    hits = _hits(y_true, y_pred, reference)
    return np.asarray(hits - hits.mean())


def _hits(y_true: NDArray[np.float64], y_pred: NDArray[np.float64], reference: float) -> NDArray[np.float64]:
    """1 where the side is right, 0 elsewhere, shape (n,)."""
    return np.asarray(np.sign(y_true - reference) == np.sign(y_pred - reference), dtype=np.float64)
