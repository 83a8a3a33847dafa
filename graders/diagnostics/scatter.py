"""Where in the plane of two quantities the errors lie: counted over groups of rows, never row by row.

What a challenge's `grade.py` tells of artefacts is drawn item by item: they have no right answer to give away.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graders.diagnostics import FEWEST_ROWS, shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graders.diagnostics import PublicSide

_GROUPS = 40
_ROWS_PER_GROUP = 10
_MOST_CELLS = 10
_FEWEST_CELLS = 3
_ROWS_PER_CELL = 8
_MOST_POINTS = 200


def scatter(side: PublicSide, file: str = "", x: str = "", y: str = "", of: str = "") -> dict[str, Any] | None:
    """Draw errors over predictions (numbers), the share of right labels over two features (labels), or what is told.

    Numbers: public rows are sorted by prediction and cut into up to forty groups of at least ten; a point is a group's
    median prediction and the median of prediction / answer - 1. Labels: the features' plane is cut into three by three
    to ten by ten cells; a point is the middle of a cell with at least five rows, and its `value` the share of right
    labels.

    Args:
        side: The public rows.
        file: For labels: public CSV or Parquet file with the features of the test rows.
        x: For labels: feature on the horizontal axis.
        y: For labels: feature on the vertical axis.
        of: For artefacts: name of what `grade.py` shows: `x_label`, `y_label` (in both languages) and `points` (x, y).

    Returns:
        `x_label`, `y_label` and `points` of `x`, `y`, `rows` and, for labels, `value`; None with too few rows. Of
        artefacts, the first two hundred points that are finite, each of one row.
    """
    if of:
        return _repeat(side.told(of))
    if side.scorer.module.TAKES == "numbers":
        return _residuals(side)
    scorer = side.label_scorer()
    inputs = scorer.inputs(side.predictions, side.rows) if scorer else None
    if inputs is None:
        return None
    features = side.features(file)
    points = _cells(features[x].to_numpy(), features[y].to_numpy(), inputs[0] == inputs[1])
    return {"x_label": x, "y_label": y, "points": points} if points else None


def _repeat(told: dict[str, Any]) -> dict[str, Any] | None:
    pairs = [(float(x), float(y)) for x, y in told["points"][:_MOST_POINTS]]
    points = [{"x": shorten(x), "y": shorten(y), "rows": 1} for x, y in pairs if math.isfinite(x) and math.isfinite(y)]
    return {"x_label": told["x_label"], "y_label": told["y_label"], "points": points} if points else None


def _residuals(side: PublicSide) -> dict[str, Any] | None:
    inputs = side.scorer.inputs(side.predictions, side.rows)
    if inputs is None or side.count < _ROWS_PER_GROUP:
        return None
    truth, predicted = inputs
    groups = min(_GROUPS, side.count // _ROWS_PER_GROUP)
    is_relative = bool((truth > 0).all())
    errors = predicted / truth - 1 if is_relative else predicted - truth
    points = [
        {
            "x": _coarse(float(np.median(predicted[part]))),
            "y": _coarse(float(np.median(errors[part]))),
            "rows": len(part),
        }
        for part in np.array_split(np.argsort(predicted, kind="stable"), groups)
    ]
    name = side.scorer.metric.columns[0]
    return {"x_label": name, "y_label": "error / answer" if is_relative else "error", "points": points}


def _cells(x: NDArray[Any], y: NDArray[Any], right: NDArray[np.bool_]) -> list[dict[str, float]]:
    points = []
    count = int(np.clip(np.sqrt(len(x) / _ROWS_PER_CELL), _FEWEST_CELLS, _MOST_CELLS))
    edges = [np.linspace(np.nanmin(values), np.nanmax(values), count + 1) for values in (x, y)]
    places = [
        np.clip(np.searchsorted(edge, values, side="right") - 1, 0, count - 1)
        for edge, values in zip(edges, (x, y), strict=True)
    ]
    cells = places[0] * count + places[1]
    for cell in np.unique(cells):
        inside = cells == cell
        if inside.sum() >= FEWEST_ROWS:
            column, line = divmod(int(cell), count)
            points.append(
                {
                    "x": shorten(float(edges[0][column : column + 2].mean())),
                    "y": shorten(float(edges[1][line : line + 2].mean())),
                    "rows": int(inside.sum()),
                    "value": shorten(float(right[inside].mean())),
                }
            )
    return points


def _coarse(value: float) -> float:
    """Three significant digits: a median must not carry one row's exact answer."""
    return float(f"{value:.3g}") if np.isfinite(value) else 0.0
