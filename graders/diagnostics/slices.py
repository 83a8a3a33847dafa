"""The score in groups of rows, such as districts or pen widths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from challenges.errors import InvalidSubmission
from graders.diagnostics import in_both
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_SLICES = 40
_FEWEST_ROWS = 20
"""Smaller groups are not told of: changing one prediction would tell too much of its answer."""


def slices(
    side: PublicSide,
    column: str,
    metric: str = "",
    values: list[str] | None = None,
    en: list[str] | None = None,
    zh: list[str] | None = None,
) -> dict[str, Any] | None:
    """Score the groups that a hidden column makes: a slice column, or the true labels.

    Args:
        side: The public rows.
        column: Name of the column, with its prefix `slice_`; or of a column of labels, for the score of each class.
        metric: Name of a secondary metric, to score by this one; empty: the challenge's own.
        values: Values of the column in the order to tell of them; others follow, as they are and in their own order.
            Without them, those of a column whose labels have names.
        en: Their names in English; without them, the values themselves.
        zh: Their names in Chinese; there must be some where there are values.

    Returns:
        `rows`: name (in both languages where the value is listed), number of rows and score of the largest forty
        groups; groups of fewer than twenty rows, or without a finite score, are left out. None where no group is
        left, or the answers (of another source) have no such column.

    Raises:
        BrokenChallenge: The challenge has no such metric, or values and names are not as many.
    """
    scorer = side.scorer_named(metric)
    names = _pair_names(values, en, zh) if values else _label_names(side, column)
    found = side.hidden(column)
    if found is None:
        return None
    groups = found.value_counts(sort=True, name="rows").filter(pl.col("rows") >= _FEWEST_ROWS).head(_MOST_SLICES)
    order = {value: place for place, value in enumerate(names)}
    digits = scorer.metric.decimals
    told = []
    for value, rows in sorted(groups.sort(column).rows(), key=lambda group: order.get(str(group[0]), len(order))):
        chosen = np.flatnonzero(found.eq_missing(value).to_numpy())
        try:
            score = scorer.score(side.predictions, chosen)
        except InvalidSubmission:
            continue
        if score is not None:
            name = names.get(str(value), str(value))
            told.append({"name": name, "rows": rows, "score": round(score, digits)})
    return {"rows": told} if told else None


def _pair_names(values: list[str], en: list[str] | None, zh: list[str] | None) -> dict[str, dict[str, str]]:
    english, chinese = en or values, zh or []
    if not len(values) == len(english) == len(chinese):
        raise BrokenChallenge("slices: values and their names are not as many")
    return {value: {"en": e, "zh": z} for value, e, z in zip(values, english, chinese, strict=True)}


def _label_names(side: PublicSide, column: str) -> dict[str, dict[str, str]]:
    """What the values are called where they are labels with names."""
    labelled = next((c for c in side.challenge.manifest.submission.columns if c.name == column), None)
    if labelled is None or not labelled.names:
        return {}
    return dict(zip(labelled.labels, map(in_both, labelled.names), strict=True))
