"""The score of each submitted column by itself, such as the days of a forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from challenges.errors import InvalidSubmission
from graders.diagnostics import FEWEST_ROWS

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide


def each_column(side: PublicSide, metric: str = "") -> dict[str, Any] | None:
    """Score the columns of a metric one after the other.

    Args:
        side: The public rows.
        metric: Name of a secondary metric, to score by this one; empty: the challenge's own.

    Returns:
        `rows`: name, number of rows and score of each column, in the order of the manifest. None where the metric does
        not compare several numbers for each row, or there are too few rows.

    Raises:
        BrokenChallenge: The challenge has no such metric.
    """
    scorer = side.scorer_named(metric)
    inputs = scorer.inputs(side.predictions, side.rows)
    if scorer.module.TAKES != "vectors" or inputs is None or side.count < FEWEST_ROWS:
        return None
    told = []
    for place, name in enumerate(scorer.metric.columns):
        column = slice(place, place + 1)
        try:
            score = scorer.function(inputs[0][:, column], inputs[1][:, column], **scorer.metric.params)
        except InvalidSubmission:
            continue
        told.append({"name": name, "rows": side.count, "score": round(float(score), scorer.metric.decimals)})
    return {"rows": told}
