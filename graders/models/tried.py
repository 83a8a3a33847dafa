"""What a guest said of a model before it had seen anything hidden, taken as if the participant had written it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.phrases import Phrase, say
from graders.faults import parse_refusal
from graders.models.serving import ATTACHMENT, ATTACHMENT_BYTES, find_excess, hidden_costs
from graders.rules import COUNTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from challenges.model import Caps, ModelSpec
    from graders.sandbox.frames import Frame

COSTS = ("parameters", "weight_bytes", "macs", "latency_ms", "latency_ratio")
_MOST = 1e18


@dataclass(frozen=True)
class Tried:
    """What came of trying a model."""

    faults: list[Fault] = field(default_factory=list)
    """Why it is refused; empty where it is not."""
    count: int = 0
    costs: dict[str, float] = field(default_factory=dict)
    attachments: dict[str, str] = field(default_factory=dict)
    """Texts that came beside it, by file name."""
    gpu_bytes: int = 0
    """What it may take of a GPU's memory; 0 where it computes without one."""
    peak_bytes: int = 0
    """Memory of the machine at its peak."""


def parse_tried(frame: Frame, model: ModelSpec, *, is_code: bool) -> Tried:
    """Read the first frame of a guest.

    Args:
        frame: Which may be forged.
        model: The challenge's models.
        is_code: The model is a program, whose own words are not repeated.

    Raises:
        InvalidSubmission: CRASHED: our guest cannot have sent it.
    """
    try:
        if (refusal := parse_refusal(frame.note)) is not None:
            faults, count = refusal
            return Tried([_hush(fault) for fault in faults] if is_code else faults, count)
        counted = COUNTED if model.rule else ()
        costs, texts = _parse_costs(frame.note.get("costs"), COSTS, counted), _parse_texts(frame, model)
        gpu_bytes, peak_bytes = (int(_parse_size(frame.note.get(name, 0))) for name in ("gpu_bytes", "peak_bytes"))
        return Tried(costs=costs, attachments=texts, gpu_bytes=gpu_bytes, peak_bytes=peak_bytes)
    except ValueError as error:
        raise InvalidSubmission.because(Reason.CRASHED) from error


def _hush(fault: Fault) -> Fault:
    if fault.reason is not Reason.MODEL_FAILED:
        return fault
    return replace(fault, facts={**fault.facts, "problem": say(Phrase.CODE_RAISED)})


def check_hidden(frame: Frame, caps: Caps) -> None:
    """Check what a model costs on hidden rows, from the second frame of a guest.

    Raises:
        InvalidSubmission: BEYOND_CAP, without a number, which would tell of those rows; CRASHED: our guest cannot have
            sent it.
    """
    try:
        costs = _parse_costs(frame.note.get("costs", {}), hidden_costs(caps))
    except ValueError as error:
        raise InvalidSubmission.because(Reason.CRASHED) from error
    found = say(Phrase.MORE_ON_HIDDEN)
    faults = [Fault(fault.reason, {**fault.facts, "found": found}) for fault in find_excess(costs, caps)]
    if faults:
        raise InvalidSubmission(faults)


def _parse_costs(told: Any, names: Sequence[str], others: Sequence[str] = ()) -> dict[str, float]:
    """Costs of these names, all of them; others may be told too."""
    if not isinstance(told, dict) or not set(names) <= set(told) <= {*names, *others}:
        raise ValueError("no costs")
    return {name: _parse_size(told[name]) for name in (*names, *others) if name in told}


def _parse_size(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a cost is no number")  # noqa: TRY004 - one error for every wrong form
    if not 0 <= value < _MOST:  # neither for NaN nor for a number too large to become a float
        raise ValueError("a cost is no size")
    return float(value)


def _parse_texts(frame: Frame, model: ModelSpec) -> dict[str, str]:
    texts = {}
    for name in model.attachments:
        array = frame.arrays.get(ATTACHMENT + name)
        if array is None:
            continue
        if array.dtype != "u1" or array.ndim != 1 or len(array) > ATTACHMENT_BYTES:
            raise ValueError("a text of another form")
        texts[name] = array.tobytes().decode("utf-8")  # UnicodeDecodeError is a ValueError
    return texts
