"""Attacks by what is there already, or stays: descriptors, terminals, ends that confuse, traces for the next run."""

from __future__ import annotations

import builtins
import ctypes
import fcntl
import json
import os
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.graders.sandbox.attacks.telling import World, attempt, read_from, system, tell, write_to


def read_own_environment(world: World) -> None:
    """05: what a grader's environment would give away."""
    for name, value in os.environ.items():
        if "SUITE" in name or "ARENA" in name:
            tell("PWNED", f"environment: {name}", value)
    attempt("/proc/self/environ", read_from, "/proc/self/environ", 100_000)
    words = [word for word in sys.orig_argv if world["folder"] in word or world["cookie"] in word]
    tell("PWNED" if words else "BLOCKED", "command line", words)


def use_inherited(world: World) -> None:
    """37: what was left open by whoever started this."""
    known = {0, 1, 2, *world["own_descriptors"]}
    found = []
    for descriptor in range(1024):
        with suppress(OSError):
            os.fstat(descriptor)
            found.append(descriptor)
    for descriptor in sorted(set(found) - known):
        text = b""
        with suppress(OSError):
            text = os.pread(descriptor, 200, 0)
        tell("PWNED", f"descriptor {descriptor}", text)
    tell("BLOCKED", "open descriptors", found)


def write_terminals(world: World) -> None:
    """38: the terminal of whoever started the server."""
    for path in (world["terminal"], "/dev/tty", "/dev/console", "/dev/tty0", "/dev/ptmx"):
        attempt(f"write to {path}", _write_terminal, path, world["cookie"])
    attempt("push a key", fcntl.ioctl, 0, 0x5412, b"x")


def _write_terminal(path: str, cookie: str) -> int:
    terminal = os.open(path, os.O_WRONLY | os.O_NOCTTY)
    return os.write(terminal, cookie.encode()) if path.startswith("/dev/pts") else terminal


def abort(_: World) -> None:
    """45: end by a signal that leaves the memory on the disk."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    tell("PWNED" if any(limits) else "BLOCKED", "core", limits)
    os.abort()


def crash(_: World) -> None:
    """45: read where nothing is."""
    tell("BLOCKED", "reading address 0 next")
    ctypes.string_at(8)


def exit_early(_: World) -> None:
    """45: end as if all went well, without an answer."""
    tell("BLOCKED", "no answer follows")
    os._exit(0)


def raise_much(_: World) -> None:
    """45: an error whose text is large."""
    tell("BLOCKED", "a large error follows")
    raise ValueError("y" * (8 << 20))


class Evil(Exception):
    """An error that never says what it is."""

    def __str__(self) -> str:
        time.sleep(1000)
        return "at last"


def raise_evil(_: World) -> None:
    """45: an error that never says what it is."""
    tell("BLOCKED", "an endless error follows")
    raise Evil


def use_thread(world: World) -> None:
    """47: what a thread may do that another may not."""
    tasks = list(Path("/proc/self/task").iterdir())
    tell("PWNED" if len(tasks) != 1 else "BLOCKED", "threads from before the lock", len(tasks))
    told: list[BaseException | bytes] = []

    def look() -> None:
        try:
            told.append(read_from(world["secret"]))
        except OSError as error:
            told.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    tell("PWNED" if isinstance(told[0], bytes) else "BLOCKED", "read in a thread", told[0])


HEADERS = {
    "nest": b'{"note": {"a": ' + b"[" * 30_000 + b"]" * 30_000 + b'}, "arrays": []}',
    "objects": b'{"note": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b', "arrays": []}',
    "digits": b'{"note": {"a": ' + b"9" * 60_000 + b'}, "arrays": []}',
    "nan": b'{"note": {"a": NaN}, "arrays": []}',
    "list": b'{"note": [], "arrays": []}',
    "shape": json.dumps({"note": {}, "arrays": [["a", "f8", [1 << 39, 1 << 39]]]}).encode(),
    "negative": json.dumps({"note": {}, "arrays": [["a", "f8", [-1]]]}).encode(),
    "object": json.dumps({"note": {}, "arrays": [["a", "O", [1]]]}).encode(),
    "twins": json.dumps({"note": {}, "arrays": [["a", "u1", [0]], ["a", "u1", [0]]]}).encode(),
    "many": json.dumps({"note": {}, "arrays": [[str(n), "u1", [0]] for n in range(3000)]}).encode(),
    "latin": b'{"note": {"a": "\xff"}, "arrays": []}',
}
"""Beginnings of frames that no guest of ours writes."""


def send_odd_header(world: World) -> None:
    """48: make the one who reads the answer work, or stumble."""
    header = HEADERS[world["variant"]]
    tell("BLOCKED", "an odd frame follows")
    os.write(world["result"], b"ARN1" + len(header).to_bytes(4, "little") + header)
    time.sleep(1000)


def leave_traces(world: World) -> None:
    """49: leave something for the next run to find."""
    for folder in world["places"]:
        attempt(f"file in {folder}", write_to, f"{folder}/{world['cookie']}")
    attempt("segment", system, "shmget", world["key"], 4096, 0o1666)
    attempt("key", system, "add_key", b"user", world["cookie"].encode(), b"pwned", 5, -4)
    with open(os.__file__, "rb") as library:  # noqa: PTH123 - a file that all guests read
        attempt("lock on a library", fcntl.flock, library, fcntl.LOCK_SH)
        attempt("another lock", fcntl.lockf, library, fcntl.LOCK_SH)
        # which parts of a file are in memory: a run that empties some and another that asks have a letter box
        attempt("forgetting a library", os.posix_fadvise, library.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        attempt("asking what is in memory", os.preadv, library.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        attempt("lease", fcntl.fcntl, library, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        now = Path(os.__file__).stat()
        attempt("times of a library", lambda: os.utime(os.__file__, ns=(now.st_atime_ns, now.st_mtime_ns)))
    os.environ["SUITE_TRACE"] = "1"
    builtins.SUITE_TRACE = 1  # type: ignore[attr-defined]
    json.SUITE_TRACE = 1  # type: ignore[attr-defined]
    os.umask(0o123)


def find_traces(world: World) -> None:
    """49: what an earlier run has left."""
    for folder in world["places"]:
        attempt(f"find {folder}", read_from, f"{folder}/{world['cookie']}")
    attempt("segment", system, "shmget", world["key"], 0, 0)
    attempt("key", system, "request_key", b"user", world["cookie"].encode(), 0, -4)
    is_there = hasattr(builtins, "SUITE_TRACE") or hasattr(json, "SUITE_TRACE") or "SUITE_TRACE" in os.environ
    tell("PWNED" if is_there else "BLOCKED", "memory of the last run")
    tell("PWNED" if os.umask(0o22) == 0o123 else "BLOCKED", "mask of the last run")
