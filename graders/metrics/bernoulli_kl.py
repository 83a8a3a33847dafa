"""Kullback-Leibler divergence of a probability: how far a stated chance lies from the true one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import rel_entr  # type: ignore[import-untyped]

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "min"
BEST = 0.0
TAKES = "numbers"

LEAST = 1e-6
"""Stated chances are brought into [LEAST, 1 - LEAST]: a wrong certainty costs at most 13.8 nats."""


def bernoulli_kl(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Mean over the rows of p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)).

    Args:
        y_true: True probabilities p of an event, shape (n,), in [0, 1].
        y_pred: Stated probabilities q, shape (n,), in [0, 1]; beyond 1e-6 and 1 - 1e-6 they are brought there.

    Returns:
        Nats from 0 (up to the 1e-6 that certainty costs); lower is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.

    Source: `scipy.special.rel_entr`; Kullback and Leibler, On Information and Sufficiency, 1951.

    >>> round(bernoulli_kl(np.array([0.5, 0.5]), np.array([0.5, 0.9])), 4)
    0.2554
    """
    divergences = _divergences(y_true, y_pred)
    return check_finite(max(float(divergences.mean()), BEST) if len(divergences) else np.nan, NO_ROWS)


def influence(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each row moves the divergence, shape (n,)."""
    divergences = _divergences(y_true, y_pred)
    return np.asarray(divergences - divergences.mean())


def _divergences(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> NDArray[np.float64]:
    stated = np.clip(y_pred, LEAST, 1 - LEAST)
    return np.asarray(rel_entr(y_true, stated) + rel_entr(1 - y_true, 1 - stated))
