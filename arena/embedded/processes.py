"""Starting a server process, waiting until it is ready, and stopping it: what PostgreSQL and Redis have in common."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 15.0
LONGEST_SOCKET_PATH = 100
"""A little below the 104 (macOS) and 108 (Linux) bytes that the system has for one."""
PRIVATE = 0o700


class ServerFailed(Exception):
    """A server did not start; the message has the last lines of its log."""


@dataclass
class Server:
    """A running server."""

    url: str
    """Where clients connect."""
    pid: int
    process: subprocess.Popen[bytes] | None
    """None: borrowed from the process that started it."""
    stop_signal: signal.Signals
    socket_dir: Path | None = None
    """A short folder made for the socket because the data's own path is too long for one."""

    @property
    def is_borrowed(self) -> bool:
        """Another process started it, and will stop it."""
        return self.process is None

    @property
    def is_running(self) -> bool:
        """Whether it lives; of a borrowed one this is not known, and assumed."""
        return self.process is None or self.process.poll() is None

    def stop(self) -> None:
        """Stop the server and wait for its end; nothing happens when it is borrowed or stopped already."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.socket_dir is not None:
            shutil.rmtree(self.socket_dir, ignore_errors=True)


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What a child runs first so that it gets signal `number` when its parent dies (Linux; None elsewhere).

    The system counts the thread that started the child as its parent, hence only in the main thread.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl, name = ctypes.CDLL(None).prctl, 1  # PR_SET_PDEATHSIG
    return lambda: prctl(name, int(number)) and None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One starter at a time, across processes; the system gives the lock back however they end."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def launch(
    command: list[str],
    folder: Path,
    stop_signal: signal.Signals,
    account: pwd.struct_passwd | None,
    is_ready: Callable[[], bool],
) -> subprocess.Popen[bytes]:
    """Start a server and wait until it is ready.

    Raises:
        ServerFailed: It ended, or was not ready in time.
    """
    log = folder / "log"
    if log.exists():
        log.replace(folder / "log.1")
    deadline = time.monotonic() + START_SECONDS
    while True:
        process = spawn(command, folder, stop_signal, account)
        while process.poll() is None and not is_ready() and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.poll() is None and is_ready():
            return process
        process.kill()
        process.wait()
        said = log.read_text(errors="replace")[-2000:]
        # The children of a killed server need a moment to notice, and hold its shared memory until then.
        if "pre-existing shared memory block" not in said or time.monotonic() > deadline:
            raise ServerFailed(f"{Path(command[0]).name} did not start. Its log, {log}, ends:\n{said}")
        time.sleep(0.2)


def spawn(
    command: list[str], folder: Path, stop_signal: signal.Signals, account: pwd.struct_passwd | None
) -> subprocess.Popen[bytes]:
    """Start a program whose words go to the log in `folder`, as `account` or as ourselves."""
    with (folder / "log").open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own binaries
            command,
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},  # none of our secrets
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal is for whoever started the server
            preexec_fn=die_with_parent(stop_signal),  # noqa: PLW1509 - one system call, nothing to lock
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=[] if account else None,
        )


def socket_folder(folder: Path, name: str, account: pwd.struct_passwd | None) -> Path:
    """`folder` itself, or a private short one when a socket in it had too long a path."""
    if len(os.fsencode(folder / name)) <= LONGEST_SOCKET_PATH:
        return folder
    owner = account.pw_uid if account else os.geteuid()
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path("/tmp") / f"arena-{owner}-{mark}"  # noqa: S108 - owner and mode are checked below
    with suppress(FileExistsError):
        short.mkdir(mode=PRIVATE)
        os.chown(short, owner, -1)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != PRIVATE:
        raise ServerFailed(f"{short} is not a private folder of ours. Remove it, or choose a shorter data folder.")
    return short
