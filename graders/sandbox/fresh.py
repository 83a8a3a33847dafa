"""A new process for every run: slow to start and independent of everything. The fork server falls back on it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graders.limits import uninterrupted
from graders.sandbox.bubblewrap import find_bubblewrap, wrap
from graders.sandbox.devices import find_devices
from graders.sandbox.started import ENVIRONMENT, PYTHON, Pipes, pipes_for
from graders.sandbox.watch import Child, Ended, follow

if TYPE_CHECKING:
    from graders.sandbox import Outcome, Run

GUEST = "graders.sandbox.guest"
FOLDER_MODE, FILE_MODE = 0o750, 0o640


class NoBubblewrap(Exception):
    """bubblewrap was asked for and is not installed."""


@dataclass(frozen=True)
class Fresh:
    """Runs each guest in a process of its own."""

    uid: int = 0
    """As which user, where this process is root's; 0: as its own user, without any capability."""
    bubblewrap: bool = False
    """With bubblewrap around it."""
    landlock_abi: int = 99
    """The newest version of Landlock to use; 0: none."""
    own_proc: bool = True
    """For bubblewrap: with a /proc of its own, which a container may forbid."""

    def run(self, run: Run) -> Outcome:
        """Run a guest to its end, whatever it does."""
        with uninterrupted():
            return self._run(run)

    def _run(self, run: Run) -> Outcome:
        # in bubblewrap it is that user already, and sees no parent
        uid, parent = (0, 0) if self.bubblewrap else (self.uid, os.getpid())
        lend(run.folder, self.uid)
        with pipes_for(run, lock_of(run, uid, parent, self.landlock_abi)) as pipes:
            process = self._start(run, pipes)
        pipes.close_theirs()
        pidfd = os.pidfd_open(process.pid)

        def reap() -> Ended:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            # its ru_maxrss begins with the size of this very process: what was seen of it tells more
            return Ended(process.returncode, used.ru_utime + used.ru_stime, 0)

        ours = pipes.stdout, pipes.stderr, pipes.result, pipes.inputs
        return follow(Child(process.pid, pidfd, *ours, reap, is_wrapped=self.bubblewrap), run)

    def close(self) -> None:
        """Nothing was started for longer than a run."""

    def _start(self, run: Run, pipes: Pipes) -> subprocess.Popen[bytes]:
        stdout, stderr, *guests = pipes.theirs
        given = [*guests, *run.files]
        command = [*PYTHON, GUEST, *map(str, given)]
        user: dict[str, object] = {}
        if self.bubblewrap:
            program = find_bubblewrap()
            if program is None:
                raise NoBubblewrap
            command = wrap(command, program, own_proc=self.own_proc, folder=run.folder)
            # bubblewrap's own "nobody" would still be root outside
            user = {"user": self.uid, "group": self.uid, "extra_groups": []} if self.uid else {}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=given,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            **user,
        )


def lock_of(run: Run, uid: int, parent: int, landlock_abi: int) -> dict[str, object]:
    """Fields of the lock that a guest closes.

    Args:
        run: Says what it may take.
        uid: The user to become, or 0.
        parent: Process that the guest must not outlive; 0 where processes are not seen.
        landlock_abi: The newest version to use.
    """
    bounds = run.bounds
    return {
        "profile": run.profile.value,
        "cpu_seconds": bounds.cpu_seconds,
        "memory_bytes": bounds.memory_bytes,
        "threads": bounds.threads,
        "uid": uid,
        "parent": parent,
        "landlock_abi": landlock_abi,
        "devices": find_devices(run.device),
        "readable": [run.folder] if run.folder else [],
    }


def lend(folder: str, uid: int) -> None:
    """Let a user of the pool read a folder that only its owner may read, and all that lies in it.

    Args:
        folder: Its path; empty: none.
        uid: The user, whose group has the same number; 0: guests have the owner's own user.
    """
    if not folder or not uid:
        return
    for path in (Path(folder), *Path(folder).rglob("*")):
        os.chown(path, -1, uid, follow_symlinks=False)
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
