"""Every mechanism with every identity that a guest can have, and why one cannot be tried on a machine."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from graders.sandbox import Mechanism
from graders.sandbox.bubblewrap import find_bubblewrap
from graders.sandbox.forkserver import ForkServer
from graders.sandbox.fresh import Fresh
from tests.graders.sandbox.attacks.telling import system

POOL_UID = 63_000 + os.getpid() % 900
"""A user whom nobody else is: each process of the suite has its own, and graders lend others."""

NOBODY = 65_534
"""Whom bubblewrap shows a guest as, whoever it is outside."""


@dataclass(frozen=True)
class Setup:
    """A mechanism with an identity."""

    name: str
    make: Callable[[int], Mechanism]
    is_pool: bool = False
    """The guest becomes another user; else it is who runs the suite, without any capability."""
    is_wrapped: bool = False
    """bubblewrap hides what a guest does not need: level S3."""

    @property
    def uid(self) -> int:
        """Whom the guest becomes; 0: nobody else."""
        return POOL_UID if self.is_pool else 0

    @property
    def inner_uid(self) -> int:
        """Whom the guest finds itself to be; 0: nobody in particular."""
        return NOBODY if self.is_wrapped else self.uid

    def __str__(self) -> str:
        return self.name


SETUPS = (
    Setup("fresh", Fresh),
    Setup("forkserver", ForkServer),
    Setup("bubblewrap", lambda uid: Fresh(uid, bubblewrap=True), is_wrapped=True),
    Setup("fresh-pool", Fresh, is_pool=True),
    Setup("forkserver-pool", ForkServer, is_pool=True),
    Setup("bubblewrap-pool", lambda uid: Fresh(uid, bubblewrap=True), is_pool=True, is_wrapped=True),
)


def why_not(setup: Setup) -> str:
    """Why this cannot be tried here; empty: it can."""
    if not _has_landlock():
        return "this kernel has no Landlock: a grader here refuses programs"
    if setup.is_pool and os.geteuid() != 0:
        return "only root can become another user"
    if setup.is_pool and not is_readable(POOL_UID):
        return f"no other user may read {sys.prefix}: tried by another interpreter in test_identities"
    return _why_no_bubblewrap() if setup.is_wrapped else ""


@functools.cache
def is_readable(uid: int, python: str = sys.executable) -> bool:
    """Whether another user can run our own code by an interpreter."""
    command = [python, "-I", "-c", "import numpy, graders.sandbox, challenges"]
    try:
        done = subprocess.run(command, user=uid, group=uid, extra_groups=[], capture_output=True, check=False, cwd="/")
    except OSError:
        return False
    return done.returncode == 0


@functools.cache
def _has_landlock() -> bool:
    try:
        return system("landlock_create_ruleset", 0, 0, 1) > 0
    except OSError:
        return False


@functools.cache
def _why_no_bubblewrap() -> str:
    program = find_bubblewrap()
    if program is None:
        return "bubblewrap is not installed"
    words = [
        "--unshare-user",
        "--unshare-pid",
        "--unshare-net",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
    ]
    done = subprocess.run([program, *words, "true"], capture_output=True, text=True, check=False, cwd="/")
    return "" if done.returncode == 0 else f"bubblewrap does not work here: {done.stderr.strip()}"
