"""What a guest said of a model before it had seen anything hidden, taken as if the participant had written it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.phrases import Phrase, say
from graders.faults import parse_faults
from graders.models.serving import ATTACHMENT, ATTACHMENT_BYTES

if TYPE_CHECKING:
    from challenges.model import ModelSpec
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
        if frame.note.get("is_refused") is True:
            faults, count = parse_faults(frame.note)
            if not faults:
                raise ValueError("refused for no reason")  # noqa: TRY301 - as every other form that is wrong
            return Tried([_hush(fault) for fault in faults] if is_code else faults, count)
        costs, texts = _parse_costs(frame.note.get("costs")), _parse_texts(frame, model)
        return Tried(costs=costs, attachments=texts, gpu_bytes=int(_parse_size(frame.note.get("gpu_bytes", 0))))
    except ValueError as error:
        raise InvalidSubmission.because(Reason.CRASHED) from error


def _hush(fault: Fault) -> Fault:
    if fault.reason is not Reason.MODEL_FAILED:
        return fault
    return replace(fault, facts={**fault.facts, "problem": say(Phrase.CODE_RAISED)})


def _parse_costs(told: Any) -> dict[str, float]:
    if not isinstance(told, dict) or sorted(told) != sorted(COSTS):
        raise ValueError("no costs")
    return {name: _parse_size(told[name]) for name in COSTS}


def _parse_size(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a cost is no number")  # noqa: TRY004 - one error for every wrong form
    if not (math.isfinite(value) and 0 <= value < _MOST):
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
