"""The supervisor of `arena up`: starts processes, again when they die, stops them, and keeps what they say."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

from arena.embedded.processes import die_with_parent

TICK_SECONDS = 0.1
LONGEST_PAUSE = 30.0
STABLE_SECONDS = 30.0
"""A process that lived so long has recovered: its next end is a first one."""
LOG_BYTES = 10_000_000
LOG_FILES = 3


class Stopping:
    """Whether Ctrl-C or a signal asked for the end: once is please, twice is now."""

    def __init__(self) -> None:
        self.count = 0

    @property
    def asked(self) -> bool:
        """The end was asked for."""
        return self.count > 0

    @property
    def hurried(self) -> bool:
        """It was asked for more than once."""
        return self.count > 1

    @contextmanager
    def listening(self) -> Iterator[Stopping]:
        """Count signals instead of dying by them: nothing is interrupted halfway, the loops look at the count."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._count) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


@dataclass
class Child:
    """A process that is kept running."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    grace_seconds: float
    """How long it may take to end when asked."""
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    """Ends in a row that nobody asked for."""
    due_at: float = 0.0
    """When it is started again."""
    descendants: list[psutil.Process] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        """It has been started and not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it; its output goes to the log. Only from the main thread: it dies with the thread that started it."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal reaches us alone, and we end them in order
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call, nothing to lock
        )
        if self.process.stdout is not None:
            threading.Thread(target=keep_output, args=(self.process.stdout, self.log), daemon=True).start()

    def ask_to_stop(self) -> None:
        """Send SIGTERM, and note whom it has started: they may have left its process group."""
        if self.process is not None and self.is_running:
            with suppress(psutil.Error):
                self.descendants = psutil.Process(self.process.pid).children(recursive=True)
            self.process.terminate()

    def end(self) -> None:
        """Kill what is left of it and of the processes it started."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            for descendant in self.descendants:
                with suppress(psutil.Error):
                    descendant.kill()
            self.descendants = []
            self.process.wait()


@dataclass
class Supervisor:
    """Keeps children running until asked to stop."""

    logs: Path
    tell: Callable[[str, str], None]
    """Told about a child's name and what happened to it."""
    children: list[Child] = field(default_factory=list)

    def start(self, name: str, command: list[str], environment: dict[str, str], grace_seconds: float = 5.0) -> Child:
        """Start a child and keep it running."""
        child = Child(name, command, environment, self.logs / f"{name}.log", grace_seconds)
        self.children.append(child)
        child.start()
        return child

    def tick(self) -> None:
        """Look at each child once: start those again that ended, later each time."""
        now = time.monotonic()
        for child in self.children:
            if child.is_running:
                continue
            if not child.due_at:
                child.failures = 1 if now - child.started_at > STABLE_SECONDS else child.failures + 1
                pause = min(0.5 * 2 ** (child.failures - 1), LONGEST_PAUSE)
                child.due_at = now + pause
                self.tell(child.name, describe_end(child))
                child.end()
            elif now >= child.due_at:
                child.due_at = 0.0
                child.start()

    def stop(self, stopping: Stopping) -> None:
        """End the children in the order they were started, each within its grace; at once when hurried."""
        for child in self.children:
            child.ask_to_stop()
            deadline = time.monotonic() + child.grace_seconds
            while child.is_running and time.monotonic() < deadline and not stopping.hurried:
                time.sleep(TICK_SECONDS / 4)
            child.end()
        self.children.clear()


def describe_end(child: Child) -> str:
    """How a child ended, for the terminal."""
    code = child.process.returncode if child.process else None
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def keep_output(source: IO[bytes], log: Path) -> None:
    """Copy a child's output to its log until it ends; a full log is put aside, old ones are dropped."""
    with source:
        for line in source:
            if log.exists() and log.stat().st_size > LOG_BYTES:
                rotate(log)
            with log.open("ab") as output:
                output.write(line)


def rotate(log: Path) -> None:
    """`web.log` becomes `web.log.1`, that `web.log.2`, and the oldest goes."""
    for number in range(LOG_FILES - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.replace(log.with_name(f"{log.name}.1"))


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""
