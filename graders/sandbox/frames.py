"""The one thing a grader reads of a guest: frames of a fixed form, through one pipe.

    b"ARN1" │ u32 header length ≤ 65,536 │ header, JSON │ payload

The header names arrays of plain numbers, `{"note": {…}, "arrays": [[name, dtype, shape], …]}`; the payload is their
bytes, one after the other, little-endian, C order. Never pickle, zip, or a file name.
"""

from __future__ import annotations

import json
import math
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MAGIC = b"ARN1"
HEADER_BYTES = 65_536
DTYPES = {"f4": "<f4", "f8": "<f8", "i4": "<i4", "i8": "<i8", "u1": "<u1", "u4": "<u4", "b1": "|b1"}
MOST_ARRAYS = 1000
MOST_DIMENSIONS = 8
_PREFIX = struct.Struct("<4sI")


class BrokenFrame(Exception):
    """Bytes that are no frame: whoever wrote them is not our guest any more."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame."""

    note: dict[str, Any] = field(default_factory=dict)
    """JSON of at most 64 KiB; believe nothing of it."""
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass
class FrameReader:
    """Puts frames together from pieces.

    Args:
        limit: Bytes that all frames together may have.
    """

    limit: int
    frames: list[Frame] = field(default_factory=list)
    _kept: bytearray = field(default_factory=bytearray)
    _seen: int = 0
    _needed: int = _PREFIX.size
    _take: Callable[[bytearray], None] | None = None
    """What the next `_needed` bytes are; None: a prefix."""
    _header: dict[str, Any] = field(default_factory=dict)

    @property
    def is_between(self) -> bool:
        """No frame has begun that has not ended."""
        return not self._kept and self._take is None

    def feed(self, piece: bytes) -> None:
        """Take in what came through the pipe.

        Raises:
            BrokenFrame: It cannot be a frame, or there is more than the limit.
        """
        self._seen += len(piece)
        if self._seen > self.limit:
            raise BrokenFrame(f"more than {self.limit} bytes")
        self._kept += piece
        while len(self._kept) >= self._needed:
            part, self._kept = self._kept[: self._needed], self._kept[self._needed :]
            (self._take or self._take_prefix)(part)

    def _take_prefix(self, part: bytearray) -> None:
        magic, length = _PREFIX.unpack(part)
        if magic != MAGIC or not len(b"{}") <= length <= HEADER_BYTES:
            raise BrokenFrame("no frame begins here")
        self._needed, self._take = length, self._take_header

    def _take_header(self, part: bytearray) -> None:
        self._header = _parse_header(bytes(part))
        self._needed, self._take = sum(size for *_, size in self._header["arrays"]), self._take_payload
        if self._seen - len(self._kept) + self._needed > self.limit:
            raise BrokenFrame(f"a frame announces more than {self.limit} bytes")

    def _take_payload(self, part: bytearray) -> None:
        self.frames.append(_finish(self._header, part))
        self._needed, self._take = _PREFIX.size, None


def write_frame(descriptor: int, note: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Write one frame: the guest's side."""
    listed, payload = [], []
    for name, array in arrays.items():
        dtype = array.dtype.kind + str(array.dtype.itemsize)
        if dtype not in DTYPES:
            raise TypeError(f"{name}: {array.dtype} does not travel")
        listed.append([name, dtype, list(array.shape)])
        payload.append(np.ascontiguousarray(array, dtype=DTYPES[dtype]).reshape(-1).view(np.uint8).data)
    header = json.dumps({"note": note, "arrays": listed}, ensure_ascii=True, allow_nan=False).encode()
    if len(header) > HEADER_BYTES:
        raise ValueError(f"a header has {len(header)} bytes; at most {HEADER_BYTES} travel")
    for part in (memoryview(_PREFIX.pack(MAGIC, len(header)) + header), *payload):
        rest = part
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def _parse_header(text: bytes) -> dict[str, Any]:
    if text.count(b"[") + text.count(b"{") > HEADER_BYTES // 8:
        raise BrokenFrame("the header is too deep")
    try:
        header = json.loads(text, parse_constant=_refuse)
        note, listed = header["note"], header["arrays"]
        arrays = [(str(name), str(dtype), [_size(n) for n in shape]) for name, dtype, shape in listed]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BrokenFrame("the header is malformed") from error
    if not isinstance(note, dict) or len(arrays) > MOST_ARRAYS or len({name for name, *_ in arrays}) != len(arrays):
        raise BrokenFrame("the header is malformed")
    sized = []
    for name, dtype, shape in arrays:
        if dtype not in DTYPES or len(shape) > MOST_DIMENSIONS:
            raise BrokenFrame("the header announces an unknown kind of array")
        sized.append((name, dtype, shape, math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize))
    return {"note": note, "arrays": sized}


def _finish(header: dict[str, Any], payload: bytearray) -> Frame:
    arrays: dict[str, NDArray[Any]] = {}
    start = 0
    for name, dtype, shape, size in header["arrays"]:
        arrays[name] = np.frombuffer(payload, dtype=DTYPES[dtype], count=math.prod(shape), offset=start).reshape(shape)
        start += size
    return Frame(header["note"], arrays)


def _size(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 40:
        raise ValueError
    return value


def _refuse(word: str) -> float:
    raise ValueError(word)
