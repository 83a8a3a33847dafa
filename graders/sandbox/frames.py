"""The one thing a grader reads of a guest: frames of a fixed form, through one pipe.

    b"LOCKED01"                                            once, when the lock is closed
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

from graders.sandbox import LOCKED

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MAGIC = b"ARN1"
HEADER_BYTES = 65_536
DTYPES = {"f4": "<f4", "f8": "<f8", "i4": "<i4", "i8": "<i8", "u1": "<u1", "u4": "<u4", "b1": "|b1"}
MOST_FRAMES = 100
"""Of one guest: each costs the grader more than its bytes."""
MOST_ARRAYS = 1000
MOST_DIMENSIONS = 8
_MOST_CELLS = 1 << 40
_PREFIX = struct.Struct("<4sI")


class BrokenFrame(Exception):
    """Bytes that are no frame: whoever wrote them is not our guest any more."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame."""

    note: dict[str, Any] = field(default_factory=dict)
    """JSON of at most 64 KiB; believe nothing of it."""
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


class FrameReader:
    """Puts frames together from pieces: read into `room()`, then tell with `took()` how much came.

    Args:
        limit: Bytes that all frames together may have.
        most: How many frames there may be.
    """

    def __init__(self, limit: int, most: int = MOST_FRAMES) -> None:
        self.limit, self.most = limit, most
        self.frames: list[Frame] = []
        """Those that nobody has taken away."""
        self._seen = self._count = 0
        self._header: dict[str, Any] = {}
        self.is_locked = False
        """The guest said so; nothing that a participant sent has been opened before."""
        self._expect(len(LOCKED), self._take_mark)

    @property
    def is_between(self) -> bool:
        """No frame has begun that has not ended."""
        return self.is_locked and self._filled == 0 and self._take == self._take_prefix

    def room(self) -> memoryview:
        """Where the next bytes belong, never empty: a payload is read straight into its place."""
        return self._view[self._filled :]

    def took(self, count: int) -> None:
        """Take in what was read into `room()`.

        Raises:
            BrokenFrame: It cannot be a frame, or there is more than the limit.
        """
        self._seen += count
        if self._seen > self.limit:
            raise BrokenFrame(f"more than {self.limit} bytes")
        self._filled += count
        while self._filled == len(self._view):
            self._take(self._buffer)

    def _expect(self, size: int, take: Callable[[NDArray[np.uint8]], None]) -> None:
        # not a bytearray, which is cleared: memory that is announced and never filled must cost nothing
        self._buffer = np.empty(size, dtype=np.uint8)
        self._view, self._filled, self._take = self._buffer.data, 0, take

    def _take_mark(self, part: NDArray[np.uint8]) -> None:
        if part.tobytes() != LOCKED:
            raise BrokenFrame("no guest that is locked in writes here")
        self.is_locked = True
        self._expect(_PREFIX.size, self._take_prefix)

    def _take_prefix(self, part: NDArray[np.uint8]) -> None:
        magic, length = _PREFIX.unpack(part.data)
        if self._count >= self.most:
            raise BrokenFrame(f"more than {self.most} frames")
        self._count += 1
        if magic != MAGIC or not len(b"{}") <= length <= HEADER_BYTES:
            raise BrokenFrame("no frame begins here")
        self._expect(length, self._take_header)

    def _take_header(self, part: NDArray[np.uint8]) -> None:
        self._header = _parse_header(part.tobytes())
        size = sum(size for *_, size in self._header["arrays"])
        if self._seen + size > self.limit:
            raise BrokenFrame(f"a frame announces more than {self.limit} bytes")
        self._expect(size, self._take_payload)

    def _take_payload(self, part: NDArray[np.uint8]) -> None:
        self.frames.append(_finish(self._header, part))
        self._expect(_PREFIX.size, self._take_prefix)


def write_frame(descriptor: int, note: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Write one frame: the guest's side."""
    for part in pack_frame(note, arrays):
        rest = part
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def pack_frame(note: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> list[memoryview]:
    """The bytes of one frame.

    Raises:
        TypeError: An array does not hold plain numbers.
        ValueError: The note is too long, or holds NaN.
    """
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
    return [memoryview(_PREFIX.pack(MAGIC, len(header)) + header), *payload]


def read_frame(read: Callable[[int], bytearray]) -> Frame:
    """Read one frame of a grader's: the guest's side.

    Args:
        read: Takes in exactly so many bytes.

    Raises:
        EOFError: There is none any more.
    """
    _, length = _PREFIX.unpack(read(_PREFIX.size))
    header = _parse_header(bytes(read(length)))
    payload = read(sum(size for *_, size in header["arrays"]))
    return _finish(header, np.frombuffer(payload, dtype=np.uint8))


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
        if math.prod(size for size in shape if size) >= _MOST_CELLS:  # beside a zero, any size would take no bytes
            raise BrokenFrame("the header announces an array that cannot be")
        sized.append((name, dtype, shape, math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize))
    return {"note": note, "arrays": sized}


def _finish(header: dict[str, Any], payload: NDArray[np.uint8]) -> Frame:
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
