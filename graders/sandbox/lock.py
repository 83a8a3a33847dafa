"""How a process locks itself in, for good: descriptors, user, limits, files (Landlock), system calls (seccomp).

The order leaves no gap, and at the end it tries whether the lock holds. Nothing of a participant has been opened
before. The libraries that a guest needs can still be read and imported; `seal` takes that away as well.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import challenges
import graders
from graders.sandbox import Profile, landlock, seccomp
from graders.sandbox.privileges import become, end_with_parent, hide, keep_privileges_down, limit

SYSTEM_LIBRARIES = ("/usr/lib", "/usr/local/lib", "/lib", "/lib64", "/usr/share/zoneinfo", "/sys/devices/system/cpu")
SYSTEM_FILES = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/urandom",  # torch cannot be imported without
    "/dev/random",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/filesystems",
    "/proc/sys/vm/overcommit_memory",
    # not /proc/self itself, below which stand the system's connections, mounts and groups
    "/proc/self/maps",
    "/proc/self/status",
    "/proc/self/stat",
    "/proc/self/statm",
    "/proc/self/task",
)
GPU_FILES = (
    "/proc/driver/nvidia",
    "/proc/driver/nvidia-uvm",
    "/proc/devices",
    "/proc/modules",
    "/sys/module/nvidia",
    "/sys/module/nvidia_uvm",
    "/sys/bus/pci",
    "/sys/devices/system/node",
)
_CANARY = "/etc/hostname"


class LockError(Exception):
    """The lock could not be closed, or does not hold: nothing may be run in this process."""


@dataclass(frozen=True)
class Lock:
    """How a process locks itself in."""

    profile: Profile
    cpu_seconds: int
    memory_bytes: int
    threads: int = 64
    uid: int = 0
    """The user to become, where this process is root's; 0: keep the own one, without any capability."""
    parent: int = 0
    """The process that must be the parent, and is not outlived; 0: not looked at."""
    keep: tuple[int, ...] = (0, 1, 2)
    """Descriptors that stay open."""
    readable: tuple[str, ...] = ()
    """Further files and folders that may be read."""
    devices: tuple[str, ...] = ()
    """A GPU's device files."""
    landlock_abi: int = 99
    """The newest version of Landlock to use; 0: do without, which only some kinds of submission may."""


def close(lock: Lock) -> dict[str, Any]:
    """Lock this process in.

    Returns:
        What is in force: `landlock` (its version, 0 for none) and `uid`.

    Raises:
        LockError: It cannot be done, or does not hold.
    """
    try:
        return _close(lock)
    except (OSError, ValueError, landlock.NoLandlock) as error:
        raise LockError(f"{type(error).__name__}: {error}") from error


def seal(profile: Profile) -> None:
    """Open no file from now on, where the profile says so; there is no way back.

    Raises:
        LockError: The kernel refuses.
    """
    if profile not in (Profile.COMPUTE, Profile.GPU):
        return
    try:
        seccomp.install(seccomp.build_seal())
    except OSError as error:
        raise LockError(str(error)) from error
    _check_denied("open", lambda: os.close(os.open("/dev/null", os.O_RDONLY)), (errno.EACCES,))


@lru_cache
def default_readable() -> tuple[str, ...]:
    """The interpreter's libraries and our own packages; never the folder these lie in, which may hold anything."""
    own = [folder for package in (graders, challenges) for folder in package.__path__]
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix} - {"/", "/usr", "/usr/local"}
    known = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    packages = [path for path in sys.path if path.endswith(("site-packages", "dist-packages", "lib-dynload"))]
    found = dict.fromkeys([*sorted(prefixes), *sorted(known), *packages, *own])
    return tuple(path for path in found if Path(path).is_dir())


def _close(lock: Lock) -> dict[str, Any]:
    _close_others(lock.keep)
    is_gpu = lock.profile is Profile.GPU
    limit(lock.cpu_seconds, lock.memory_bytes, lock.threads, lock.uid, maps_freely=is_gpu)
    become(lock.uid)
    if lock.parent:
        end_with_parent()
        if os.getppid() != lock.parent:
            raise LockError("whoever started this is gone")
    _check_alone()
    keep_privileges_down()
    abi = landlock.restrict(_rules(lock), lock.landlock_abi) if lock.landlock_abi else 0
    hide()
    seccomp.install(seccomp.build_filter(lock.profile, os.getpid()))
    _check(lock)
    return {"landlock": abi, "uid": os.getuid()}


def _close_others(keep: tuple[int, ...]) -> None:
    first = 0
    for descriptor in sorted(keep):
        if first < descriptor:  # an empty range would close everything
            os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _check_alone() -> None:
    """Landlock binds the thread that asks for it: another one would stay free."""
    count = sum(1 for _ in Path("/proc/self/task").iterdir())
    if count != 1:
        raise LockError(f"{count} threads run before the lock is closed")


def _rules(lock: Lock) -> list[tuple[str, int]]:
    readable = [*default_readable(), *SYSTEM_LIBRARIES, *SYSTEM_FILES, *lock.readable]
    if lock.profile is Profile.GPU:
        readable += GPU_FILES
    rules = [(path, landlock.READ) for path in readable]
    rules += [(path, landlock.DEVICE) for path in ("/dev/null", *lock.devices)]
    if lock.profile is Profile.GPU:
        rules.append(("/proc/self/task", landlock.WRITE))  # the driver names its threads there
    return rules


def _check(lock: Lock) -> None:
    """Try what must fail."""
    _check_denied("socket", lambda: socket.socket(socket.AF_INET).close(), (errno.EPERM,))
    _check_denied("write", lambda: os.close(os.open("/dev/null", os.O_WRONLY)), (errno.EACCES,))
    if lock.landlock_abi:
        denied = (errno.EACCES, errno.ENOENT)
        above = str(Path(graders.__path__[0]).parent)
        _check_denied("open", lambda: os.close(os.open(_CANARY, os.O_RDONLY)), denied)
        if not any(above.startswith(path) for path in default_readable()):
            _check_denied("list", lambda: os.close(os.open(above, os.O_RDONLY | os.O_DIRECTORY)), denied)


def _check_denied(what: str, attempt: Callable[[], None], denied: tuple[int, ...]) -> None:
    try:
        attempt()
    except OSError as error:
        if error.errno in denied:
            return
        raise LockError(f"{what} is not denied as it must be: {error}") from error
    raise LockError(f"{what} is not denied")
