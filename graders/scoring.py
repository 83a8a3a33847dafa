"""Metrics found by name and bound to a challenge's hidden answers: what remains to give are predictions and a side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from challenges.errors import InvalidSubmission, Reason
from challenges.manifest import ColumnType, Direction
from challenges.phrases import Phrase, say
from graders.columns import code_type
from graders.texts import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from numpy.typing import NDArray

    from challenges.manifest import Manifest, Metric
    from graders.arrangement import Predictions

ERROR_ROWS = 10_000
"""Rows that a standard error is estimated from; with more rows, as many of them evenly spread."""
_SUM_TOLERANCE = 1e-3
"""How far stored probabilities may be from a sum of 1: they are rounded."""


class BrokenChallenge(Exception):
    """The package or its hidden answers cannot be graded with: the operator's to mend."""


@dataclass(frozen=True, eq=False)
class Scorer:
    """One metric of a challenge, with the hidden answers it compares with."""

    metric: Metric
    truth: NDArray[Any]
    """Answers in the order of the challenge: label codes (integers), numbers, rows of numbers (float64), texts."""
    labels: list[str]
    """Meaning of the codes; empty for numbers and texts."""
    module: ModuleType

    @property
    def function(self) -> Callable[..., float]:
        """The metric itself."""
        function: Callable[..., float] = getattr(self.module, self.metric.name)
        return function

    def inputs(self, predictions: Predictions, rows: slice | NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """Answers and predictions of some rows, as the metric takes them; None if its columns were not submitted."""
        if not all(predictions.has(name) for name in self.metric.columns):
            return None
        predicted = predictions.matrix(self.metric.columns)[rows]
        return self.truth[rows], predicted

    def score(self, predictions: Predictions, rows: slice | NDArray[Any]) -> float | None:
        """The metric on some rows; None if its columns were not submitted.

        Raises:
            InvalidSubmission: SCORE_UNDEFINED: the metric has no finite value here.
        """
        inputs = self.inputs(predictions, rows)
        if inputs is None:
            return None
        value = float(self.function(*inputs, **self.metric.params))
        if not math.isfinite(value):
            raise InvalidSubmission.because(Reason.SCORE_UNDEFINED, problem=say(Phrase.NOT_FINITE))
        return value

    def standard_error(self, predictions: Predictions, rows: slice) -> float | None:
        """Standard error of the score under resampling of the rows; None where the metric cannot tell.

        It is the ideal bootstrap's (infinitely many resamples) to first order: the root mean square of the metric's
        influence values over the root of the number of rows. No random numbers, so equal files get equal errors.
        Source: Efron, The Jackknife, the Bootstrap and Other Resampling Plans, chapter 6 (infinitesimal jackknife),
        SIAM 1982.
        """
        influence = getattr(self.module, "influence", None)
        count = len(self.truth[rows])
        step = -(-count // ERROR_ROWS)
        inputs = self.inputs(predictions, slice(rows.start, rows.stop, step))
        if influence is None or inputs is None:
            return None
        with np.errstate(all="ignore"):
            values = influence(*inputs, **self.metric.params)
            error = math.sqrt(float(np.dot(values, values)) / len(values) / count)
        return error if math.isfinite(error) else None


def make_scorer(metric: Metric, manifest: Manifest, answers: pl.DataFrame) -> Scorer:
    """Bind a metric to answers.

    Raises:
        BrokenChallenge: There is no such metric, it is better the other way, or the answers are not what it takes.
    """
    try:
        module = import_module(f"graders.metrics.{metric.name}")
    except ImportError as error:
        raise BrokenChallenge(f"there is no metric {metric.name!r}") from error
    if Direction(module.DIRECTION) is not metric.direction:
        raise BrokenChallenge(f"metric {metric.name}: direction is {module.DIRECTION}, not {metric.direction}")
    if module.TAKES == "distributions":
        if len(metric.answers) != len(metric.columns) or len(metric.columns) < 2:  # noqa: PLR2004 - one is no choice
            raise BrokenChallenge(f"metric {metric.name}: answers and columns must be the same classes, two or more")
        return Scorer(metric, _distributions([answers[name] for name in metric.answers]), [], module)
    if module.TAKES == "vectors":
        names = metric.answers or metric.columns
        if len(names) != len(metric.columns) or len(names) < 2:  # noqa: PLR2004 - one is no vector
            raise BrokenChallenge(f"metric {metric.name}: answers and columns must be as many, two or more")
        return Scorer(metric, np.stack([_numbers(answers[name]) for name in names]).T, [], module)
    name = metric.answer or metric.columns[0]
    if module.TAKES in _OF_ONE_COLUMN:
        return Scorer(metric, _OF_ONE_COLUMN[module.TAKES](answers[name]), [], module)
    declared = _labels_by_column(manifest)
    codes, labels = _codes(answers[name], declared.get(name) or declared.get(metric.columns[0], []))
    if module.TAKES == "probabilities" and len(metric.columns) not in (1, len(labels)):
        raise BrokenChallenge(f"metric {metric.name}: {len(metric.columns)} columns for {len(labels)} classes")
    return Scorer(metric, codes, labels, module)


def _numbers(column: pl.Series) -> NDArray[np.float64]:
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean) or column.null_count():
        raise BrokenChallenge(f"answers of {column.name!r} must be numbers without gaps")
    return column.cast(pl.Float64).rechunk().to_numpy()


def _clusters(column: pl.Series) -> NDArray[np.int64]:
    if not column.dtype.is_integer() or column.null_count():
        raise BrokenChallenge(f"answers of {column.name!r} must be whole numbers without gaps")
    return column.cast(pl.Int64).rechunk().to_numpy()


def _texts(column: pl.Series) -> NDArray[Any]:
    if column.dtype != pl.String or column.null_count():
        raise BrokenChallenge(f"answers of {column.name!r} must be texts without gaps")
    return normalise(column).to_numpy()


_OF_ONE_COLUMN: dict[str, Callable[[pl.Series], NDArray[Any]]] = {
    "clusters": _clusters,
    "numbers": _numbers,
    "texts": _texts,
}


def _distributions(columns: list[pl.Series]) -> NDArray[np.float64]:
    """Probabilities of shape (rows, classes), each class in one piece; every row sums to 1 exactly."""
    block = np.stack([_numbers(column) for column in columns])
    total = block.sum(axis=0)
    if not np.isfinite(block).all() or block.min() < 0 or abs(total - 1).max() > _SUM_TOLERANCE:
        raise BrokenChallenge(
            f"answers {columns[0].name!r} to {columns[-1].name!r} must be probabilities that sum to 1"
        )
    return np.asarray((block / total).T)


def _codes(column: pl.Series, labels: list[str]) -> tuple[NDArray[Any], list[str]]:
    """Label codes: places in the declared labels; undeclared whole numbers are codes themselves (0, 1 …)."""
    if column.null_count():
        raise BrokenChallenge(f"answers of {column.name!r} must have no gaps")
    if not labels and (column.dtype.is_integer() or column.dtype == pl.Boolean):
        codes = column.cast(pl.Int64).to_numpy()
        if codes.min() < 0:
            raise BrokenChallenge(f"answers of {column.name!r}: class numbers start at 0")
        classes = int(codes.max()) + 1
        return codes.astype(code_type(classes)), [str(i) for i in range(classes)]
    texts = column.cast(pl.String)
    labels = labels or sorted(texts.unique().to_list())
    odd = set(texts.unique().to_list()) - set(labels)
    if odd:
        raise BrokenChallenge(f"answers of {column.name!r} hold {len(odd)} labels that are not declared")
    return texts.cast(pl.Enum(labels)).to_physical().to_numpy().astype(code_type(len(labels))), labels


def _labels_by_column(manifest: Manifest) -> Mapping[str, list[str]]:
    return {c.name: c.labels for c in manifest.submission.columns if c.type is ColumnType.LABEL}
