"""The header of a safetensors file: names, types and shapes, compared with an architecture before any is loaded."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

from challenges.errors import FIRST_FAULTS, Fault, InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, Words, say
from graders.faults import cite, show, show_text
from graders.models.archive import open_archive
from graders.models.asking import Ask
from graders.models.formats import SAFETENSORS, ZIP_MAGIC, name_archive, name_format, refuse_format

HEADER_BYTES = 1 << 20
MOST_TENSORS = 20_000
ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_PREFIX_BYTES = 8
_MOST_DIMENSIONS, _LARGEST = 8, 1 << 40
_METADATA = "__metadata__"


@dataclass(frozen=True)
class TensorFacts:
    """One tensor, as a header tells it."""

    dtype: str
    """`F32`, `I64` …"""
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """For people."""
        return f"`{self.dtype}` {self.shape}"


def read_header(content: bytes, ask: Ask) -> dict[str, TensorFacts]:
    """All tensors of a file; their places are checked to fill it exactly.

    Raises:
        InvalidSubmission: It is another format, MALFORMED, or has more tensors than any architecture.
    """
    if not content:
        raise InvalidSubmission.because(Reason.EMPTY_FILE)
    found = name_format(content[:4096], ask.filename)
    if content.startswith(ZIP_MAGIC):
        found = name_archive(open_archive(content, ask.expanded_bytes).namelist())
    if found != SAFETENSORS:
        refuse_format(found, ask.takes)
    length = int.from_bytes(content[:_PREFIX_BYTES], "little")
    if not 0 < length <= min(HEADER_BYTES, len(content) - _PREFIX_BYTES):
        _malformed(say(Phrase.HEADER_LENGTH, found=show(length), limit=HEADER_BYTES))
    try:
        header = json.loads(content[_PREFIX_BYTES : _PREFIX_BYTES + length], object_pairs_hook=_no_twice)
    except (ValueError, RecursionError) as error:
        _malformed(say(Phrase.HEADER_BROKEN, said=cite(error)))
    if not isinstance(header, dict):
        _malformed(say(Phrase.HEADER_NO_OBJECT))
    header.pop(_METADATA, None)
    if len(header) > MOST_TENSORS:
        raise InvalidSubmission.because(Reason.BEYOND_CAP, cost="tensors", found=len(header), limit=MOST_TENSORS)
    spans: list[tuple[int, int]] = []
    tensors = {name: _read_entry(name, entry, spans) for name, entry in header.items()}
    _check_places(spans, len(content) - _PREFIX_BYTES - length)
    return tensors


def _check_places(spans: list[tuple[int, int]], size: int) -> None:
    """Tensors must lie one after the other, from the end of the header to the end of the file."""
    end = 0
    for begin, stop in sorted(spans):
        if begin != end:
            _malformed(say(Phrase.TENSORS_OVERLAP))
        end = stop
    if end != size:
        _malformed(say(Phrase.TENSORS_END))


def check_tensors(found: dict[str, TensorFacts], expected: dict[str, TensorFacts]) -> None:
    """Compare a file's tensors with those of an architecture.

    Raises:
        InvalidSubmission: MISSING_TENSOR, UNKNOWN_TENSOR, WRONG_TENSOR: the first ones, and how many.
    """
    faults = [Fault(Reason.MISSING_TENSOR, {"tensor": show_text(name)}) for name in expected if name not in found]
    faults += [Fault(Reason.UNKNOWN_TENSOR, {"tensor": show_text(name)}) for name in found if name not in expected]
    for name, facts in expected.items():
        if name in found and found[name] != facts:
            told, wanted = show_text(str(found[name])), Code(str(facts))
            faults.append(Fault(Reason.WRONG_TENSOR, {"tensor": show_text(name), "found": told, "expected": wanted}))
    if faults:
        raise InvalidSubmission(faults[:FIRST_FAULTS], len(faults))


def _read_entry(name: str, entry: Any, spans: list[tuple[int, int]]) -> TensorFacts:
    """One entry; its place is added to `spans`."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        is_legal = len(shape) <= _MOST_DIMENSIONS and all(
            isinstance(size, int) and 0 <= size < _LARGEST for size in (*shape, begin, end)
        )
        is_legal = is_legal and end - begin == math.prod(shape) * ITEM_BYTES[dtype]
    except (KeyError, TypeError, ValueError):
        is_legal = False
    if not is_legal:
        _malformed(say(Phrase.TENSOR_ILLEGAL, name=show_text(name)))
    spans.append((begin, end))
    return TensorFacts(dtype, tuple(shape))


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name appears twice")
    return made


def _malformed(problem: Words) -> NoReturn:
    raise InvalidSubmission.because(Reason.MALFORMED, expected=SAFETENSORS, problem=problem)
