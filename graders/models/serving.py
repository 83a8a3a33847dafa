"""The guest's course, whatever the format: open, try, tell, then compute the hidden rows and say no word more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import default_rng

import graders.sandbox.frames  # noqa: F401 - found before the seal, since every answer needs it
from challenges.errors import Fault, InvalidSubmission, Reason
from graders.faults import dump_faults
from graders.models.asking import Ask, Compute, OutOfRoom, row_bytes, to_model
from graders.models.room import without_room
from graders.models.timing import measure_latency
from graders.models.trying import draw, try_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from challenges.model import Caps
    from graders.sandbox.guest import Guest

OUTPUT, ALONE, ATTACHMENT = "output", "alone", "attachment "
ATTACHMENT_BYTES = 65_536
BROKEN = "broken"
"""In a note: what is wrong with the challenge itself, found before the upload was opened."""


@dataclass(frozen=True)
class Opened:
    """A model that can be run."""

    compute: Compute
    costs: dict[str, float]
    """`parameters` and `weight_bytes`."""
    count_macs: Callable[[list[NDArray[Any]]], float]
    """Counts multiplications with additions of one row, once the model has been tried."""
    attachments: dict[str, bytes] = field(default_factory=dict)
    """Texts that came beside it."""


def serve(guest: Guest, ask: Ask, open_model: Callable[[Ask], Opened], gpu_bytes: int = 0) -> None:
    """Open the upload, try it, send what was found, and compute the hidden rows if the grader sends any.

    Args:
        guest: The grader is told through it.
        ask: Its settings.
        open_model: Opens an upload of one format.
        gpu_bytes: What the model may take of a GPU's memory; 0 where it computes without one.
    """
    try:
        opened = open_model(ask)
        try_model(opened.compute, ask)
        row = draw(ask, 1, default_rng(ask.seed))
        costs = {**opened.costs, "macs": opened.count_macs(row)}
        check_caps(costs, ask)
        costs |= measure_latency(opened.compute, row, ask.model.caps.latency_ratio)
        if ask.refuses_slow:
            check_caps(costs, ask)
    except InvalidSubmission as refusal:
        _refuse(guest, refusal)
        return
    except OutOfRoom:
        _refuse(guest, without_room(gpu_bytes, ask.memory_bytes))
        return
    texts = {ATTACHMENT + name: np.frombuffer(text, np.uint8) for name, text in opened.attachments.items()}
    guest.send({"costs": costs, "gpu_bytes": gpu_bytes}, texts)
    if not ask.rows:
        return
    inputs = [
        _receive(guest, shape, stored, ask.rows + ask.alone)
        for shape, stored in zip(ask.shapes, ask.stored, strict=True)
    ]
    try:
        output = _compute_rows(opened.compute, inputs, ask, range(ask.rows), ask.model.batch_rows)
        alone = _compute_rows(opened.compute, inputs, ask, range(ask.rows, ask.rows + ask.alone), 1)
    except OutOfRoom:
        guest.send({"is_out_of_room": True})
        return
    guest.send({}, {OUTPUT: output, ALONE: alone})


def check_caps(costs: dict[str, float], ask: Ask) -> None:
    """Refuse a model that costs more than the challenge allows.

    Raises:
        InvalidSubmission: BEYOND_CAP, one fault for each cap.
    """
    faults = find_excess(costs, ask.model.caps)
    if faults:
        raise InvalidSubmission(faults)


def find_excess(costs: dict[str, float], caps: Caps) -> list[Fault]:
    """One fault for each of these costs that is beyond its cap."""
    found = {name: _show_cost(name, value) for name, value in costs.items()}
    return [
        Fault(Reason.BEYOND_CAP, {"cost": name, "found": found[name], "limit": limit})
        for name, limit in vars(caps).items()
        if limit and found.get(name, 0) > limit
    ]


def _show_cost(name: str, value: float) -> float:
    """As it is compared and told: a time has no more than four digits that mean anything."""
    return float(f"{value:.4g}") if name.startswith("latency") else int(value)


def _refuse(guest: Guest, refusal: InvalidSubmission) -> None:
    guest.send({"is_refused": True, **dump_faults(refusal.faults, refusal.count)})


def _receive(guest: Guest, shape: list[int], stored: str, rows: int) -> NDArray[Any]:
    content = guest.receive(rows * row_bytes(shape, stored))
    return np.frombuffer(content, dtype=stored).reshape((rows, *shape))


def _compute_rows(compute: Compute, inputs: list[NDArray[Any]], ask: Ask, rows: range, at_once: int) -> NDArray[Any]:
    """The output for some rows; batches halve while there is no room for them."""
    output = np.empty((len(rows), *ask.output_shape), dtype=ask.model.output.dtype)
    done = 0
    while done < len(rows):
        here = slice(rows.start + done, min(rows.start + done + at_once, rows.stop))
        batch = [to_model(array[here], tensor) for array, tensor in zip(inputs, ask.model.inputs, strict=True)]
        try:
            found = compute(batch)
        except OutOfRoom:
            if at_once == 1:
                raise
            at_once //= 2
            continue
        size = here.stop - here.start
        if found.shape != (size, *output.shape[1:]) or found.dtype != output.dtype:
            raise ValueError("the output has another form than it had before")
        output[done : done + size] = found
        done += size
    return output
