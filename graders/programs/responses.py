"""HTTP responses from bytes to what they say: read in the sandbox, and told as one array of JSON."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from challenges._generators.programs import Page, Response
from challenges.records import RecordError, parse_record
from graders.programs.pages import read_page
from graders.sandbox.frames import BrokenFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graders.sandbox.frames import Frame

TOLD_BYTES = 16 << 20
"""Most that all responses together may tell."""
JSON_BYTES = 1 << 20
"""Largest body that is read as JSON."""
PAGE_BYTES = 1 << 19
"""Largest body that is read as HTML."""
_HEAD_BYTES = 1 << 16
_DEEPEST = 8
_MOST_VALUES = 20_000
_LARGEST_EXACT = 2**53
_LEAST_BYTES = 200
"""What a response takes of which only the status is told."""
_TOLD = "told"
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?\r\n")


class Unreadable(Exception):
    """It is not what it claims to be."""


@dataclass(frozen=True)
class _Told:
    """One response as it travels."""

    status: int = 0
    content_type: str = ""
    page: Page | None = None


@dataclass
class _Head:
    status: int
    headers: dict[str, str] = field(default_factory=dict)


def read_response(content: bytes) -> Response:
    """What a response says; status 0 where it is none.

    Args:
        content: Everything that came until the connection was closed.
    """
    try:
        head, body = _split(content)
    except Unreadable:
        return Response()
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()[:100]
    if head.headers.get("content-encoding", "identity") != "identity":
        return Response(head.status, content_type=kind)
    if kind == "application/json" or kind.endswith("+json"):
        return Response(head.status, content_type=kind, json=read_json(body))
    if kind == "text/html" and len(body) <= PAGE_BYTES:
        return Response(head.status, content_type=kind, page=read_page(body.decode(errors="replace")))
    return Response(head.status, content_type=kind)


def read_json(body: bytes) -> Any:
    """The value of a body of JSON; None where it is none, is too large or too deep, or holds NaN."""
    if len(body) > JSON_BYTES:
        return None
    try:
        value = json.loads(body.decode(), parse_constant=_refuse, parse_int=_parse_int)
        _check_value(value)
    except (ValueError, RecursionError):
        return None
    return value


def dump_responses(responses: list[Response]) -> dict[str, NDArray[Any]]:
    """Arrays of a frame; what does not fit is told as read by nobody."""
    told: list[str] = []
    left = TOLD_BYTES - 1000 - _LEAST_BYTES * len(responses)
    for response in responses:
        record = asdict(_Told(response.status, response.content_type, response.page)) | {"json": response.json}
        text = json.dumps(record, ensure_ascii=True, allow_nan=False)
        if len(text) + 1 > left:
            text = json.dumps(asdict(_Told(response.status)) | {"json": None})
        left -= len(text) + 1
        told.append(text)
    return {_TOLD: np.frombuffer(f"[{','.join(told)}]".encode(), dtype=np.uint8)}


def load_responses(frame: Frame, seconds: list[float]) -> list[Response]:
    """The responses of a frame.

    Args:
        frame: What the guest sent.
        seconds: How long each took, as measured outside.

    Raises:
        BrokenFrame: It cannot have come from `dump_responses`.
    """
    array = frame.arrays.get(_TOLD)
    if array is None or array.ndim != 1 or array.dtype != np.uint8 or array.size > TOLD_BYTES:
        raise BrokenFrame("no responses")
    try:
        listed = json.loads(array.tobytes(), parse_constant=_refuse)
        if not isinstance(listed, list) or len(listed) != len(seconds):
            raise BrokenFrame("another number of responses")
        return [_load(told, took) for told, took in zip(listed, seconds, strict=True)]
    except (ValueError, RecordError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise BrokenFrame("responses of another form") from error


def _load(told: dict[str, Any], seconds: float) -> Response:
    value = told.pop("json")
    _check_value(value)
    record = parse_record(_Told, {name: field for name, field in told.items() if field is not None})
    return Response(record.status, seconds, record.content_type, value, record.page)


def _split(content: bytes) -> tuple[_Head, bytes]:
    """Head and body.

    Raises:
        Unreadable: It is no response, or not a whole one.
    """
    found = _STATUS.match(content)
    end = content.find(b"\r\n\r\n", 0, _HEAD_BYTES)
    if found is None or end < 0:
        raise Unreadable
    head = _Head(int(found[1]))
    for line in content[found.end() : end].split(b"\r\n"):
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            head.headers[name.strip().lower()] = value.strip()
    body = content[end + 4 :]
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        return head, _join(body)
    length = head.headers.get("content-length", "")
    if length and (not length.isascii() or not length.isdigit() or len(body) != int(length[:12])):
        raise Unreadable
    return head, body


def _join(body: bytes) -> bytes:
    """The body of chunks.

    Raises:
        Unreadable: One is cut.
    """
    parts: list[bytes] = []
    place = 0
    while True:
        found = _CHUNK.match(body, place)
        if found is None:
            raise Unreadable
        size, start = int(found[1], 16), found.end()
        if size == 0:
            return b"".join(parts)
        if body[start + size : start + size + 2] != b"\r\n":
            raise Unreadable
        parts.append(body[start : start + size])
        place = start + size + 2


def _parse_int(digits: str) -> int:
    if len(digits) > len(str(_LARGEST_EXACT)):
        raise ValueError(digits[:10])
    return int(digits)


def _check_value(value: Any, depth: int = 0, count: list[int] | None = None) -> None:
    """Raise ValueError for a value that is too deep or too large, or not finite."""
    count = count if count is not None else [0]
    count[0] += 1
    if depth > _DEEPEST or count[0] > _MOST_VALUES:
        raise ValueError("too much")
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise ValueError("no name")  # noqa: TRY004 - one error for every wrong form
            _check_value(inner, depth + 1, count)
    elif isinstance(value, list):
        for inner in value:
            _check_value(inner, depth + 1, count)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not finite")


def _refuse(word: str) -> float:
    raise ValueError(word)
