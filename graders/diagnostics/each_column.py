"""The score of each submitted column by itself, such as the days of a forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenges.errors import InvalidSubmission
from graders.diagnostics import FEWEST_ROWS

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide


def each_column(side: PublicSide) -> dict[str, Any] | None:
    """Score the columns of the challenge's metric one after the other.

    Returns:
        `rows`: name, number of rows and score of each column, in the order of the manifest. None where the metric does
        not compare several numbers for each row, or there are too few rows.
    """
    inputs = side.scorer.inputs(side.predictions, side.rows)
    if side.scorer.module.TAKES != "vectors" or inputs is None or side.count < FEWEST_ROWS:
        return None
    metric = side.scorer.metric
    told = []
    for place, name in enumerate(metric.columns):
        column = slice(place, place + 1)
        try:
            score = side.scorer.function(inputs[0][:, column], inputs[1][:, column], **metric.params)
        except InvalidSubmission:
            continue
        told.append({"name": name, "rows": side.count, "score": round(float(score), metric.decimals)})
    return {"rows": told}
