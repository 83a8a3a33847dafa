"""Sends HTTP requests to a service and takes what comes back as bytes, of which nothing is read here."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from challenges._generators.programs import Request

RESPONSE_BYTES = 4 << 20
"""Largest response, with its headers."""
ALL_BYTES = 64 << 20
"""All responses together."""
_PIECE_BYTES = 1 << 16
_SLICE_SECONDS = 0.05
"""How long nobody looks whether the service still lives."""
_BACKLOG = 64
_SOCKET = "s"


@dataclass(frozen=True)
class Raw:
    """What came back of one request."""

    content: bytes = b""
    seconds: float = 0.0
    is_whole: bool = False
    """The service closed the connection in time, and within `RESPONSE_BYTES`."""


class Door:
    """A listening socket that only this process can reach, and that a service is handed."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="arena-visit-")
        self._place = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(self.address)
        self.listening.listen(_BACKLOG)

    @property
    def address(self) -> str:
        """Its name, which the system takes only where it is short."""
        return f"/proc/self/fd/{self._place}/{_SOCKET}"

    def __enter__(self) -> Self:
        """Keep it open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it for good."""
        self.listening.close()
        os.close(self._place)
        with suppress(OSError):
            (Path(self._folder) / _SOCKET).unlink()
            Path(self._folder).rmdir()


@dataclass
class Visitor:
    """Sends requests from a thread of its own, one after the other, while the run is watched."""

    door: Door
    first: Request
    """Sent until it is answered, or the run has ended: the service is starting."""
    requests: Sequence[Request]
    start_seconds: float
    """How long the first one may take."""
    request_seconds: float
    """How long each of the others may take."""
    done: int = field(default_factory=lambda: os.eventfd(0))
    """Can be read when there is nothing left to ask."""
    started: Raw = field(default_factory=Raw)
    answers: list[Raw] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin to ask."""
        self._thread = threading.Thread(target=self._visit, name="visitor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The run has ended: nobody answers any more."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()
        os.close(self.done)

    def _visit(self) -> None:
        try:
            self.started = self._ask(self.first, self.start_seconds)
            if not self.started.is_whole:
                return
            left = ALL_BYTES
            for request in self.requests:
                raw = self._ask(request, self.request_seconds) if left > 0 and not self._is_over.is_set() else Raw()
                left -= len(raw.content)
                self.answers.append(raw)
        finally:
            os.eventfd_write(self.done, 1)

    def _ask(self, request: Request, seconds: float) -> Raw:
        began = time.monotonic()
        taken = bytearray()
        is_whole = False
        with suppress(OSError), socket.socket(socket.AF_UNIX) as link:
            link.settimeout(seconds)
            link.connect(self.door.address)
            link.sendall(render(request))
            while not self._is_over.is_set() and time.monotonic() - began < seconds:
                link.settimeout(_SLICE_SECONDS)
                try:
                    piece = link.recv(_PIECE_BYTES)
                except TimeoutError:
                    continue
                taken += piece
                is_whole = not piece
                if is_whole or len(taken) > RESPONSE_BYTES:
                    break
        return Raw(bytes(taken[:RESPONSE_BYTES]), time.monotonic() - began, is_whole and bool(taken))


def render(request: Request) -> bytes:
    """The request as it goes over the wire; the connection is closed after each."""
    headers = {"Host": "localhost", **request.headers, "Connection": "close"}
    if request.body:
        headers["Content-Length"] = str(len(request.body))
    lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + request.body
