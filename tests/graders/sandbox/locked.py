"""Runs a few lines of Python in a process that has locked itself in, and what they call there to tell what happened."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graders.sandbox.syscalls import ARCHITECTURES

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 60
BEFORE = f"""
import sys
sys.path.append({str(ROOT)!r})
import errno, os, resource, signal, socket, threading, time
import challenges, graders
from graders.sandbox import Profile, landlock, lock, seccomp
from tests.graders.sandbox.locked import call, opened, said, tell
"""
LIBC = ctypes.CDLL(None, use_errno=True)


def run_python(source: str, pass_fds: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run Python lines in a process of their own, as a guest is started."""
    return subprocess.run(
        [sys.executable, "-I", "-c", BEFORE + source],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        cwd="/",
        pass_fds=pass_fds,
    )


def run_told(source: str) -> dict[str, Any]:
    """Run Python lines and return everything that they told."""
    done = run_python(source)
    assert done.returncode == 0, done
    told: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        told.update(json.loads(line))
    return told


def run_locked(source: str, profile: str = "code", before: str = "", **fields: Any) -> dict[str, Any]:
    """Run Python lines behind the lock.

    Args:
        source: What is run in the locked process.
        profile: Its profile.
        before: What is run there before it is locked.
        fields: Further fields of the lock.

    Returns:
        What `tell` was called with.
    """
    wanted = {"cpu_seconds": 30, "memory_bytes": 4 << 30} | fields
    given = ", ".join(f"{name}={value!r}" for name, value in wanted.items())
    return run_told(f"{before}\nFACTS = lock.close(lock.Lock(Profile({str(profile)!r}), {given}))\n{source}")


def refusal(**fields: Any) -> str:
    """Why the lock cannot be closed; fails where it can."""
    source = "try:\n    lock.close(lock.Lock(Profile.CODE, 5, 1 << 30, **FIELDS))\n"
    source += "except lock.LockError as error:\n    tell(refused=str(error))\nelse:\n    tell(refused='')"
    before = fields.pop("before", "")
    told = run_told(f"{before}\nFIELDS = {fields!r}\n{source}")
    assert told["refused"]
    return str(told["refused"])


def tell(**facts: Any) -> None:
    """In the child: send facts to the test."""
    os.write(1, json.dumps(facts).encode() + b"\n")


def said(action: Callable[..., Any], *arguments: Any) -> str:
    """`ok`, or the name of the error."""
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    except (MemoryError, RuntimeError, ValueError) as error:
        return type(error).__name__
    return "ok"


def opened(path: str, flags: int = os.O_RDONLY) -> str:
    """What opening a file comes to."""
    return said(lambda: os.close(os.open(path, flags)))


def call(name: str, *arguments: int) -> str:
    """What a call of the kernel comes to, below every library."""
    number = ARCHITECTURES[os.uname().machine].numbers[name]
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    if LIBC.syscall(ctypes.c_long(number), *(ctypes.c_ulong(argument) for argument in padded)) == -1:
        return errno.errorcode[ctypes.get_errno()]
    return "ok"
