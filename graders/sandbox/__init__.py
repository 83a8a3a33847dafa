"""The sandbox: runs a guest, our own small program that opens what a participant sent, where it can do no harm.

    grader ─▶ mechanism (fork server | fresh process | bubblewrap around it) ─▶ guest
       ▲                                                                         │ 1 locks itself in (lock.py)
       └───────── frames through one pipe (frames.py), watched (watch.py) ◀──────┘ 2 only then opens the upload

A guest gets descriptors, and at most one path: 0 nothing, 1 and 2 text that is capped, 3 its settings, 4 the result,
5 hidden inputs that are streamed to it when it sends a frame, 6 and up the files it may read. It never gets an answer.
Nothing here knows what is computed; `graders/guests/` holds the programs, one per file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graders.sandbox.frames import Frame

CONFIG_FD, RESULT_FD, INPUT_FD, FIRST_FILE_FD = 3, 4, 5, 6
LOCKED = b"LOCKED01"
"""What a guest says when it is locked in: from then on a participant may choose every byte, and its exit code."""
CONFIG_BYTES = 65_536
"""Largest settings of a guest, as JSON."""


class Profile(StrEnum):
    """How much of the system a guest may use."""

    COMPUTE = "compute"
    """After `seal()` no file can be opened at all: for models and tables."""
    CODE = "code"
    """Libraries can be read: for a participant's program."""
    SERVICE = "service"
    """As `code`, and connections are accepted on one socket that is handed in."""
    GPU = "gpu"
    """As `compute`, with the driver of one GPU."""


class End(StrEnum):
    """How a run ended, as the watcher saw it; never what the guest says of itself."""

    DONE = "done"
    """It ended by itself with exit code 0."""
    WALL = "wall"
    CPU = "cpu"
    MEMORY = "memory"
    OUTPUT = "output"
    """It wrote more text, or a larger result, than it may."""
    THREADS = "threads"
    CRASHED = "crashed"
    """A signal, or another exit code."""
    SANDBOX_ERROR = "sandbox_error"
    """The lock could not be closed: nothing of the participant was opened. Ours to mend."""


@dataclass(frozen=True)
class Bounds:
    """What a run may take."""

    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int
    result_bytes: int
    """All frames together."""
    output_bytes: int = 65_536
    """Text kept of stdout and of stderr; sixteen times as much ends the run."""
    threads: int = 64


@dataclass(frozen=True)
class Run:
    """One run of one guest."""

    guest: str
    """Module of `graders/guests/`, whose `main` is called."""
    settings: dict[str, Any]
    """JSON-ready facts for the guest; nothing in them is secret."""
    bounds: Bounds
    profile: Profile = Profile.COMPUTE
    device: str = "cpu"
    """Where it computes: `cpu`, `cuda`, or `cuda:1` for one of several; with profile `gpu`."""
    flavour: str = "tables"
    """Which libraries are loaded beforehand: a key of `forkserver.FLAVOURS`."""
    files: Sequence[int] = ()
    """Descriptors of files to read, from 6 on: the upload first. They stay the caller's to close."""
    reply: Callable[[Frame], Sequence[memoryview] | None] | None = None
    """Called with a frame; what it returns is streamed to the guest, None ends the run."""
    turns: int = 1
    """How many frames are replied to. Up to the last one the stream stays open, and no frame is kept."""
    folder: str = ""
    """A folder that the guest may read, and that is lent to its user; the one path it is ever told."""
    stop: int = -1
    """A descriptor: when it can be read, the run has done what it was for, and is ended."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run. Everything but the frames' bytes was measured from outside."""

    end: End
    frames: list[Frame] = field(default_factory=list)
    """Whole, well-formed frames in the order they came; a guest may have forged every one."""
    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int | None = None
    """Negative: the signal."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


class Mechanism(Protocol):
    """A way to run guests. `tests/graders/sandbox/conformance.py` says what each must do."""

    def run(self, run: Run) -> Outcome:
        """Run a guest to its end, whatever it does."""
        ...

    def close(self) -> None:
        """End what was started for this mechanism."""
        ...
