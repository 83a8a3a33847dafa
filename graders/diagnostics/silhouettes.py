"""How well the rows of each submitted cluster lie together, measured on public features alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from sklearn.metrics import silhouette_samples
from sklearn.preprocessing import RobustScaler

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_ROWS = 2000
"""Rows that are compared with each other, evenly spread; the time grows with their square."""
_MOST_CLUSTERS = 40
_REACH = 5.0
"""Scaled features are brought into ±5, so that single far rows do not decide."""


def silhouettes(side: PublicSide, file: str) -> dict[str, Any] | None:
    """Average the silhouette over the public rows of each submitted cluster.

    All number columns of the file are scaled to median 0 and interquartile range 1, so that their units do not matter.
    No answer is looked at.

    Args:
        side: The public rows.
        file: Public CSV or Parquet file with the features of the test rows.

    Returns:
        `rows`: name, number of rows and mean silhouette (from -1 to 1, higher is better) of each cluster, the largest
        forty, the largest first; `clusters`: how many there are; `mean`: the silhouette of all rows.
        None where there is one cluster only, or hardly two rows in any.

    Source: Rousseeuw, Silhouettes: a Graphical Aid to the Interpretation and Validation of Cluster Analysis, 1987.
    """
    step = -(-side.count // _MOST_ROWS)
    features = side.features(file).drop(side.challenge.manifest.submission.id)[::step]
    column = side.column(side.scorer.metric.columns[0])
    names, codes = np.unique(column[::step], return_inverse=True)
    numbers = features.select(pl.col(pl.Float64, pl.Int64)).fill_null(strategy="mean").to_numpy()
    if not 1 < len(names) < len(codes) or not numbers.size:
        return None
    values = silhouette_samples(RobustScaler().fit_transform(numbers).clip(-_REACH, _REACH), codes)
    sizes = np.bincount(codes)
    means = np.bincount(codes, weights=values) / sizes
    order = np.argsort(-sizes, kind="stable")[:_MOST_CLUSTERS]
    return {
        "rows": [
            {"name": str(int(names[code])), "rows": int(sizes[code]), "score": round(float(means[code]), 3)}
            for code in order
        ],
        "clusters": len(np.unique(column)),
        "mean": round(float(values.mean()), 3),
    }
