"""Tries a model on random inputs: shape, any number of rows, finite, the same each time, rows apart, no look ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator, default_rng

from challenges.errors import InvalidSubmission, Reason
from challenges.model import ANY, Reading
from challenges.phrases import Code, Phrase, Words, say
from graders.faults import quote, show_text
from graders.models.asking import CPU, Ask, Load, OutOfRoom, random_rows
from graders.models.likeness import agree

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 7
_PROBLEM_CHARACTERS = 300


def try_model(load: Load, ask: Ask) -> None:
    """Run a model on random inputs, one row and several at once, and compare.

    Args:
        load: Called once for each run, so that no run can repeat what another has seen.
        ask: What is tried.

    Raises:
        InvalidSubmission: What does not hold, the first of it.
        OutOfRoom: There is no memory for it.
    """
    rng = default_rng(ask.seed)
    inputs = draw(ask, ROWS, rng)
    one = _run(load, [array[:1] for array in inputs])
    _check_output(one, 1, ask)
    try:
        together = _run(load, inputs)
    except InvalidSubmission as refusal:
        name = ask.model.inputs[0].name
        raise InvalidSubmission.because(Reason.FIXED_BATCH, found=1, tensor=name) from refusal
    _check_output(together, ROWS, ask)
    again = _run(load, inputs)
    is_same = np.array_equal(together, again) if ask.device == CPU else _are_alike(together, again, ask)
    if not is_same:
        raise InvalidSubmission.because(Reason.NOT_DETERMINISTIC)
    apart = [one, *(_run(load, [array[row : row + 1] for array in inputs]) for row in range(1, ROWS))]
    if not _are_alike(together, np.concatenate(apart), ask):
        raise InvalidSubmission.because(Reason.BATCH_DEPENDENT)
    if ask.model.reading is Reading.NEXT_TOKEN:
        _check_causality(load, inputs, together, ask)


def draw(ask: Ask, rows: int, rng: Generator) -> list[NDArray[Any]]:
    """Random inputs of so many rows."""
    return [random_rows(tensor, shape, rows, rng) for tensor, shape in zip(ask.model.inputs, ask.shapes, strict=True)]


def _run(load: Load, inputs: list[NDArray[Any]]) -> NDArray[Any]:
    """The output; whatever goes wrong becomes a refusal: the inputs are not hidden ones."""
    try:
        return load()(inputs)
    except (InvalidSubmission, MemoryError, OutOfRoom):
        raise
    except Exception as error:
        shape, problem = show_text(str(inputs[0].shape)), quote(error, _PROBLEM_CHARACTERS)
        raise InvalidSubmission.because(Reason.MODEL_FAILED, shape=shape, problem=problem) from error


def _check_output(output: NDArray[Any], rows: int, ask: Ask) -> None:
    """Type, sizes, and that all of it is finite."""
    spec = ask.model.output
    place = say(Phrase.OUTPUT, name=Code(spec.name))
    if str(output.dtype) != spec.dtype:
        _refuse(place, say(Phrase.OF_TYPE, type=show_text(str(output.dtype))), quote(spec.dtype))
    expected = [rows, *ask.output_shape]
    fits = len(output.shape) == len(expected) and all(
        size in (ANY, found) for size, found in zip(expected, output.shape, strict=True)
    )
    if not fits:
        found = say(Phrase.OF_SHAPE_FOR_ROWS, shape=show_text(str(tuple(output.shape))), rows=rows)
        _refuse(place, found, Code(str(tuple(expected))))
    if output.dtype.kind == "f" and not np.isfinite(output).all():
        raise InvalidSubmission.because(Reason.OUTPUT_NOT_FINITE)


def _check_causality(load: Load, inputs: list[NDArray[Any]], output: NDArray[Any], ask: Ask) -> None:
    """Other tokens after a position must not move what stands at it and before."""
    tokens = inputs[0]
    below = ask.model.inputs[0].below or int(tokens.max()) + 1
    for position in sorted({0, tokens.shape[1] // 2, max(tokens.shape[1] - 2, 0)}):
        changed = tokens.copy()
        changed[:, position + 1 :] = (changed[:, position + 1 :] + 1) % below
        moved = _run(load, [changed, *inputs[1:]])
        if not _are_alike(output[:, : position + 1], moved[:, : position + 1], ask):
            raise InvalidSubmission.because(Reason.NOT_CAUSAL)


def _are_alike(first: NDArray[Any], second: NDArray[Any], ask: Ask) -> bool:
    return first.shape == second.shape and bool(agree(first, second, is_autocast=bool(ask.autocast)).all())


def _refuse(place: Words, found: Words, expected: Code) -> None:
    raise InvalidSubmission.because(Reason.WRONG_SIGNATURE, place=place, found=found, expected=expected)
