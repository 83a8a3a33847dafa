"""Watches one running guest from outside: takes in what it writes, streams inputs to it, and ends it at its bounds.

Everything that decides is measured here: time, memory, threads, bytes. What the guest says of itself decides nothing.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from graders.limits import check_time
from graders.sandbox import Bounds, End, Outcome, Run
from graders.sandbox.cgroups import limited
from graders.sandbox.frames import MOST_FRAMES, BrokenFrame, FrameReader
from graders.sandbox.guest import LOCK_FAILED, MEMORY_FAILED
from graders.sandbox.processes import descendants, read_use

LOOK_SECONDS = 0.02
"""Between two looks at memory and threads."""
FLOOD = 16
"""A guest that writes so many times the text that is kept is ended."""
_PIECE_BYTES = 1 << 20
_SHELL_SIGNAL = 128
"""A program that stands between tells a signal as this and its number."""


class Ended(NamedTuple):
    """How the system says a process ended."""

    exit_code: int
    """Negative: the signal."""
    cpu_seconds: float
    peak_bytes: int


@dataclass
class Child:
    """A started guest: its process, and our ends of its pipes, which are closed at the end."""

    pid: int
    pidfd: int
    stdout: int
    stderr: int
    result: int
    inputs: int
    reap: Callable[[], Ended]
    """Waits for the end of the process, which has been told or seen before."""
    is_wrapped: bool = False
    """The guest is a descendant: another program stands between."""


@dataclass
class Watch:
    """One run as it goes on."""

    child: Child
    run: Run
    began: float = field(default_factory=time.monotonic)
    _texts: dict[int, bytearray] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)
    _waiting: list[memoryview] = field(default_factory=list)
    _end: End | None = None
    _peak: int = 0
    _used: float = 0.0
    _turns: int = 0
    _is_writing: bool = False
    _poll: select.epoll = field(default_factory=select.epoll)

    def __post_init__(self) -> None:
        """Frames are taken as far as the bounds go."""
        self._frames = FrameReader(self.run.bounds.result_bytes, max(MOST_FRAMES, self.run.turns + 1))

    def follow(self) -> Outcome:
        """Watch to the end, whatever the guest does; ours are closed and the process is gone afterwards."""
        child = self.child
        try:
            self._listen()
            self._watch()
            for descriptor in list(self._open):
                self._drain(descriptor)
            ended = child.reap()
        except BaseException:
            self._kill()
            child.reap()
            raise
        finally:
            self._close_inputs()
            for descriptor in (child.stdout, child.stderr, child.result, child.pidfd):
                os.close(descriptor)
            self._poll.close()
        return self._conclude(ended)

    def _listen(self) -> None:
        child = self.child
        self._texts = {child.stdout: bytearray(), child.stderr: bytearray()}
        self._sizes = dict.fromkeys(self._texts, 0)
        for descriptor in (child.stdout, child.stderr, child.result):
            os.set_blocking(descriptor, False)
            self._poll.register(descriptor, select.EPOLLIN)
            self._open.add(descriptor)
        os.set_blocking(child.inputs, False)
        self._poll.register(child.pidfd, select.EPOLLIN)
        if self.run.reply is None:
            self._close_inputs()
        if self.run.stop >= 0:
            self._poll.register(self.run.stop, select.EPOLLIN)

    def _watch(self) -> None:
        """Until the process is gone."""
        bounds = self.run.bounds
        looked = 0.0
        while True:
            check_time()
            now = time.monotonic()
            if now - self.began > bounds.wall_seconds:
                self._stop(End.WALL)
            if now - looked >= LOOK_SECONDS:
                self._look(bounds)
                looked = now
            for descriptor, _ in self._poll.poll(LOOK_SECONDS):
                if descriptor == self.child.pidfd:
                    return
                if descriptor == self.run.stop:
                    self._poll.unregister(descriptor)
                    self._stop(End.DONE)
                elif descriptor == self.child.inputs:
                    self._stream()
                elif descriptor in self._open:  # what was closed a moment ago may still be told of
                    # the parts of a frame come one behind the other: no need to be woken for each
                    while self._take(descriptor) and descriptor == self.child.result and not self._frames.is_between:
                        pass

    def _look(self, bounds: Bounds) -> None:
        """Measure memory, time and threads."""
        pids = [self.child.pid, *(descendants(self.child.pid) if self.child.is_wrapped else ())]
        seen = [read_use(pid) for pid in pids]
        resident = sum(use[0] for use in seen)
        self._peak = max(self._peak, resident)
        self._used = max(self._used, sum(use[2] for use in seen))
        if resident > bounds.memory_bytes:
            self._stop(End.MEMORY)
        elif sum(use[1] for use in seen) > bounds.threads + 2 * self.child.is_wrapped:
            self._stop(End.THREADS)
        elif sum(use[2] for use in seen) > bounds.cpu_seconds + 1:
            self._stop(End.CPU)

    def _take(self, descriptor: int) -> bool:
        """Take in one piece; False when there is none now."""
        try:
            if descriptor == self.child.result:
                count = os.readv(descriptor, [self._frames.room()])
            else:
                count = len(piece := os.read(descriptor, _PIECE_BYTES))
        except BlockingIOError:
            return False
        if not count:
            if descriptor in self._open:
                self._poll.unregister(descriptor)
                self._open.discard(descriptor)
            return False
        if descriptor == self.child.result:
            self._take_result(count)
            return True
        kept, bounds = self._texts[descriptor], self.run.bounds
        kept += piece[: max(0, bounds.output_bytes - len(kept))]
        self._sizes[descriptor] += count
        if self._sizes[descriptor] > FLOOD * bounds.output_bytes:
            self._stop(End.OUTPUT)
        return self._sizes[descriptor] <= 2 * FLOOD * bounds.output_bytes

    def _take_result(self, count: int) -> None:
        if self._end is not None:
            return
        try:
            self._frames.took(count)
        except BrokenFrame:
            self._stop(End.OUTPUT)
            return
        while self._frames.frames and self.run.reply is not None and self._turns < self.run.turns and not self._end:
            self._turns += 1
            answer = self.run.reply(self._frames.frames[0])
            if self.run.turns > 1:
                del self._frames.frames[0]
            if answer is None:
                self._stop(End.DONE)
                return
            self._waiting += [memoryview(part).cast("B") for part in answer]
            self._stream()

    def _stream(self) -> None:
        """Write as much of the inputs as the guest takes now; the poll tells when it takes more."""
        if self.child.inputs < 0:  # the guest has closed its end
            self._waiting.clear()
            return
        try:
            while self._waiting:
                count = os.write(self.child.inputs, self._waiting[0][:_PIECE_BYTES])
                self._waiting[0] = self._waiting[0][count:]
                if not self._waiting[0]:
                    del self._waiting[0]
        except BlockingIOError:
            if not self._is_writing:
                self._is_writing = True
                self._poll.register(self.child.inputs, select.EPOLLOUT)
            return
        except BrokenPipeError:
            self._close_inputs()
            return
        if self._turns >= self.run.turns:
            self._close_inputs()
        elif self._is_writing:
            self._is_writing = False
            self._poll.unregister(self.child.inputs)

    def _close_inputs(self) -> None:
        if self.child.inputs >= 0:
            os.close(self.child.inputs)  # which takes it out of the poll as well
            self.child.inputs = -1

    def _drain(self, descriptor: int) -> None:
        """What is left after the end, without waiting for anybody who still holds the other end."""
        while descriptor in self._open and self._take(descriptor):
            pass

    def _stop(self, end: End) -> None:
        if self._end is None:
            self._end = end
        self._kill()

    def _kill(self) -> None:
        if self.child.is_wrapped:
            for pid in reversed(descendants(self.child.pid)):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self.child.pidfd, signal.SIGKILL)

    def _conclude(self, ended: Ended) -> Outcome:
        if self.child.is_wrapped and ended.exit_code > _SHELL_SIGNAL:
            ended = ended._replace(exit_code=_SHELL_SIGNAL - ended.exit_code)
        # who stands between may not tell what a descendant used
        ended = ended._replace(cpu_seconds=max(ended.cpu_seconds, self._used))
        end = self._end or _judge(ended, self.run.bounds, is_locked=self._frames.is_locked)
        if end is End.DONE and self._end is None and not self._frames.is_between:
            end = End.CRASHED
        return Outcome(
            end=end,
            frames=self._frames.frames,
            stdout=bytes(self._texts[self.child.stdout]),
            stderr=bytes(self._texts[self.child.stderr]),
            exit_code=ended.exit_code,
            wall_seconds=time.monotonic() - self.began,
            cpu_seconds=ended.cpu_seconds,
            peak_bytes=max(self._peak, ended.peak_bytes),
        )


def follow(child: Child, run: Run) -> Outcome:
    """Watch a started guest to its end, in a control group of its own where the machine lends one."""
    with limited(child.pid, run.bounds) as group:
        outcome = Watch(child, run).follow()
        is_out_of_memory = group is not None and group.out_of_memory > 0
    return replace(outcome, end=End.MEMORY) if is_out_of_memory else outcome


def _judge(ended: Ended, bounds: Bounds, *, is_locked: bool) -> End:
    """How a run ended that nobody stopped."""
    if ended.exit_code == LOCK_FAILED and not is_locked:  # behind the lock a participant chooses the code
        return End.SANDBOX_ERROR
    if ended.exit_code == MEMORY_FAILED:
        return End.MEMORY
    is_cut = ended.exit_code in (-signal.SIGXCPU, -signal.SIGKILL) and ended.cpu_seconds >= bounds.cpu_seconds - 1
    if is_cut:
        return End.CPU
    return End.DONE if ended.exit_code == 0 else End.CRASHED
