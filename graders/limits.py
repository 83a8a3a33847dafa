"""How much time and memory a job may take, as seen from inside the process that does it.

This is the gentle side: it works while Python runs. The supervisor kills what does not listen.
"""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class OutOfTime(BaseException):
    """The time of a job is over. No `except Exception` on the way may swallow it."""


@dataclass
class _Bell:
    """What a ring does: it raises at once, or waits for whoever must not be interrupted."""

    held: int = 0
    has_rung: bool = False

    def ring(self, _number: int, _frame: FrameType | None) -> None:
        self.has_rung = True
        if not self.held:
            self.hear()

    def hear(self) -> None:
        if self.has_rung:
            self.has_rung = False
            raise OutOfTime


_bell = _Bell()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """In this block OutOfTime is raised by `check_time` and at the end only, never between two steps."""
    _bell.held += 1
    try:
        yield
    finally:
        _bell.held -= 1
    if not _bell.held:
        _bell.hear()


def check_time() -> None:
    """Raise OutOfTime where the time is over; for an `uninterrupted` block, wherever it can clear up after itself."""
    _bell.hear()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in this block after so many seconds; no limit outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    _bell.has_rung = False
    before = signal.signal(signal.SIGALRM, _bell.ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def forget_peak() -> None:
    """Start a new measurement of `read_peak`, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def read_peak() -> int:
    """The most resident memory of this process since `forget_peak`, in bytes."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def read_resident(pid: int) -> int | None:
    """Resident memory of a process in bytes; None where the system does not tell."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    return None
