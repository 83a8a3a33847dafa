"""Which true clusters the submitted ones are made of; the true ones stay without a name."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics.cluster import contingency_matrix

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_CLUSTERS = 20
_FEWEST_ROWS = 20
"""Smaller submitted clusters are counted together: a cluster of one row would tell where that row belongs."""


def contingency(side: PublicSide) -> dict[str, Any] | None:
    """Count the public rows that each true cluster shares with each submitted one.

    Rows that count for nothing (the metric's `unscored`) are left out.

    Returns:
        `true`: letters for the true clusters, the largest first, at most 26; `clusters`: names of the submitted
        clusters, the largest first, at most twenty; `matrix`: counts, a row for each true cluster and a column for each
        submitted one; `others`: for each true cluster, its rows in all other submitted clusters. None where the
        challenge's metric compares no clusters, or no row counts.
    """
    inputs = side.scorer.inputs(side.predictions, side.rows)
    if side.scorer.module.TAKES != "clusters" or inputs is None:
        return None
    is_scored = inputs[0] != side.scorer.metric.params.get("unscored", np.nan)
    if not is_scored.any():
        return None
    names, codes = np.unique(inputs[1][is_scored], return_inverse=True)
    sizes = np.bincount(codes)
    order = np.argsort(-sizes, kind="stable")
    shown = [code for code in order if sizes[code] >= _FEWEST_ROWS][:_MOST_CLUSTERS]
    # one number for all the small ones, so that the table stays narrow however many there are
    place = np.full(len(names), len(shown))
    place[shown] = np.arange(len(shown))
    table = np.zeros((len(np.unique(inputs[0][is_scored])), len(shown) + 1), dtype=np.int64)
    table[:, np.unique(place[codes])] = contingency_matrix(inputs[0][is_scored], place[codes])
    table = table[np.argsort(-table.sum(axis=1), kind="stable")][: len(string.ascii_uppercase)]
    return {
        "true": list(string.ascii_uppercase[: len(table)]),
        "clusters": [str(int(names[code])) for code in shown],
        "matrix": table[:, :-1].tolist(),
        "others": table[:, -1].tolist(),
    }
