"""Users of the sandbox's own: a grader that runs as root lends its guests a number that is nobody's.

What a guest might still reach then belongs to somebody else. A lease is a bound abstract socket: it ends with its
process, and leaves no file.
"""

from __future__ import annotations

import os
import pwd
import secrets
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

from graders.sandbox.started import ENVIRONMENT

POOL = range(61000, 62000)
"""Numbers to lend; one that has a name on this machine is left out."""
NEEDED = ("graders.sandbox.guest", "challenges", "numpy", "polars", "onnxruntime", "torch", "safetensors")
"""What a guest imports as that user."""
CHECK_SECONDS = 10.0
_CHECK = """
import sys
from importlib.util import find_spec
for name in sys.argv[1:]:
    found = find_spec(name)
    if found is None:
        raise ModuleNotFoundError(name)
    if found.has_location:
        open(found.origin, "rb").close()
"""


@dataclass(frozen=True, eq=False)
class Lease:
    """A user number, for as long as this is open."""

    uid: int = 0
    """0: there is none, and guests run as the grader's own user."""
    reason: str = ""
    """Why there is none, as a sentence."""
    _mark: socket.socket | None = None

    def close(self) -> None:
        """Give it back."""
        if self._mark is not None:
            self._mark.close()


def lease_uid(python: str = sys.executable, needed: tuple[str, ...] = NEEDED, pool: range = POOL) -> Lease:
    """Lease a user number for this process, where that is possible.

    Args:
        python: The interpreter that guests run in.
        needed: Modules that it must be able to read.
        pool: Numbers to lend.
    """
    if os.geteuid() != 0:
        return Lease(reason="Guests run as the grader's own user: only root can lend them another.")
    mark = None
    start = secrets.randbelow(len(pool))  # containers do not see each other's leases
    for uid in (*pool[start:], *pool[:start]):
        with suppress(KeyError):
            pwd.getpwuid(uid)
            continue
        if (mark := _bind(uid)) is not None:
            break
    if mark is None:
        return Lease(reason=f"Guests run as the grader's own user: all of {pool[0]} to {pool[-1]} are lent.")
    problem = check_readable(uid, python, needed)
    if problem:
        mark.close()
        return Lease(reason=f"Guests run as the grader's own user: {problem}.")
    return Lease(uid, _mark=mark)


def check_readable(uid: int, python: str, needed: tuple[str, ...]) -> str:
    """Try an interpreter and its libraries as another user: what hinders, in words; empty when all is well."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [python, "-I", "-c", _CHECK, *needed],
            env=ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
            check=False,
            user=uid,
            group=uid,
            extra_groups=[],
        )
    except PermissionError as error:
        if error.filename is None:
            return "it lacks the capability SETUID or SETGID"
        return f"user {uid} cannot run {os.path.realpath(python)}; install it where everybody can read"
    except (OSError, subprocess.SubprocessError) as error:
        return f"user {uid} cannot be tried: {error}"
    last = done.stderr.strip().rpartition("\n")[2]
    return f"user {uid} cannot read the libraries: {last or done.returncode}" if done.returncode else ""


def _bind(uid: int) -> socket.socket | None:
    """Mark a number as lent; None when it is already."""
    mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        mark.bind(f"\0arena-sandbox-uid-{uid}")
    except OSError:
        mark.close()
        return None
    return mark
