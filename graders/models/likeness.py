"""Whether two outputs are the same prediction: compared after softmax, so that no shift of logits hides a change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1e-4
"""How far two log-probabilities may lie apart."""
_PER_SPREAD = 1e-6
"""More, for each unit between the largest and the smallest logit: single precision has no more digits."""
_MOST_SPREAD = 1000.0
_LEAST_LIKELY = -30.0
"""What is less likely than e^-30 both times makes no difference to any score."""
AUTOCAST_TOLERANCE = 0.1
"""With mixed precision, which has three digits."""


def log_softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Logarithms of probabilities over the last axis, in double precision."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return np.asarray(shifted)


def agree(first: NDArray[Any], second: NDArray[Any], *, is_autocast: bool = False) -> NDArray[np.bool_]:
    """Whether outputs are alike, one answer for each distribution.

    Args:
        first: Finite logits, shape (..., classes).
        second: The same, of the same shape.
        is_autocast: They were computed in mixed precision.

    Returns:
        Shape (...).
    """
    one, other = log_softmax(first), log_softmax(second)
    apart = np.where(np.maximum(one, other) > _LEAST_LIKELY, np.abs(one - other), 0.0)
    spread = np.minimum((first.max(axis=-1) - first.min(axis=-1)).astype(np.float64), _MOST_SPREAD)
    tolerance = AUTOCAST_TOLERANCE if is_autocast else TOLERANCE
    return np.asarray(apart.max(axis=-1) <= tolerance + _PER_SPREAD * spread)
