"""A control group for each run, where the machine lends us one of our own: memory and processes with hard bounds.

Nothing depends on it: the lock and the watcher bound a run everywhere. A group bounds what they see late: memory that
is in no process's own count, and a burst between two looks. Only cgroup v2, and only in a group that was handed over.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graders.sandbox import Bounds

MOUNTS = Path("/proc/self/mountinfo")
MEMBERSHIP = Path("/proc/self/cgroup")
CONTROLLERS = ("memory", "pids")
SPARE_BYTES = 64 << 20
"""What the kernel counts on top of a process's own memory: the bound here is never the one that a run meets first."""
SPARE_PROCESSES = 8
"""For what stands beside a guest: bubblewrap has two processes of its own."""
_PREFIX = "arena-run-"
_REST = "arena-grader"
_EMPTY_SECONDS = 2.0
_OWNER = re.compile(_PREFIX + r"(\d+)-\d+\Z")


class NoGroup(Exception):
    """There is no group of our own; the text says why."""


@dataclass(frozen=True)
class Group:
    """The group of one run."""

    path: Path

    def add(self, pid: int) -> None:
        """Put a process into it, with all that it will ever start."""
        (self.path / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def kill(self) -> None:
        """End all that is in it, whatever has become of it."""
        (self.path / "cgroup.kill").write_text("1", encoding="ascii")

    @property
    def is_empty(self) -> bool:
        """Nothing lives in it."""
        return "populated 0" in (self.path / "cgroup.events").read_text(encoding="ascii").splitlines()

    @property
    def out_of_memory(self) -> int:
        """How many processes the kernel ended in it for want of memory."""
        with suppress(OSError):
            for line in (self.path / "memory.events").read_text(encoding="ascii").splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
        return 0

    def remove(self) -> None:
        """Kill what is left, wait until it is gone, and remove the group."""
        self.kill()
        until = time.monotonic() + _EMPTY_SECONDS
        while not self.is_empty and time.monotonic() < until:
            time.sleep(0.001)
        self.path.rmdir()


@contextmanager
def limited(pid: int, bounds: Bounds) -> Iterator[Group | None]:
    """Hold a process in a group of its own while the block runs; all that is left in it is killed at the end.

    Args:
        pid: The guest's, or that of bubblewrap around it, before it has opened anything.
        bounds: What the run may take.

    Returns:
        The group; None where there is none, which changes nothing else.
    """
    group = None
    with suppress(OSError, NoGroup):
        group = make_group(find_own(), bounds)
    try:
        if group is not None:
            with suppress(OSError):  # it has ended already, or may not be moved after all
                group.add(pid)
        yield group
    finally:
        if group is not None:
            with suppress(OSError):
                group.remove()


def make_group(own: Path, bounds: Bounds) -> Group:
    """Make a group below our own, with the bounds that its controllers know.

    Raises:
        OSError: It cannot be made.
    """
    number = 0
    while True:
        path = own / f"{_PREFIX}{os.getpid()}-{number}"
        try:
            path.mkdir()
            break
        except FileExistsError:
            number += 1
    limits = {
        "memory.max": bounds.memory_bytes + SPARE_BYTES,
        "memory.swap.max": 0,
        "memory.oom.group": 1,
        "pids.max": bounds.threads + SPARE_PROCESSES,
    }
    try:
        for name, value in limits.items():
            if (path / name).exists():
                (path / name).write_text(str(value), encoding="ascii")
    except OSError:
        path.rmdir()
        raise
    return Group(path)


@lru_cache(maxsize=1)
def find_own() -> Path:
    """The group that was handed over to us, its controllers passed on to the groups below; found once.

    Raises:
        NoGroup: There is none.
    """
    own = find_group()
    check_ours(own)
    sweep(own)
    try:
        pass_on(own)
        probe = own / f"{_PREFIX}{os.getpid()}-probe"
        probe.mkdir()
        can_kill = (probe / "cgroup.kill").exists()
        probe.rmdir()
    except OSError as error:
        raise NoGroup(f"{own} cannot be used: {error.strerror}") from error
    if not can_kill:
        raise NoGroup("cgroup.kill needs Linux 5.14 or newer")
    return own


def find_group(mounts: Path = MOUNTS, membership: Path = MEMBERSHIP) -> Path:
    """The cgroup v2 folder that this process is in, ours or not.

    Raises:
        NoGroup: No cgroup v2 is mounted, or it does not show this process.
    """
    lines = membership.read_text(encoding="utf-8").splitlines()
    inside = next((line[3:] for line in lines if line.startswith("0::")), None)
    if inside is None or ".." in inside.split("/"):
        raise NoGroup("this process is in no cgroup v2 that it can see")
    for line in mounts.read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            root, mount = before.split()[3:5]
            path = Path(mount + inside.removeprefix(root.rstrip("/")))
            if path.is_dir():
                return path.parent if path.name == _REST else path
    raise NoGroup("no cgroup v2 is mounted here")


def check_ours(own: Path) -> None:
    """Raise NoGroup for a group that somebody else manages.

    The root of all groups is nobody's. An ordinary user can write only where it was handed over; root everywhere, so
    that systemd's mark is asked for, or the walls of a container.
    """
    if not (own / "cgroup.events").exists():
        raise NoGroup("this process is in the machine's root group")
    for path in (own, own / "cgroup.procs", own / "cgroup.subtree_control"):
        if not os.access(path, os.W_OK):
            raise NoGroup(f"{path} is read-only; with systemd, Delegate=yes hands it over")
    told = MEMBERSHIP.read_text(encoding="utf-8").splitlines()
    if os.geteuid() != 0 or not {"0::/", f"0::/{_REST}"}.isdisjoint(told):
        return
    for name in ("user.delegate", "trusted.delegate"):
        with suppress(OSError):
            if os.getxattr(own, name) == b"1":
                return
    raise NoGroup(f"{own} was not handed over; with systemd, Delegate=yes does that")


def pass_on(own: Path) -> None:
    """Let groups below bound memory and processes; for that our own processes move into a group below, too.

    Raises:
        OSError: They cannot be moved.
    """
    offered = (own / "cgroup.controllers").read_text(encoding="ascii").split()
    passed = (own / "cgroup.subtree_control").read_text(encoding="ascii").split()
    missing = [name for name in CONTROLLERS if name in offered and name not in passed]
    if not missing:
        return
    rest = own / _REST
    rest.mkdir(exist_ok=True)
    for pid in (own / "cgroup.procs").read_text(encoding="ascii").split():
        with suppress(ProcessLookupError):
            (rest / "cgroup.procs").write_text(pid, encoding="ascii")
    (own / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in missing), encoding="ascii")


def sweep(own: Path) -> None:
    """Remove groups whose grader is gone, with what still lives in them."""
    for path in own.glob(f"{_PREFIX}*"):
        owner = _OWNER.match(path.name)
        if owner is not None and not Path("/proc", owner[1]).exists():
            with suppress(OSError):
                Group(path).remove()
