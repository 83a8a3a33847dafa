"""Whether numbers mean what they say: where about 0.8 was predicted, is the answer about 0.8 on average."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_GROUPS = 10
_FEWEST_ROWS = 20
"""Smaller groups are not told of: their mean would tell too much of single answers."""
_STEPS = 10
"""Into how many steps the spread of the answers is cut, at least: means are rounded to one of them."""
_LABEL_STEP = 0.05
"""Means of labels 0 and 1 are rounded to: a finer one would tell how many of a group are 1."""


def calibration(side: PublicSide, column: str = "", answer: str = "") -> dict[str, Any] | None:
    """Compare mean prediction and mean answer in groups of rows with similar predictions.

    Public rows are sorted by prediction and cut into up to ten groups of about equal size; equal predictions stay
    together, and groups of fewer than twenty rows are left out.

    Args:
        side: The public rows.
        column: A submitted column of numbers; empty: the metric's first one.
        answer: Hidden column of numbers that it predicts, such as labels 0 and 1; empty: the one of the same name.

    Returns:
        `column`, `points` of `x` (mean prediction), `y` (mean answer, rounded) and `rows`, from small to large
        predictions. None where the column was not submitted, the answers have no such column or are all equal, or no
        group is large enough.
    """
    column = column or side.scorer.metric.columns[0]
    answers = side.hidden(answer or column)
    if not side.predictions.has(column) or answers is None or not answers.dtype.is_numeric():
        return None
    predicted, truth = side.column(column), answers.to_numpy().astype(np.float64)
    spread = float(truth.std())
    groups = min(_GROUPS, side.count // _FEWEST_ROWS)
    if spread == 0 or groups == 0:
        return None
    step = 10.0 ** math.floor(math.log10(spread / _STEPS))
    cuts = np.quantile(predicted, np.arange(1, groups) / groups, method="higher")
    places = np.searchsorted(cuts, predicted, side="right")
    step_of_answers = _LABEL_STEP if np.isin(truth, (0, 1)).all() else step
    points = []
    for place in range(groups):
        inside = places == place
        if inside.sum() >= _FEWEST_ROWS:
            x = round(float(predicted[inside].mean()) / step) * step
            y = round(float(truth[inside].mean()) / step_of_answers) * step_of_answers
            points.append({"x": float(f"{x:.6g}"), "y": float(f"{y:.6g}"), "rows": int(inside.sum())})
    return {"column": column, "points": points} if points else None
