"""Bodies of uploads, read as they arrive: the raw body of a PUT, or the one file among the fields of a form.

Nothing is kept but the piece in hand. What is too large, stalls or breaks off ends with an error at once.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from arena.errors import Invalid, TooLarge, UnsupportedType, UploadIncomplete
from arena.guard import allow_body
from arena.translations import mark

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD_BYTES = 20_000
FIELDS = 20
FORM_BYTES = FIELD_BYTES * FIELDS
"""What a form may hold beside its file."""
PIECE_BYTES = 1 << 20
STALL_SECONDS = 60.0
"""An upload of which nothing arrives for so long is broken off."""


class Body(Protocol):
    """An upload on its way."""

    @property
    def filename(self) -> str:
        """The name that the sender gave it."""

    @property
    def message(self) -> str:
        """The sender's note, as far as it has arrived."""

    def limit(self, limit_bytes: int) -> None:
        """Accept a file of at most `limit_bytes`; TooLarge when more is announced."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The content of the file as it arrives."""


class Arrival:
    """The bytes of a request's body, counted, with an end to patience."""

    def __init__(self, request: Request, stall_seconds: float = STALL_SECONDS) -> None:
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise UnsupportedType
        announced = request.headers.get("content-length", "")
        self.announced = int(announced) if announced.isdigit() else None
        self.limit_bytes = FORM_BYTES
        self.told_bytes = FORM_BYTES
        self._stall_seconds = stall_seconds
        self._stream = request.stream()
        self._seen = 0
        allow_body(request, sys.maxsize)  # counted here instead, since the limit is not known yet

    def limit(self, limit_bytes: int, around_bytes: int = 0) -> None:
        """Accept `limit_bytes` of content, and `around_bytes` around it."""
        self.told_bytes, self.limit_bytes = limit_bytes, limit_bytes + around_bytes
        if self.announced is not None and self.announced > self.limit_bytes:
            raise TooLarge(limit_bytes=limit_bytes)

    async def next(self) -> bytes:
        """The next bytes; none at the end."""
        try:
            async with asyncio.timeout(self._stall_seconds):
                chunk = await anext(self._stream, b"")
        except (ClientDisconnect, TimeoutError):
            raise UploadIncomplete from None
        self._seen += len(chunk)
        if self._seen > self.limit_bytes:
            raise TooLarge(limit_bytes=self.told_bytes)
        if not chunk and self.announced not in (None, self._seen):
            raise UploadIncomplete
        return chunk


class RawBody:
    """The file as the whole body of a request."""

    def __init__(self, request: Request, filename: str, message: str = "") -> None:
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            raise UnsupportedType
        self.filename, self.message = filename, message
        self._arrival = Arrival(request)

    def limit(self, limit_bytes: int) -> None:
        """Accept a file of at most `limit_bytes`; TooLarge when more is announced."""
        self._arrival.limit(limit_bytes)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content of the file as it arrives."""
        while chunk := await self._arrival.next():
            yield chunk


class FormBody:
    """A form with text fields and one file, named `file`."""

    def __init__(self, request: Request) -> None:
        kind, options = parse_options_header(request.headers.get("content-type"))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise UnsupportedType
        self.fields: dict[str, str] = {}
        self.filename = ""
        self._arrival = Arrival(request)
        self._parts = _Parts(self)
        try:
            self._parser = MultipartParser(boundary, self._parts.callbacks)
        except FormParserError:
            raise UnsupportedType from None

    @property
    def message(self) -> str:
        """The field `message`; browsers send it before the file, others also after it."""
        return self.fields.get("message", "")

    def limit(self, limit_bytes: int) -> None:
        """Accept a file of at most `limit_bytes`; TooLarge when more is announced."""
        self._arrival.limit(limit_bytes, FORM_BYTES)

    async def read_fields(self) -> None:
        """Read what stands before the file.

        Raises:
            Invalid: There is no file.
        """
        while not self._parts.has_file:
            if not await self._feed():
                raise Invalid(field="file", problem=mark("is missing"))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content of the file as it arrives; afterwards the fields that follow it are read too."""
        is_fed = True
        while is_fed:
            for chunk in self._parts.take():
                yield chunk
            is_fed = await self._feed()

    async def _feed(self) -> bool:
        """Parse the next bytes of the body; False at its end."""
        chunk = await self._arrival.next()
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise UploadIncomplete from None
        if not chunk and not self._parts.has_ended:
            raise UploadIncomplete
        return bool(chunk)


class _Parts:
    """What the parser of a form calls: fields go to the form, the file's bytes are put aside until they are taken."""

    def __init__(self, form: FormBody) -> None:
        self._form = form
        self._header, self._value, self._disposition = bytearray(), bytearray(), b""
        self._name: str | None = None
        self._text = bytearray()
        self._chunks: list[bytes] = []
        self._count = 0
        self.has_file = self.has_ended = False

    @property
    def callbacks(self) -> MultipartCallbacks:
        """The functions that the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._add,
            "on_part_end": self._close,
            "on_end": self._end,
        }

    def take(self) -> list[bytes]:
        """The file's bytes that were parsed since the last time."""
        taken, self._chunks = self._chunks, []
        return taken

    def _begin(self) -> None:
        self._count += 1
        if self._count > FIELDS:
            raise Invalid(field="form", problem=mark("has too many fields"))
        self._disposition = b""

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = _decode(options.get(b"name", b""))
        if b"filename" not in options:
            self._name = name
            return
        if name != "file" or self.has_file:
            raise Invalid(field=name or "form", problem=mark("must be one file, in the field `file`"))
        self.has_file, self._name = True, None
        self._form.filename = _decode(options[b"filename"])

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._name is None:
            self._chunks.append(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > FIELD_BYTES:
            raise Invalid(field=self._name, problem=mark("is too long"))

    def _close(self) -> None:
        if self._name is not None:
            self._form.fields[self._name] = _decode(bytes(self._text))
            self._text.clear()

    def _end(self) -> None:
        self.has_ended = True


async def in_pieces(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of about a megabyte: each crosses to the storage at some cost."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)


def _decode(text: bytes) -> str:
    """Names and values as browsers send them, which is UTF-8; anything else byte by byte."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
