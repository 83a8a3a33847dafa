"""How often each true label meets each predicted one: the table behind macro-F1 and the confusion diagnostic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def count_pairs(
    y_true: NDArray[np.integer], y_pred: NDArray[np.integer], classes: int | None = None
) -> NDArray[np.intp]:
    """Count pairs of label codes.

    Args:
        y_true: Codes from 0, shape (n,).
        y_pred: Codes from 0, shape (n,).
        classes: Number of classes; None: as many as the largest code needs.

    Returns:
        Counts, shape (classes, classes): rows are true labels, columns predicted ones.

    >>> count_pairs(np.array([0, 1, 1]), np.array([0, 1, 0])).tolist()
    [[1, 0], [1, 1]]
    """
    if classes is None:
        classes = max(int(codes.max()) for codes in (y_true, y_pred)) + 1 if len(y_true) else 0
    pairs = y_true.astype(np.intp)
    pairs *= classes
    pairs += y_pred
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
