"""The fork server as the grader sees it: a run starts in milliseconds, since libraries are loaded already.

A server is started for each flavour when it is first asked for, from a clean environment, never by a fork of the
grader. One that dies, or does not answer, is replaced, and the run it had is made in a fresh process.
"""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from graders.limits import uninterrupted
from graders.sandbox import End
from graders.sandbox.fresh import Fresh, lend, lock_of
from graders.sandbox.started import ENVIRONMENT, PYTHON, pipes_for
from graders.sandbox.watch import Child, Ended, follow

if TYPE_CHECKING:
    from graders.sandbox import Outcome, Run

ZYGOTE = "graders.sandbox.zygote"
START_SECONDS = 60.0
"""What loading the libraries may take."""
ANSWER_SECONDS = 10.0
"""What a fork may take, and telling of an end that has been seen."""
MOST_RUNS = 500
"""A server is replaced after so many: its children share what address layout it got."""
_MESSAGE_BYTES = 4096

log = structlog.get_logger(__name__)


class ServerGone(Exception):
    """A fork server ended, or does not answer."""


@dataclass(eq=False)
class Server:
    """One fork server's process."""

    flavour: str
    process: subprocess.Popen[bytes]
    control: socket.socket
    runs: int = 0
    is_busy: bool = False
    """Answers are to come that belong to a run."""
    is_lost: bool = False
    """It ended in the middle of a run, which tells nothing of what was run."""

    @classmethod
    def start(cls, flavour: str) -> Server:
        """Start one and wait until its libraries are loaded.

        Raises:
            ServerGone: It did not get there.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [*PYTHON, ZYGOTE, flavour],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        server = cls(flavour, process, ours)
        try:
            server.hear(START_SECONDS)
        except ServerGone:
            server.stop()
            raise
        return server

    def ask(self, descriptors: list[int]) -> tuple[int, int]:
        """Fork a child that gets these descriptors; its pid and a pidfd.

        Raises:
            ServerGone: There is no child.
        """
        self.is_busy = True
        try:
            socket.send_fds(self.control, [b"run"], descriptors)
        except OSError as error:
            raise ServerGone from error
        facts, received = self.hear(ANSWER_SECONDS)
        self.runs += 1
        return int(facts["pid"]), received[0]

    def hear(self, seconds: float) -> tuple[dict[str, float], list[int]]:
        """The next message and its descriptors.

        Raises:
            ServerGone: None comes in time.
        """
        if not select.select([self.control], [], [], seconds)[0]:
            raise ServerGone(f"the {self.flavour} server does not answer")
        try:
            text, received, _, _ = socket.recv_fds(self.control, _MESSAGE_BYTES, 1)
        except OSError as error:
            raise ServerGone from error
        if not text:
            raise ServerGone(f"the {self.flavour} server has ended")
        return json.loads(text), received

    def stop(self) -> None:
        """End it, and the child it may have: that ends with its parent."""
        self.control.close()
        self.process.kill()
        self.process.wait()


@dataclass(eq=False)
class ForkServer:
    """Runs guests in children of fork servers."""

    uid: int = 0
    """As which user, where this process is root's; 0: as its own user, without any capability."""
    landlock_abi: int = 99
    """The newest version of Landlock to use; 0: none."""
    _servers: dict[str, Server] = field(default_factory=dict)

    def run(self, run: Run) -> Outcome:
        """Run a guest to its end, whatever it does."""
        try:
            with uninterrupted():
                return self._run(run)
        finally:
            server = self._servers.get(run.flavour)
            if server is not None and server.is_busy:  # the next run would read this one's answers
                self._drop(run.flavour)

    def _run(self, run: Run) -> Outcome:
        try:
            server, child = self._fork(run)
            outcome = follow(child, run)
            if not (server.is_lost and outcome.end is End.CRASHED):
                return outcome
            error = ServerGone("it ended in the middle of a run")
        except ServerGone as gone:
            error = gone
        else:
            if run.turns > 1 or run.stop >= 0:  # half a conversation cannot be held again: the job is, as a whole
                raise error
        log.warning("no fork server; a fresh process is used", flavour=run.flavour, error=str(error))
        self._drop(run.flavour)
        return Fresh(self.uid, landlock_abi=self.landlock_abi).run(run)

    def close(self) -> None:
        """End all fork servers."""
        for flavour in list(self._servers):
            self._drop(flavour)

    def warm(self, flavour: str) -> None:
        """Start the server of a flavour before it is needed.

        Raises:
            ServerGone: It does not start.
        """
        self._server(flavour)

    def _server(self, flavour: str) -> Server:
        server = self._servers.get(flavour)
        if server is not None and (server.runs >= MOST_RUNS or server.process.poll() is not None):
            self._drop(flavour)
            server = None
        if server is None:
            began = time.monotonic()
            server = self._servers[flavour] = Server.start(flavour)
            log.info("a fork server is ready", flavour=flavour, seconds=round(time.monotonic() - began, 2))
        return server

    def _fork(self, run: Run) -> tuple[Server, Child]:
        server = self._server(run.flavour)
        lend(run.folder, self.uid)
        with pipes_for(run, lock_of(run, self.uid, server.process.pid, self.landlock_abi)) as pipes:
            pid, pidfd = server.ask([*pipes.theirs, *run.files])
        pipes.close_theirs()

        def reap() -> Ended:
            try:
                facts, _ = server.hear(ANSWER_SECONDS)
            except ServerGone:  # it was killed, and the child with it
                server.is_lost = True
                return Ended(-signal.SIGKILL, 0.0, 0)
            server.is_busy = False
            return Ended(int(facts["exit_code"]), facts["cpu_seconds"], int(facts["peak_bytes"]))

        return server, Child(pid, pidfd, pipes.stdout, pipes.stderr, pipes.result, pipes.inputs, reap)

    def _drop(self, flavour: str) -> None:
        server = self._servers.pop(flavour, None)
        if server is not None:
            with suppress(OSError):
                server.stop()
