"""The pipe from a grader to its supervisor: what it does now, what that may cost, and when it is done.

One JSON object per line. The supervisor answers in the grader's place when the pipe breaks off.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from graders.limits import read_resident
from graders.tasks import Task

START_SECONDS = 600.0
"""What loading and fetching may take, until the job says its own limit."""


@dataclass(frozen=True)
class Reporter:
    """The grader's end."""

    descriptor: int

    def born(self, name: str) -> None:
        """It listens now, under this name."""
        self._tell(born=name)

    def started(self, task: Task) -> None:
        """It works on a job."""
        self._tell(started=asdict(task))

    def limited(self, seconds: float, memory_bytes: int, *, is_participants: bool) -> None:
        """From now on the job has so much time and memory.

        Args:
            seconds: Wall-clock time.
            memory_bytes: Growth of resident memory; 0 for no limit.
            is_participants: Going beyond it is the participant's fault.
        """
        resident = read_resident(os.getpid()) or 0
        self._tell(limited=[seconds, memory_bytes, is_participants, resident])

    def ended(self) -> None:
        """The job is done and answered."""
        self._tell(ended=True)

    def _tell(self, **event: Any) -> None:
        line = json.dumps(event).encode() + b"\n"
        while line:
            line = line[os.write(self.descriptor, line) :]


@dataclass
class Allowance:
    """What the job in hand may still take."""

    seconds: float = START_SECONDS
    memory_bytes: int = 0
    is_participants: bool = False
    resident_bytes: int = 0
    """Memory of the grader before."""
    began: float = field(default_factory=time.monotonic)


@dataclass
class Watched:
    """The supervisor's end: what the grader last said."""

    name: str = ""
    task: Task | None = None
    allowance: Allowance = field(default_factory=Allowance)
    _rest: bytes = b""

    def feed(self, data: bytes) -> None:
        """Take in what came through the pipe, whole lines or parts."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        if "born" in event:
            self.name = event["born"]
        elif "started" in event:
            self.task, self.allowance = Task(**event["started"]), Allowance()
        elif "limited" in event:
            self.allowance = Allowance(*event["limited"])
        elif "ended" in event:
            self.task = None
