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
from graders.models.timing import measure_latency
from graders.models.trying import draw, try_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def serve(guest: Guest, ask: Ask, open_model: Callable[[Ask], Opened]) -> None:
    """Open the upload, try it, send what was found, and compute the hidden rows if the grader sends any."""
    try:
        opened = open_model(ask)
        try_model(opened.compute, ask)
        row = draw(ask, 1, default_rng(ask.seed))
        costs = {**opened.costs, "macs": opened.count_macs(row)}
        check_caps(costs, ask)
    except InvalidSubmission as refusal:
        guest.send({"is_refused": True, **dump_faults(refusal.faults, refusal.count)})
        return
    latency = measure_latency(opened.compute, row)
    texts = {ATTACHMENT + name: np.frombuffer(text, np.uint8) for name, text in opened.attachments.items()}
    guest.send({"costs": {**costs, **latency}}, texts)
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
    caps = ask.model.caps
    limits = {"parameters": caps.parameters, "weight_bytes": caps.weight_bytes, "macs": caps.macs}
    faults = [
        Fault(Reason.BEYOND_CAP, {"cost": name, "found": int(costs[name]), "limit": limit})
        for name, limit in limits.items()
        if limit and costs.get(name, 0.0) > limit
    ]
    if faults:
        raise InvalidSubmission(faults)


def _receive(guest: Guest, shape: list[int], stored: str, rows: int) -> NDArray[Any]:
    content = guest.receive(rows * row_bytes(shape, stored))
    return np.frombuffer(content, dtype=stored).reshape((rows, *shape))


def _compute_rows(compute: Compute, inputs: list[NDArray[Any]], ask: Ask, rows: range, at_once: int) -> NDArray[Any]:
    """The output for some rows; batches halve while the device has no room for them."""
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
