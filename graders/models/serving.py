"""The guest's course, whatever the format: open, try, tell, then compute the hidden rows and say no word more."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import default_rng

import graders.sandbox.frames  # noqa: F401 - found before the seal, since every answer needs it
from challenges.errors import Fault, InvalidSubmission, Reason
from graders.faults import dump_refusal
from graders.models.asking import Ask, Compute, Load, OutOfRoom, row_bytes, to_model
from graders.models.likeness import agree
from graders.models.room import without_room
from graders.models.timing import PATIENCE, Timed, measure_latency
from graders.models.trying import draw, try_model

if sys.platform == "linux":
    import resource
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from challenges.model import Caps
    from graders.sandbox.guest import Guest

COUNTED_ROWS = 4
"""Hidden rows whose multiplications are counted, where they are capped."""
OUTPUT, ALONE, ATTACHMENT = "output", "alone", "attachment "
ATTACHMENT_BYTES = 65_536
BROKEN = "broken"
"""In a note: what is wrong with the challenge itself, found before the upload was opened."""


@dataclass(frozen=True)
class Opened:
    """A model that can be run."""

    load: Load
    costs: dict[str, float]
    """`parameters` and `weight_bytes`, and what the challenge's rule counted."""
    count_macs: Callable[[list[list[NDArray[Any]]]], float]
    """Counts multiplications with additions of several rows, one by one, and returns the most for one."""
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
        try_model(opened.load, ask)
        rng = default_rng(ask.seed)
        costs = {**opened.costs, "macs": opened.count_macs([draw(ask, 1, rng)])}
        check_caps(costs, ask)
        costs |= measure_latency(opened.load, lambda: draw(ask, 1, rng), ask.model.caps.latency_ratio)
        if ask.refuses_slow:
            check_caps(costs, ask)
    except InvalidSubmission as refusal:
        guest.send(dump_refusal(refusal))
        return
    except OutOfRoom:
        guest.send(dump_refusal(without_room(gpu_bytes, ask.memory_bytes)))
        return
    texts = {ATTACHMENT + name: np.frombuffer(text, np.uint8) for name, text in opened.attachments.items()}
    guest.send({"costs": costs, "gpu_bytes": gpu_bytes, "peak_bytes": _peak_bytes()}, texts)
    if not ask.rows:
        return
    inputs = [
        _receive(guest, shape, stored, ask.rows + ask.alone)
        for shape, stored in zip(ask.shapes, ask.stored, strict=True)
    ]
    try:
        output = np.empty((ask.rows, *ask.output_shape), dtype=ask.model.output.dtype)
        first = ask.rows - ask.probes
        for rows in (slice(0, first), slice(first, ask.rows)):
            _compute_rows(opened.load(), [array[rows] for array in inputs], ask, output[rows])
        alone, costs = _compute_alone(opened, [array[ask.rows :] for array in inputs], ask)
    except OutOfRoom:
        guest.send({"is_out_of_room": True})
        return
    guest.send({"costs": costs}, {OUTPUT: output, ALONE: alone})


def hidden_costs(caps: Caps) -> list[str]:
    """Costs that are measured on hidden rows too: a model could tell random ones from them, and do less."""
    return [name for name in ("macs", "latency_ratio") if vars(caps)[name]]


def _compute_alone(opened: Opened, inputs: list[NDArray[Any]], ask: Ask) -> tuple[NDArray[Any], dict[str, float]]:
    """The output of rows that are computed one by one, and what that costs where it is capped."""
    output = np.empty((ask.alone, *ask.output_shape), dtype=ask.model.output.dtype)
    names, costs = hidden_costs(ask.model.caps), {}
    if "macs" in names:
        rows = [[array[row : row + 1] for array in inputs] for row in range(min(ask.alone, COUNTED_ROWS))]
        costs["macs"] = opened.count_macs([_to_model(row, ask) for row in rows])
    if "latency_ratio" not in names:
        _compute_rows(opened.load(), inputs, ask, output, 1)
        return output, costs
    timed = Timed(opened.load())
    _compute_rows(timed, inputs, ask, output, 1)
    costs["latency_ratio"] = timed.ratio
    for _ in range(PATIENCE):
        if timed.ratio <= ask.model.caps.latency_ratio:
            break
        timed, again = Timed(opened.load()), np.empty_like(output)
        _compute_rows(timed, inputs, ask, again, 1)
        if agree(output, again, is_autocast=bool(ask.autocast)).all():  # else it was quick in another way
            costs["latency_ratio"] = min(costs["latency_ratio"], timed.ratio)
    return output, costs


def _peak_bytes() -> int:
    """Memory at its peak so far, before any hidden row, of which it could tell something."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 if sys.platform == "linux" else 0


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


def _receive(guest: Guest, shape: list[int], stored: str, rows: int) -> NDArray[Any]:
    content = guest.receive(rows * row_bytes(shape, stored))
    return np.frombuffer(content, dtype=stored).reshape((rows, *shape))


def _to_model(inputs: list[NDArray[Any]], ask: Ask) -> list[NDArray[Any]]:
    return [to_model(array, tensor) for array, tensor in zip(inputs, ask.model.inputs, strict=True)]


def _compute_rows(
    compute: Compute, inputs: list[NDArray[Any]], ask: Ask, output: NDArray[Any], at_once: int = 0
) -> None:
    """Fill the output for all rows of these inputs; batches halve while there is no room for them."""
    at_once = at_once or ask.model.batch_rows
    done = 0
    while done < len(output):
        here = slice(done, min(done + at_once, len(output)))
        try:
            found = compute(_to_model([array[here] for array in inputs], ask))
        except OutOfRoom:
            if at_once == 1:
                raise
            at_once //= 2
            continue
        size = here.stop - here.start
        if found.shape != (size, *output.shape[1:]) or found.dtype != output.dtype:
            raise ValueError("the output has another form than it had before")
        output[here] = found
        done += size
