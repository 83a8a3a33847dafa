"""How often each true label was predicted as each other one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graders.confusion_counts import count_pairs

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_LABELS = 50


def confusion(side: PublicSide) -> dict[str, Any] | None:
    """Count pairs of true and predicted labels.

    Returns:
        `labels` by their names, and `matrix` whose rows are true labels and whose columns are predicted ones; None
        where no metric compares labels, or there are more than fifty.
    """
    scorer = side.label_scorer()
    inputs = scorer.inputs(side.predictions, side.rows) if scorer else None
    if scorer is None or inputs is None or len(scorer.labels) > _MOST_LABELS:
        return None
    names = side.names_of(scorer.labels)
    return {"labels": names, "matrix": count_pairs(*inputs, classes=len(names)).tolist()}
