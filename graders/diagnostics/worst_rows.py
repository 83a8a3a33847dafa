"""The rows that were predicted worst: their features and the prediction, never the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graders.diagnostics import shorten

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_CHARACTERS = 300
"""Longest text that is shown whole."""


def worst_rows(side: PublicSide, file: str, columns: list[str], count: int = 10) -> dict[str, Any] | None:
    """List the worst public rows.

    Args:
        side: The public rows.
        file: Public CSV or Parquet file with the features of the test rows.
        columns: Features to show; those that this source's table lacks are left out.
        count: How many rows.

    Returns:
        `columns` and `rows`, the worst first; the last column is the prediction. None where nothing is wrong, or where
        being wrong gives the answer away.
    """
    chosen = side.worst(count)
    if not len(chosen):
        return None
    name = side.scorer.metric.columns[0]
    predicted = side.column(name)[chosen].tolist()
    if side.scorer.module.TAKES == "labels":
        names = side.names_of(side.scorer.labels)
        predicted = [names[code] for code in predicted]
    features = side.features(file)
    columns = [column for column in columns if column in features.columns]
    shown = features.select(columns)[chosen].rows()
    cells = [[*row, value] for row, value in zip(shown, predicted, strict=True)]
    return {"columns": [*columns, name], "rows": [[_show(cell) for cell in row] for row in cells]}


def _show(value: object) -> str | int | float | dict[str, str] | None:
    if isinstance(value, float):
        return shorten(value)
    if value is None or isinstance(value, int | dict):  # a name of a label is in both languages
        return value
    text = str(value)
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"
