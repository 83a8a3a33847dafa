"""What a challenge's `grade.py` is given and what it returns.

def grade(given: Given, hidden: Hidden, side: Side) -> Graded: ...       where artefacts are taken
def mark(prompt: str, text: str) -> list[Marked] | None: ...             where models are taken that write texts
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hidden = dict[str, dict[str, NDArray[Any]]]
"""Arrays of each `hidden/NAME.npz` under its name, and under `answers` the columns of `answers.parquet`."""


@dataclass(frozen=True, eq=False)
class Given:
    """What a participant sent, checked against the manifest; files with `ids` stand in the order of those ids."""

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Arrays by name; pictures are uint8 (files, height, width[, 3]), tables and detections float64 (rows, columns)."""
    columns: dict[str, list[str]] = field(default_factory=dict)
    """Names of the columns of each table, without the id; of detections `category_id`, `x`, `y`, `width`, `height` and
    `score`."""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """Texts by name."""
    places: dict[str, NDArray[np.intp]] = field(default_factory=dict)
    """Of detections: the place of each row's id among the ids, shape (rows,); rows stand as they were sent."""


@dataclass(frozen=True, eq=False)
class Side:
    """One side of the hidden items."""

    name: str
    """`public` or `private`."""
    rows: NDArray[np.intp]
    """Places of its items in `answers.parquet`, ascending."""

    @property
    def is_public(self) -> bool:
        """Whether participants see this side's score, and its diagnostics."""
        return self.name == "public"


@dataclass(frozen=True, eq=False)
class Graded:
    """What one side says of a submission."""

    score: float
    """The challenge's metric."""
    secondary: dict[str, float] = field(default_factory=dict)
    """Secondary metrics by name; those that are not finite are left out."""
    influence: NDArray[np.float64] | None = None
    """How each item moves the score, mean 0: for a mean over items, value minus mean. None: no error is told."""
    shown: dict[str, Any] = field(default_factory=dict)
    """What diagnostics show of the public side, by the name that the manifest gives as `of`."""


def grade_mean(values: NDArray[np.float64], **others: Any) -> Graded:
    """What a side says whose score is the mean over its items.

    Args:
        values: Of each item, shape (items,).
        others: Further fields of `Graded`.
    """
    score = float(values.mean())
    return Graded(score, influence=values - score, **others)


class Mark(StrEnum):
    """What a reader says of a sentence."""

    RIGHT = "right"
    WRONG = "wrong"
    """It contradicts what was told before."""
    STRANGE = "strange"
    """Nobody speaks so in this world."""


@dataclass(frozen=True)
class Marked:
    """A sentence with what a reader says of it."""

    text: str
    mark: Mark
    why: dict[str, str] | None = None
    """What is wrong, in `en` and `zh`; it may tell only what stands in the text itself."""
