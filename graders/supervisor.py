"""Keeps one grader running, and answers for it when it cannot: it died, or its job took more than it may.

The supervisor imports nothing that grades. It is told through a pipe which job is in hand, so that no job is lost with
the process that did it: the participant, or the operator, hears of it at once.

    SIGTERM ─▶ the grader finishes its job; after stop_seconds, or a second SIGTERM, the job goes back to the queue
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from redis import Redis
from redis.exceptions import RedisError

from challenges.errors import InvalidMessage, Reason
from challenges.messages import GradeJob, PrepareJob, PrepareReport, Verdict, failure_of, parse_job
from graders.limits import read_resident
from graders.queues import send_answer
from graders.tasks import bury, hand_back, reject
from graders.watching import Watched

LOOK_SECONDS = 0.05
"""Between two looks at the memory of a grader that works."""
KILL_SECONDS = 2.0
"""What a job may take beyond its limit: a grader that can still stop it by itself does so."""
LONGEST_PAUSE = 30.0
STABLE_SECONDS = 60.0
"""A grader that lived so long has recovered: its next end is a first one."""

log = structlog.get_logger(__name__)


@dataclass
class Grader:
    """One grader process and what is known of it."""

    process: subprocess.Popen[bytes]
    pipe: int
    folder: Path
    """Where it keeps temporary files; goes with it, however it ends."""
    watched: Watched = field(default_factory=Watched)
    began: float = field(default_factory=time.monotonic)
    is_handed_back: bool = False
    reason: Reason | None = None
    """Why it was killed, for the participant."""
    trace: str = ""
    """Why it was killed, for the operator."""

    def read(self) -> bool:
        """Take in all it said; False when it has nothing more to say, ever."""
        with suppress(BlockingIOError):
            while data := os.read(self.pipe, 1 << 16):
                self.watched.feed(data)
            return False
        return True

    def check(self) -> None:
        """Kill it when its job has taken more time or memory than allowed."""
        allowance = self.watched.allowance
        if self.watched.task is None or self.trace:
            return
        if time.monotonic() - allowance.began > allowance.seconds + KILL_SECONDS:
            self._end(Reason.TIMED_OUT, f"the job took more than {allowance.seconds:g} s, and did not stop")
        elif allowance.memory_bytes:
            resident = read_resident(self.process.pid) or 0
            if resident - allowance.resident_bytes > allowance.memory_bytes:
                self._end(Reason.OUT_OF_MEMORY, f"the job needed more than {allowance.memory_bytes} bytes of memory")

    def kill(self) -> None:
        """End it at once, and whatever it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def answer(self, job: GradeJob | PrepareJob) -> Verdict | PrepareReport:
        """What is said of its job in its place."""
        allowance = self.watched.allowance
        if isinstance(job, GradeJob) and self.reason is Reason.TIMED_OUT:
            return reject(job, self.reason, limit_seconds=allowance.seconds)
        if isinstance(job, GradeJob) and self.reason is Reason.OUT_OF_MEMORY:
            return reject(job, self.reason, limit_bytes=allowance.memory_bytes)
        return failure_of(job, f"grader died: {self.trace or describe_end(self.process.returncode)}")

    def _end(self, reason: Reason, trace: str) -> None:
        self.trace = trace
        self.reason = reason if self.watched.allowance.is_participants else None
        self.kill()


@dataclass
class Supervisor:
    """Runs a grader's command again and again until told to stop."""

    redis: Redis
    command: list[str]
    """Starts a grader; two words are added, the number of its pipe and its folder for temporary files."""
    stop_seconds: float
    """How long a job may still take after SIGTERM."""
    _wake: int = -1
    """Readable when a signal came."""
    _signals: int = 0
    _failures: int = 0
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self) -> None:
        """Keep a grader running until SIGTERM or SIGINT. Call it in the main thread."""
        with _signals_to_pipe(self._count) as self._wake:
            self._selector.register(self._wake, selectors.EVENT_READ)
            while not self._signals:
                grader = self._start()
                self._watch(grader)
                self._settle(grader)
                self._pause(grader)
        self._selector.close()

    def _count(self) -> None:
        self._signals += 1

    def _start(self) -> Grader:
        read, write = os.pipe()
        os.set_blocking(read, False)
        folder = Path(tempfile.mkdtemp(prefix="arena-grader-"))
        command = [*self.command, str(write), str(folder)]
        process = subprocess.Popen(command, pass_fds=[write], process_group=0)  # noqa: S603 - our own program
        os.close(write)
        self._selector.register(read, selectors.EVENT_READ)
        return Grader(process, read, folder)

    def _watch(self, grader: Grader) -> None:
        """Follow a grader to its end, and see that it ends in time when asked to."""
        stop_at = float("inf")
        while grader.process.poll() is None:
            if self._signals and stop_at == float("inf"):
                stop_at = time.monotonic() + self.stop_seconds
                grader.process.terminate()
            if time.monotonic() > stop_at or self._signals > 1:
                grader.is_handed_back = True
                grader.kill()
            self._wait(LOOK_SECONDS if self._signals or grader.watched.task else None)
            if not grader.read():
                break
            grader.check()
        grader.kill()
        grader.process.wait()
        grader.read()
        self._selector.unregister(grader.pipe)
        os.close(grader.pipe)
        shutil.rmtree(grader.folder, ignore_errors=True)

    def _settle(self, grader: Grader) -> None:
        """Answer the job that a grader left behind, or give it back."""
        watched, code = grader.watched, grader.process.returncode
        if code == 0 and watched.task is None:
            return
        log.warning("a grader ended", how=describe_end(code), job=watched.task and watched.task.job_id)
        try:
            if watched.task is not None and grader.is_handed_back:
                hand_back(self.redis, watched.name, watched.task)
                return
            if watched.task is not None:
                send_answer(self.redis, grader.answer(parse_job(watched.task.function, watched.task.text)))
            bury(self.redis, watched.name, watched.task)
        except (RedisError, InvalidMessage) as error:  # the sweep finds the job
            log.warning("a dead grader's job is not settled", error=repr(error))

    def _pause(self, grader: Grader) -> None:
        """Wait before the next start: not at all after a first failure, longer after each that follows.

        One that was killed for what a participant sent has not failed, or a few files would make all others wait.
        """
        is_sound = grader.process.returncode == 0 or grader.reason is not None
        is_stable = is_sound or time.monotonic() - grader.began > STABLE_SECONDS
        self._failures = 0 if is_stable else self._failures + 1
        seconds = min(0.5 * 2 ** (self._failures - 2), LONGEST_PAUSE) if self._failures > 1 else 0.0
        until = time.monotonic() + seconds
        while not self._signals and (left := until - time.monotonic()) > 0:
            self._wait(left)

    def _wait(self, seconds: float | None) -> None:
        """Wait until a grader speaks or ends, a signal comes, or the time is over."""
        self._selector.select(seconds)
        with suppress(BlockingIOError):
            os.read(self._wake, 1024)


def describe_end(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"exit code {code}"


@contextmanager
def _signals_to_pipe(asked: Callable[[], None]) -> Iterator[int]:
    """A descriptor that every signal makes readable, so that none comes between looking and waiting.

    Args:
        asked: Called for each SIGTERM and SIGINT.
    """
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    handlers = {number: lambda _number, _frame: asked() for number in (signal.SIGTERM, signal.SIGINT)}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, earlier in before.items():
            signal.signal(number, earlier)
        os.close(read)
        os.close(write)
