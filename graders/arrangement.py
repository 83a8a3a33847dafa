"""Predictions in the order of the hidden answers: what metrics and diagnostics read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Predictions:
    """Submitted columns in the order of the hidden answers."""

    columns: dict[str, NDArray[Any]]
    """Label codes (small integers), numbers (float64) or texts (objects), each of shape (rows,)."""
    block: NDArray[np.float64]
    """All number columns, shape (columns, rows); `columns` holds views of it."""
    numbers: list[str] = field(default_factory=list)
    """Names of the block's rows."""
    extras: dict[str, NDArray[Any]] = field(default_factory=dict)
    """What diagnostics may read beyond the columns: a model's finer outputs, one row per hidden row, in their order;
    names that begin with `shown_` are of rows that are shown and not scored."""
    attachments: dict[str, str] = field(default_factory=dict)
    """Texts that came beside a model, by file name; never scored."""

    @classmethod
    def nothing(cls) -> Predictions:
        """No column at all."""
        return cls({}, np.empty((0, 0)))

    def has(self, name: str) -> bool:
        """Whether the column was submitted."""
        return name in self.columns

    def matrix(self, names: list[str]) -> NDArray[Any]:
        """One column, shape (rows,), or several number columns, shape (rows, columns), without copying neighbours."""
        if len(names) == 1:
            return self.columns[names[0]]
        first = self.numbers.index(names[0])
        if self.numbers[first : first + len(names)] == names:
            return self.block[first : first + len(names)].T
        return np.stack([self.columns[name] for name in names]).T

    def divide_by_sum(self, names: list[str]) -> None:
        """Make the probabilities of each row sum to 1: takes away what a sum of 1.001 would gain."""
        rows = [self.numbers.index(name) for name in names]
        total = self.block[rows[0]].copy()
        for row in rows[1:]:
            total += self.block[row]
        for row in rows:
            self.block[row] /= total


def arrange(columns: dict[str, NDArray[Any]], places: NDArray[np.int32]) -> Predictions:
    """Bring columns from the order of the upload into that of the answers.

    Args:
        columns: As submitted, by name.
        places: For each row, the answer that it predicts: a permutation.
    """
    numbers = [name for name, values in columns.items() if values.dtype == np.float64]
    block = np.empty((len(numbers), len(places)))
    arranged: dict[str, NDArray[Any]] = {}
    for name, values in columns.items():
        arranged[name] = block[numbers.index(name)] if name in numbers else np.empty_like(values)
        arranged[name][places] = values
    return Predictions(arranged, block, numbers)
