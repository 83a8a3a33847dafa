"""chrF: how many runs of one to six characters a text shares with its reference, found and not missed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from sacrebleu.metrics.chrf import CHRF

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 100.0
TAKES = "texts"

ORDERS = 6
"""Longest run of characters that is counted; spaces do not count."""
_BETA = 2
"""Recall weighs as much as twice the precision."""


def chrf(y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    """F2 score of the mean precision and the mean recall of runs of characters, over all rows together.

    Args:
        y_true: References, shape (n,), texts.
        y_pred: Translations, shape (n,), texts.

    Returns:
        A number in [0, 100]; higher is better.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.

    Source: Popović, chrF: Character n-gram F-score for Automatic MT Evaluation, 2015; `sacrebleu.corpus_chrf`.

    >>> round(chrf(np.array(["我喜欢你的猫。"]), np.array(["我喜欢那只猫。"])), 2)
    23.57
    """
    if not len(y_true):
        return check_finite(np.nan, NO_ROWS)
    return min(float(CHRF().corpus_score(y_pred.tolist(), [y_true.tolist()]).score), BEST)


def influence(y_true: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[np.float64]:
    """How much each row moves chrF, shape (n,): the derivative by each count, times the row's excess."""
    pairs = zip(y_true.tolist(), y_pred.tolist(), strict=True)
    rows = np.array([_count(*pair) for pair in pairs], dtype=np.float64).reshape(-1, 3, ORDERS)
    given, expected, matches = rows.sum(axis=0)
    is_counted = (given > 0) & (expected > 0)
    orders = int(is_counted.sum())
    if not orders or not matches.any():
        return np.zeros(len(rows))
    given, expected = np.where(is_counted, given, 1), np.where(is_counted, expected, 1)
    precision, recall = (np.where(is_counted, matches / total, 0).sum() / orders for total in (given, expected))
    factor = _BETA**2
    whole = factor * precision + recall
    by_precision, by_recall = (1 + factor) * recall**2 / whole**2, (1 + factor) * factor * precision**2 / whole**2
    slope = np.stack(
        [
            -by_precision * matches / given**2,
            -by_recall * matches / expected**2,
            by_precision / given + by_recall / expected,
        ]
    )
    moves = (rows - rows.mean(axis=0)) * np.where(is_counted, slope, 0) / orders
    return np.asarray(BEST * len(rows) * moves.sum(axis=(1, 2)))


def _count(reference: str, text: str) -> tuple[list[int], list[int], list[int]]:
    """Runs given, runs of the reference, and matches, by order; a reference too short for an order lets none count."""
    found = ([0] * ORDERS, [0] * ORDERS, [0] * ORDERS)
    reference, text = "".join(reference.split()), "".join(text.split())
    for order in range(1, ORDERS + 1):
        expected, given = (_runs(line, order) for line in (reference, text))
        found[0][order - 1] = given.total() if expected else 0
        found[1][order - 1] = expected.total()
        found[2][order - 1] = (given & expected).total()
    return found


def _runs(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))
