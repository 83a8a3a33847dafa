"""Whether numbers mean what they say: where about 0.8 was foretold, is the answer about 0.8 on average."""

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


def calibration(side: PublicSide, column: str = "") -> dict[str, Any] | None:
    """Compare mean prediction and mean answer in groups of rows with similar predictions.

    Public rows are sorted by prediction and cut into up to ten groups of about equal size; equal predictions stay
    together, and groups of fewer than twenty rows are left out.

    Args:
        side: The public rows.
        column: A submitted column of numbers whose answers have the same name; empty: the metric's first one.

    Returns:
        `column`, `points` of `x` (mean prediction), `y` (mean answer, rounded) and `rows`, from small to large
        predictions. None where the answers have no such column, are all equal, or no group is large enough.
    """
    column = column or side.scorer.metric.columns[0]
    answers = side.hidden(column)
    if answers is None or not answers.dtype.is_numeric():
        return None
    predicted, truth = side.column(column), answers.to_numpy().astype(np.float64)
    spread = float(truth.std())
    groups = min(_GROUPS, side.count // _FEWEST_ROWS)
    if spread == 0 or groups == 0:
        return None
    step = 10.0 ** math.floor(math.log10(spread / _STEPS))
    cuts = np.quantile(predicted, np.arange(1, groups) / groups, method="higher")
    places = np.searchsorted(cuts, predicted, side="right")
    points = []
    for place in range(groups):
        inside = places == place
        if inside.sum() >= _FEWEST_ROWS:
            x, y = (round(float(values[inside].mean()) / step) * step for values in (predicted, truth))
            points.append({"x": float(f"{x:.6g}"), "y": float(f"{y:.6g}"), "rows": int(inside.sum())})
    return {"column": column, "points": points} if points else None
