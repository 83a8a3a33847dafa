"""Frames arrive as they were sent, in whatever pieces; bytes that are no frame are told from it at once."""

from __future__ import annotations

import json
import os
import struct
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from graders.sandbox import LOCKED
from graders.sandbox.frames import HEADER_BYTES, MOST_FRAMES, BrokenFrame, FrameReader, write_frame

LIMIT = 1 << 20
ARRAYS: dict[str, NDArray[Any]] = {
    "numbers": np.arange(6, dtype=np.float64).reshape(2, 3),
    "codes": np.array([1, 2, 255], dtype=np.uint8),
    "places": np.array([-1, 7], dtype=np.int64),
    "mask": np.array([True, False]),
    "nothing": np.empty((0, 4), dtype=np.float32),
}


def sent(*frames: tuple[dict[str, Any], dict[str, NDArray[Any]]]) -> bytes:
    read, write = os.pipe()
    taken: list[bytes] = []

    def take() -> None:
        while piece := os.read(read, 1 << 16):
            taken.append(piece)

    thread = threading.Thread(target=take)
    thread.start()
    os.write(write, LOCKED)
    try:
        for note, arrays in frames:
            write_frame(write, note, arrays)
    finally:
        os.close(write)
        thread.join()
        os.close(read)
    return b"".join(taken)


def feed(reader: FrameReader, content: bytes) -> None:
    """Hand bytes to a reader as a pipe does: as many at once as there is room."""
    while content:
        room = reader.room()
        count = min(len(room), len(content))
        room[:count] = content[:count]
        content = content[count:]
        reader.took(count)


def header_of(content: dict[str, Any]) -> bytes:
    text = json.dumps(content).encode()
    return struct.pack("<4sI", b"ARN1", len(text)) + text


@given(st.integers(1, 200), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_frames_arrive_as_they_were_sent_in_whatever_pieces(size: int, count: int):
    content = sent(*[({"number": n}, ARRAYS) for n in range(count)])
    reader = FrameReader(LIMIT)
    for start in range(0, len(content), size):
        feed(reader, content[start : start + size])
    assert reader.is_between
    assert [frame.note["number"] for frame in reader.frames] == list(range(count))
    for frame in reader.frames:
        assert frame.arrays.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert frame.arrays[name].dtype == array.dtype
            assert np.array_equal(frame.arrays[name], array)


def test_nothing_is_taken_of_who_is_not_locked_in():
    with pytest.raises(BrokenFrame, match="locked in"):
        feed(FrameReader(LIMIT), sent(({}, ARRAYS))[len(LOCKED) :])
    reader = FrameReader(LIMIT)
    assert (reader.is_locked, reader.is_between) == (False, False)
    feed(reader, LOCKED)
    assert (reader.is_locked, reader.is_between) == (True, True)


def test_a_guest_may_send_so_many_frames_and_no_more():
    reader = FrameReader(LIMIT)
    feed(reader, LOCKED)
    for _ in range(MOST_FRAMES):
        feed(reader, sent(({}, {}))[len(LOCKED) :])
    with pytest.raises(BrokenFrame, match="frames"):
        feed(reader, sent(({}, {}))[len(LOCKED) :])


def test_a_frame_that_breaks_off_is_noticed():
    reader = FrameReader(LIMIT)
    feed(reader, sent(({}, ARRAYS))[:-1])
    assert not reader.is_between
    assert not reader.frames


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + b"\0" * 60,
        struct.pack("<4sI", b"ARN1", HEADER_BYTES + 1),
        struct.pack("<4sI", b"ARN1", 0),
        struct.pack("<4sI", b"ARN1", 5) + b"[1,2]",
        struct.pack("<4sI", b"ARN1", 3) + b"{\xff}",
        struct.pack("<4sI", b"ARN1", 60_000) + b"[" * 60_000,
        header_of({"note": {}}),
        header_of({"note": [], "arrays": []}),
        header_of({"note": {}, "arrays": [["a", "O", [1]]]}),
        header_of({"note": {}, "arrays": [["a", "f8", [-1]]]}),
        header_of({"note": {}, "arrays": [["a", "f8", [True]]]}),
        header_of({"note": {}, "arrays": [["a", "f8", [1 << 39]]]}),
        header_of({"note": {}, "arrays": [["a", "u1", [1] * 9]]}),
        header_of({"note": {}, "arrays": [["a", "u1", [1]], ["a", "u1", [1]]]}),
        header_of({"note": {}, "arrays": [["a", "f8", [1 << 30, 1 << 30, 1 << 30]]]}),
        header_of({"note": {}, "arrays": [["a", "f8", [0, 1 << 39, 1 << 39]]]}),
        struct.pack("<4sI", b"ARN1", 29) + b'{"note":{"a":NaN},"arrays":[]}'[:29],
    ],
)
def test_what_is_no_frame_is_refused(content: bytes):
    with pytest.raises(BrokenFrame):
        feed(FrameReader(LIMIT), LOCKED + content)


def test_more_than_was_agreed_is_refused_before_it_is_kept():
    content = sent(({}, {"a": np.zeros(1000)}))
    with pytest.raises(BrokenFrame, match="announces more"):
        feed(FrameReader(2000), content[:68])
    with pytest.raises(BrokenFrame, match="more than"):
        feed(FrameReader(18), content[:19])


def test_only_plain_numbers_travel():
    with pytest.raises(TypeError, match="does not travel"):
        sent(({}, {"a": np.array(["text"])}))
