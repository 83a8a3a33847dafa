"""What the `grade.py` of a challenge that takes programs is given: a program to talk with, or a service to visit.

    def try_out(program: Program | Service) -> None: ...                              on what holds nothing hidden
    def grade(program: Program | Service, hidden: Hidden, side: Side) -> Graded: ...

Everything a program says is a participant's word: numbers to be compared, never a score.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Message:
    """One turn of a conversation, in either direction."""

    note: dict[str, Any] = field(default_factory=dict)
    """JSON of at most 64 KiB, without NaN."""
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Of plain numbers: float32, float64, int32, int64, uint8, uint32, bool."""


class ProgramFailed(Exception):
    """A program did not do what it must; what it means for the score is for `grade.py` to say.

    Args:
        end: How its run ended: `crashed`, `wall`, `cpu`, `memory`, `output`, `threads`, `left` (it ended by itself
            before it was asked to), `misbehaved` (it answered what is no answer), or `silent` (a service gave none).
        said: The end of what it wrote to stderr, where nothing hidden had been told; else empty.
    """

    def __init__(self, end: str, said: str = "") -> None:
        super().__init__(end)
        self.end, self.said = end, said


Dialogue = Generator[Message, Message, Result]
"""Yields what the program is told, is sent what it answers, and returns what came of it."""


class Program(Protocol):
    """A participant's program in the sandbox, behind the challenge's `harness.py`."""

    def talk(self, dialogue: Dialogue[Result], turns: int, settings: Mapping[str, Any] | None = None) -> Result:
        """Start the program anew and hold a conversation with it, until the dialogue returns.

        The harness answers once when it has started, with a message that the dialogue never sees; then the dialogue's
        first message goes to it, and so on in turn.

        Args:
            dialogue: The grader's side of it.
            turns: How many messages the dialogue yields at most.
            settings: What the harness finds in `SETTINGS`: nothing hidden.

        Raises:
            ProgramFailed: It ended, or was ended, before the dialogue did.
        """
        ...


@dataclass(frozen=True)
class Request:
    """One HTTP request to a service."""

    target: str
    """Path and query, percent-encoded: `/api/summary?start=2025-01-01`."""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside `Host` and `Connection`."""
    body: bytes = b""


@dataclass(frozen=True)
class Page:
    """What stands in an HTML page."""

    title: str = ""
    language: str = ""
    """Of the `html` element."""
    charts: list[list[str]] = field(default_factory=list)
    """For each `svg`, `canvas` and `img`: the element, and its accessible name (empty: it has none)."""
    tables: list[list[int]] = field(default_factory=list)
    """For each table: its rows, and its `th` elements with a `scope`."""
    marked: dict[str, str] = field(default_factory=dict)
    """Texts of the elements with a `data-kpi` attribute, by its value."""
    external: list[str] = field(default_factory=list)
    """Addresses of other hosts that the page loads something from, at most ten."""


@dataclass(frozen=True)
class Response:
    """What came back of one request."""

    status: int = 0
    """0: no HTTP response, or none in time."""
    seconds: float = 0.0
    """From the connection to the end of the body, measured by the grader."""
    content_type: str = ""
    """In lower case, without its parameters."""
    json: Any = None
    """The body where it is JSON; None where it is not, is too large or too deep, or holds NaN."""
    page: Page | None = None
    """The body where it is HTML."""


@dataclass(frozen=True)
class Visit:
    """One life of a service."""

    responses: list[Response]
    """One for each request, in their order."""
    start_seconds: float
    """Until it answered at all."""
    peak_bytes: int
    """Most resident memory."""


class Service(Protocol):
    """A participant's web app in the sandbox: `app.py` with an ASGI or WSGI callable `app`."""

    def visit(
        self,
        requests: Sequence[Request],
        files: Mapping[str, bytes],
        environment: Mapping[str, str],
        request_seconds: float = 5.0,
    ) -> Visit:
        """Start the service, ask for `/` until it has answered, send it requests one after the other, and end it.

        Args:
            requests: What is asked.
            files: Files by name, which it may read and only it.
            environment: Its further environment variables; `{NAME}` in a value stands for the path of that file.
            request_seconds: How long one request may take.

        Raises:
            ProgramFailed: It did not answer at all. A service that dies later leaves responses of status 0.
        """
        ...


def take(message: Message, name: str, shape: Sequence[int]) -> NDArray[np.float64]:
    """An array of an answer, if it is what was asked for: float64 of exactly this shape, all finite or not.

    Raises:
        ProgramFailed: It is not.
    """
    array = message.arrays.get(name)
    if array is None or array.shape != tuple(shape) or array.dtype != np.float64:
        raise ProgramFailed("misbehaved")
    return array
