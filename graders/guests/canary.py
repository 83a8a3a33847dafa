"""Tries, in the sandbox, what nothing in there may do, and tells what succeeded: a grader runs it before it listens.

Each attempt answers `ok` when it was refused, else what it could do. Whatever breaks on the way is no `ok` either.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import graders.sandbox.frames  # noqa: F401 - for `send`, while libraries can be read
from graders.sandbox import FIRST_FILE_FD, INPUT_FD, RESULT_FD, Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from graders.sandbox.guest import Guest

OK = "ok"
ATTEMPTS = ("redis", "route", "sockets", "fork", "signals", "descriptors", "write", "exec")
"""All but those on paths, which are named in the settings."""
_FAMILIES = 46
_DESCRIPTORS = 1024
_NOWHERE = ("192.0.2.1", 9)
"""An address for documentation: a datagram socket that can be bound to it found a route."""
_CONNECT_SECONDS = 0.5


def settings_of(paths: dict[str, list[str]], redis: str | list[Any], folder: str, pid: int) -> dict[str, Any]:
    """What the guest is told.

    Args:
        paths: By name of the attempt, files and folders that must not open.
        redis: Path of its socket, or host and port; empty where there is none to try.
        folder: A folder that anybody may write to.
        pid: The grader's.
    """
    return {"paths": paths, "redis": redis, "folder": folder, "pid": pid}


def main(guest: Guest) -> None:
    """Make all attempts; `exec` last, since it would end this program."""
    if guest.profile is Profile.COMPUTE:
        guest.seal()
    told = guest.settings
    attempts: dict[str, Callable[[], str]] = {
        "redis": lambda: _reach(told["redis"]),
        "route": _find_route,
        "sockets": _make_sockets,
        "fork": _fork,
        "signals": lambda: _signal(told["pid"]),
        "descriptors": lambda: _find_descriptors(len(guest.files)),
        "write": lambda: _write(told["folder"]),
    }
    said = {name: _attempt(partial(_open, paths)) for name, paths in told["paths"].items()}
    said |= {name: _attempt(action) for name, action in attempts.items()}
    guest.send(said)
    guest.send({"exec": _attempt(_execute)})


def _attempt(action: Callable[[], str]) -> str:
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - an attempt that breaks proves nothing
        return f"could not be tried: {type(error).__name__}: {error}"[:200]


def _open(paths: list[str]) -> str:
    for path in paths:
        with suppress(OSError):
            os.close(os.open(path, os.O_RDONLY))
            return f"{path} opens"
    return OK


def _reach(address: str | list[Any]) -> str:
    if not address:
        return OK
    if isinstance(address, list):
        with suppress(OSError), socket.create_connection((address[0], address[1]), _CONNECT_SECONDS):
            return f"{address[0]}:{address[1]} answers"
        return OK
    with suppress(OSError), socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_CONNECT_SECONDS)
        link.connect(address)
        return f"{address} answers"
    return OK


def _find_route() -> str:
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect(_NOWHERE)  # nothing is sent
        return "there is a way to the network"
    return OK


def _make_sockets() -> str:
    made = []
    for family in range(_FAMILIES):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
            with suppress(OSError), socket.socket(family, kind):
                made.append(family)
    with suppress(OSError):
        for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM):
            end.close()
        made.append(socket.AF_UNIX)
    return f"sockets of families {sorted(set(made))}" if made else OK


def _fork() -> str:
    try:
        pid = os.fork()
    except OSError:
        return OK
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "a child process"


def _signal(pid: int) -> str:
    for target in {pid, os.getppid()} - {0}:
        with suppress(OSError):
            os.kill(target, 0)
            return f"process {target} can be signalled"
    return OK


def _find_descriptors(files: int) -> str:
    known = {0, 1, 2, RESULT_FD, INPUT_FD, *range(FIRST_FILE_FD, FIRST_FILE_FD + files)}
    found = []
    for descriptor in range(_DESCRIPTORS):
        with suppress(OSError):
            os.fstat(descriptor)
            found.append(descriptor)
    extra = sorted(set(found) - known)
    return f"descriptors {extra} are open" if extra else OK


def _write(folder: str) -> str:
    path = f"{folder}/{os.getpid()}"
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        return f"{path} was made"
    return OK


def _execute() -> str:
    try:
        os.execv(sys.executable, [sys.executable, "-I", "-c", ""])  # noqa: S606 - to be refused
    except OSError:
        return OK
