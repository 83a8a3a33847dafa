"""The score in groups of rows, such as districts or pen widths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from challenges.errors import InvalidSubmission

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_SLICES = 40
_FEWEST_ROWS = 20
"""Smaller groups are not told of: changing one prediction would tell too much of its answer."""


def slices(side: PublicSide, column: str, metric: str = "") -> dict[str, Any] | None:
    """Score the groups that a hidden slice column makes.

    Args:
        side: The public rows.
        column: Name of the column, with its prefix `slice_`.
        metric: Name of a secondary metric, to score by this one; empty: the challenge's own.

    Returns:
        `rows`: name, number of rows and score of each group in the order of the names, the largest forty groups;
        groups of fewer than twenty rows, or without a finite score, are left out. None where the answers (of another
        source) have no such column.

    Raises:
        BrokenChallenge: The challenge has no such metric.
    """
    scorer = side.scorer_named(metric)
    values = side.hidden(column)
    if values is None:
        return None
    groups = values.value_counts(sort=True, name="rows").filter(pl.col("rows") >= _FEWEST_ROWS).head(_MOST_SLICES)
    digits = scorer.metric.decimals
    told = []
    for value, rows in groups.sort(column).iter_rows():
        chosen = np.flatnonzero(values.eq_missing(value).to_numpy())
        try:
            score = scorer.score(side.predictions, chosen)
        except InvalidSubmission:
            continue
        if score is not None:
            told.append({"name": str(value), "rows": rows, "score": round(score, digits)})
    return {"rows": told}
