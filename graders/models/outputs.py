"""What a model's outputs say: checked on the grader's side, then read as the columns of the predictions table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from challenges.errors import InvalidSubmission, Reason
from challenges.manifest import ColumnType
from challenges.model import Reading
from graders.arrangement import Predictions
from graders.columns import code_type
from graders.models.likeness import agree, log_softmax
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from challenges.manifest import Manifest
    from graders.models.plan import Plan

BITS = "bits"
EXPECTED = "expected"
"""Tokens that were to be predicted, where `BITS` are what they cost."""
PROBABILITIES = "probabilities"
SHOWN = "shown_"
SHOWN_ID = "shown_id"
_AT_ONCE = 32
"""Rows of a language model that are read at once: in double precision they are large."""


def check_outputs(output: NDArray[Any], alone: NDArray[Any], plan: Plan, *, is_autocast: bool = False) -> None:
    """Check what holds for every honest model.

    Args:
        output: Of the rows that were computed in batches.
        alone: Of those that were computed once more by themselves.
        plan: Which rows those are.
        is_autocast: They were computed in mixed precision.

    Raises:
        InvalidSubmission: OUTPUT_NOT_FINITE, BATCH_DEPENDENT or NOT_CAUSAL; without any fact.
    """
    if not np.isfinite(output).all() or not np.isfinite(alone).all():
        _refuse(Reason.OUTPUT_NOT_FINITE)
    if not agree(output[plan.alone], alone, is_autocast=is_autocast).all():
        _refuse(Reason.BATCH_DEPENDENT)
    first = plan.scored + plan.shown
    for start in range(0, len(plan.positions), _AT_ONCE):
        rows = slice(start, min(start + _AT_ONCE, len(plan.positions)))
        probes = output[first + rows.start : first + rows.stop]
        same = agree(output[rows], probes, is_autocast=is_autocast)
        before = np.arange(same.shape[1]) <= plan.positions[rows, None]
        if not same[before].all():
            _refuse(Reason.NOT_CAUSAL)


def read_outputs(output: NDArray[Any], plan: Plan, manifest: Manifest, shown_ids: list[str]) -> Predictions:
    """Outputs as predictions in the order of the answers.

    Args:
        output: Checked outputs of all rows.
        plan: Which rows those are, and what was to be predicted.
        manifest: Names the columns.
        shown_ids: Of the shown rows.

    Raises:
        BrokenChallenge: The challenge's columns are not what its model says.
    """
    kept = output[: plan.scored + plan.shown]
    model = manifest.model
    if model is not None and model.reading is Reading.NEXT_TOKEN:
        made, fine, name = _read_tokens(kept, plan, manifest, model.first_scored)
    else:
        made, fine, name = _read_classes(kept, plan, manifest)
    made.extras[name] = fine[: plan.scored]
    if plan.shown:
        made.extras[SHOWN + name] = fine[plan.scored :]
        made.extras[SHOWN_ID] = np.array(shown_ids)
    return made


def cost_in_bits(logits: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float32]:
    """What each token costs: -log2 of its probability, shape (rows, tokens)."""
    costs = np.empty(targets.shape, dtype=np.float32)
    for start in range(0, len(logits), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        chosen = np.take_along_axis(log_softmax(logits[rows]), targets[rows, :, None].astype(np.intp), axis=-1)
        costs[rows] = -chosen[..., 0] / np.log(2)
    return costs


def _read_tokens(
    logits: NDArray[Any], plan: Plan, manifest: Manifest, first: int
) -> tuple[Predictions, NDArray[Any], str]:
    if [column.name for column in manifest.submission.columns] != [BITS]:
        raise BrokenChallenge(f"reading next_token makes one column, {BITS!r}")
    if plan.targets.size and not 0 <= plan.targets.min() <= plan.targets.max() < logits.shape[-1]:
        raise BrokenChallenge("hidden tokens lie outside of the output's vocabulary")
    costs = cost_in_bits(logits[:, first:], plan.targets[:, first:])
    block = costs[: plan.scored].mean(axis=1, dtype=np.float64)[None]
    made = Predictions({BITS: block[0]}, block, [BITS])
    made.extras[EXPECTED] = plan.targets[: plan.scored, first:]
    return made, costs, BITS


def _read_classes(logits: NDArray[Any], plan: Plan, manifest: Manifest) -> tuple[Predictions, NDArray[Any], str]:
    chances = np.exp(log_softmax(logits))
    classes = logits.shape[-1]
    table = manifest.submission
    numbers = [column.name for column in table.columns if column.optional_group in table.probability_groups]
    block = np.zeros((len(numbers), plan.scored))
    made = Predictions({}, block, numbers)
    for column in table.columns:
        if column.name in numbers and len(numbers) == classes:
            row = numbers.index(column.name)
            block[row] = chances[: plan.scored, row]
            made.columns[column.name] = block[row]
        elif column.type is ColumnType.LABEL and len(column.labels) == classes:
            made.columns[column.name] = logits[: plan.scored].argmax(axis=-1).astype(code_type(classes))
        else:
            raise BrokenChallenge(f"reading classes: {classes} outputs make no column {column.name!r}")
    return made, chances.astype(np.float32), PROBABILITIES


def _refuse(reason: Reason) -> NoReturn:
    raise InvalidSubmission.because(reason)
