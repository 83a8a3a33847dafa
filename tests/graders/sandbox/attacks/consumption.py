"""Attacks that take too much: memory, time, output. Each stops by itself at a bound that the machine survives."""

from __future__ import annotations

import mmap
import os
import signal
import sys
import time
from contextlib import suppress

from tests.graders.sandbox.attacks.telling import World, attempt, system, tell, write_to

MEGABYTE = 1 << 20
MOST_BYTES = 576 * MEGABYTE
"""Of memory, and more than the suite allows a run."""
MOST_TEXT = 8 * MEGABYTE


def bomb_memory(_: World) -> None:
    """17: memory that is really used."""

    def fill() -> str:
        kept = [bytearray(b"x") * (16 * MEGABYTE) for _ in range(MOST_BYTES // (16 * MEGABYTE))]
        return f"{len(kept) * 16} MB"

    attempt("memory", fill)


def bomb_shared_memory(_: World) -> None:
    """18: memory that no limit of private data counts."""

    def fill() -> str:
        area = mmap.mmap(-1, MOST_BYTES, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
        for start in range(0, MOST_BYTES, 4096):
            area[start] = 1
        return f"{MOST_BYTES // MEGABYTE} MB"

    attempt("shared memory", fill)


def bomb_memory_file(_: World) -> None:
    """19: a file that lies in memory."""

    def fill(descriptor: int) -> str:
        for _ in range(64):
            os.write(descriptor, bytes(MEGABYTE))
        return "64 MB"

    attempt("memory file", lambda: fill(os.memfd_create("x")))
    attempt("secret memory", system, "memfd_secret", 0)


def fill_shared_places(world: World) -> None:
    """20: what outlives a process: /dev/shm, and the segments, queues and semaphores of System V."""
    attempt("/dev/shm", write_to, f"/dev/shm/{world['cookie']}", bytes(MEGABYTE))  # noqa: S108
    attempt("segment", system, "shmget", world["key"], 4096, 0o1666)
    attempt("semaphores", system, "semget", world["key"], 1, 0o1666)
    attempt("queue", system, "msgget", world["key"], 0o1666)
    attempt("posix queue", system, "mq_open", f"/{world['cookie']}".encode(), os.O_CREAT | os.O_RDWR, 0o666, 0)


def loop(_: World) -> None:
    """21: compute for ever."""
    while True:
        pass


def sleep(_: World) -> None:
    """22: wait for ever."""
    time.sleep(1000)


def ignore_signals(_: World) -> None:
    """23: do not listen to anybody who asks for an end."""
    for number in range(1, signal.NSIG):
        with suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    while True:
        with suppress(BaseException):
            time.sleep(1000)


def flood_stdout(_: World) -> None:
    """25: much text."""
    for _number in range(MOST_TEXT // 65_536):
        os.write(1, b"x" * 65_535 + b"\n")
    tell("PWNED", "wrote it all")


def flood_result(world: World) -> None:
    """26: a large result."""
    import numpy as np  # noqa: PLC0415 - the same

    from graders.sandbox.frames import write_frame  # noqa: PLC0415 - what every guest can import

    write_frame(world["result"], {}, {"much": np.zeros(MOST_TEXT, np.uint8)})
    tell("PWNED", "sent it all")


def flood_result_blindly(world: World) -> None:
    """26: a result that never ends, after a beginning that promises little."""
    os.write(world["result"], b"ARN1" + (25).to_bytes(4, "little") + b'{"note":{}, "arrays":[]} ')
    for _number in range(MOST_TEXT // 65_536):
        os.write(world["result"], bytes(65_536))
    tell("PWNED", "sent it all")


def recurse(_: World) -> None:
    """45: call oneself until memory ends."""
    sys.setrecursionlimit(1 << 30)

    def deeper(kept: object) -> object:
        return deeper((kept, bytearray(4096)))

    deeper(None)
