"""Diagnostics: what a participant may learn from the public side beyond the score. One file per diagnostic.

Laws of this package: only public rows are looked at; a row is never shown with its answer; what is shown row by row is
left out where "wrong" gives the answer away (two classes); everything else is counted over groups of rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from graders.arrangement import Predictions
from graders.scoring import BrokenChallenge, Scorer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from challenges.texts import Text
    from graders.loading import LoadedChallenge

FEWEST_ROWS = 5
"""Fewest public rows that a group must have to be told of."""
_DIGITS = 5


@dataclass(frozen=True, eq=False)
class PublicSide:
    """The public rows of one submission, with what participants have of them."""

    challenge: LoadedChallenge
    predictions: Predictions = field(default_factory=Predictions.nothing)
    """None of them where artefacts were sent."""
    shown: Mapping[str, Any] = field(default_factory=dict)
    """What a challenge's `grade.py` has to show, by name."""

    @property
    def rows(self) -> slice:
        """Where the public rows stand among all."""
        return self.challenge.public

    @property
    def count(self) -> int:
        """Number of public rows."""
        return self.challenge.public_rows

    @property
    def scorer(self) -> Scorer:
        """The challenge's own metric."""
        return self.challenge.scorers[0]

    def scorer_named(self, name: str) -> Scorer:
        """One of the challenge's metrics; its own where the name is empty.

        Raises:
            BrokenChallenge: It has no such metric.
        """
        if not name:
            return self.scorer
        found = next((scorer for scorer in self.challenge.scorers if scorer.metric.name == name), None)
        if found is None:
            raise BrokenChallenge(f"the challenge has no metric {name!r}")
        return found

    def told(self, name: str) -> Any:
        """What `grade.py` has to show under a name.

        Raises:
            BrokenChallenge: Nothing.
        """
        if name not in self.shown:
            raise BrokenChallenge(f"grade.py shows nothing under the name {name!r}")
        return self.shown[name]

    def label_scorer(self) -> Scorer | None:
        """The first metric that compares labels."""
        return next((s for s in self.challenge.scorers if s.module.TAKES == "labels"), None)

    def names_of(self, labels: list[str]) -> list[str] | list[dict[str, str]]:
        """What the labels of a metric are called, in both languages; the labels where the manifest names none."""
        columns = self.challenge.manifest.submission.columns
        named = next((column.names for column in columns if column.names and column.labels == labels), [])
        return [in_both(name) for name in named] or labels

    def column(self, name: str) -> NDArray[Any]:
        """Predictions of one column on the public rows."""
        values: NDArray[Any] = self.predictions.columns[name][self.rows]
        return values

    def hidden(self, name: str) -> pl.Series | None:
        """One hidden column (a slice) on the public rows; None where the answers have none of that name."""
        answers = self.challenge.answers
        return answers[name].head(self.count) if name in answers.columns else None

    def weighed(self, values: NDArray[Any], column: str) -> NDArray[Any]:
        """Those of one value for each public row in which a hidden column is not 0; all where no column is named."""
        weights = self.hidden(column)
        return values if weights is None else values[weights.to_numpy() != 0]

    def features(self, file: str) -> pl.DataFrame:
        """A public CSV or Parquet file of the test rows, in the order of the public rows."""
        if file not in self.challenge.kept:
            content = BytesIO(self.challenge.read_public(file))
            frame = pl.read_parquet(content) if file.endswith(".parquet") else pl.read_csv(content)
            self.challenge.kept[file] = frame[self._order(frame[self.challenge.manifest.submission.id])]
        kept: pl.DataFrame = self.challenge.kept[file]
        return kept

    def array(self, file: str, name: str) -> NDArray[Any]:
        """An array of a public NPZ file of the test rows, in the order of the public rows."""
        key = f"{file}/{name}"
        if key not in self.challenge.kept:
            with np.load(BytesIO(self.challenge.read_public(file)), allow_pickle=False) as arrays:
                ids = pl.Series(arrays[self.challenge.manifest.submission.id].tolist())
                self.challenge.kept[key] = arrays[name][self._order(ids)]
        kept: NDArray[Any] = self.challenge.kept[key]
        return kept

    def worst(self, count: int) -> NDArray[np.intp]:
        """Public rows that pull the score away from its best, the worst first; wrong ones only, for labels.

        Among equally wrong rows those predicted with the highest probability come first. Empty where showing a row
        as wrong would give its answer away.
        """
        influence = getattr(self.scorer.module, "influence", None)
        inputs = self.scorer.inputs(self.predictions, self.rows)
        if influence is None or inputs is None or 0 < len(self.scorer.labels) <= 2:  # noqa: PLR2004
            return np.empty(0, dtype=np.intp)
        moves = influence(*inputs, **self.scorer.metric.params)
        badness = np.nan_to_num(moves if self.scorer.module.DIRECTION == "min" else -moves)
        order = np.lexsort((-self._confidence(), -badness))
        if self.scorer.module.TAKES == "labels":
            order = order[inputs[0][order] != inputs[1][order]]
        return order[:count]

    def _confidence(self) -> NDArray[np.float64]:
        """Highest probability of each row, where probabilities were submitted; else 0."""
        groups = self.challenge.manifest.submission.probability_groups
        columns = self.challenge.manifest.submission.columns
        names = [c.name for c in columns if c.optional_group in groups and self.predictions.has(c.name)]
        return np.max([self.column(n) for n in names], axis=0) if names else np.zeros(self.count)

    def _order(self, ids: pl.Series) -> NDArray[np.int32]:
        index = self.challenge.index
        found = index.find(index.convert(ids))
        order = np.full(index.size, -1, dtype=np.int32)
        order[found[found >= 0]] = np.flatnonzero(found >= 0)
        if order.min(initial=0) < 0:
            raise BrokenChallenge("a public file of test rows lacks some of their ids")
        return order[: self.count]


def diagnose(side: PublicSide) -> list[dict[str, Any]]:
    """Run the diagnostics that the manifest lists; one that has nothing to tell is left out."""
    told = []
    for diagnostic in side.challenge.manifest.diagnostics:
        try:
            module = import_module(f"graders.diagnostics.{diagnostic.name}")
        except ImportError as error:
            raise BrokenChallenge(f"there is no diagnostic {diagnostic.name!r}") from error
        found = getattr(module, diagnostic.name)(side, **diagnostic.params)
        if found is not None:
            told.append({"kind": diagnostic.name, "title": in_both(diagnostic.title), **found})
    return told


def in_both(text: Text) -> dict[str, str]:
    """A text as diagnostics tell it, in both languages."""
    return {"en": text.en, "zh": text.zh}


def shorten(value: float, digits: int = _DIGITS) -> float:
    """A number with five significant digits: enough to read, too few to carry anything else."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else 0.0
