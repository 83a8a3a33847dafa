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
from graders.sandbox.privileges import (
    become,
    close_others,
    end_with_parent,
    hide,
    is_systems_root,
    keep_privileges_down,
    limit,
)

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
    # not /proc/self itself, nor the files of its tasks: there stand the system's connections, mounts and groups
    "/proc/self/maps",
    "/proc/self/status",
    "/proc/self/stat",
    "/proc/self/statm",
)
_TASKS = "/proc/self/task"
GPU_FILES = (
    "/proc/driver/nvidia",
    "/proc/driver/nvidia-uvm",
    "/proc/devices",
    "/proc/modules",
    "/sys/module/nvidia",
    "/sys/module/nvidia_uvm",
    "/sys/bus/pci",
    "/sys/devices",  # where the links of /sys/bus/pci lead, and the memory's nodes
)
_CANARY = "/etc/hostname"
_LIBRARIES = ("site-packages", "dist-packages")


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
    """The process that must be the parent; 0: not looked at. Whoever the parent is, it is not outlived."""
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
        What is in force: `landlock` (its version, 0 for none), `seccomp`, `threads` (one) and `uid`.

    Raises:
        LockError: It cannot be done, or does not hold.
    """
    try:
        return _close(lock)
    except LockError:
        raise
    except Exception as error:  # whatever it is, the lock is not closed
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
    _check_open("/dev/null", os.O_RDONLY, errno.EACCES)


def prepare() -> None:
    """Find and build now what `close` needs: a fork server calls it once, for all its children."""
    _canaries()
    is_systems_root()
    for profile in Profile:
        seccomp.build_filter(profile, os.getpid())
    seccomp.build_seal()


@lru_cache
def default_readable() -> tuple[str, ...]:
    """The interpreter's libraries and our own packages; never the folder these lie in, which may hold anything."""
    own = [folder for package in (graders, challenges) for folder in package.__path__]
    above = _above()
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix} - {"/", "/usr", "/usr/local"}
    # an environment made in the very folder of the sources: its libraries are known by name all the same
    if above.name not in _LIBRARIES:
        prefixes -= {path for path in prefixes if above.is_relative_to(Path(path).resolve())}
    known = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    packages = [path for path in sys.path if path.endswith((*_LIBRARIES, "lib-dynload"))]
    found = dict.fromkeys([*sorted(prefixes), *sorted(known), *packages, *own])
    return tuple(path for path in found if Path(path).is_dir())


def _close(lock: Lock) -> dict[str, Any]:
    close_others(lock.keep)
    is_gpu = lock.profile is Profile.GPU
    limit(lock.cpu_seconds, lock.memory_bytes, lock.threads, lock.uid, maps_freely=is_gpu)
    become(lock.uid)
    end_with_parent()
    if lock.parent and os.getppid() != lock.parent:
        raise LockError("whoever started this is gone")
    _check_alone()
    keep_privileges_down()
    abi = landlock.restrict(_rules(lock), lock.landlock_abi) if lock.landlock_abi else 0
    hide()
    seccomp.install(seccomp.build_filter(lock.profile, os.getpid()))
    _check(lock)
    return {"landlock": abi, "seccomp": True, "threads": 1, "uid": os.getuid()}


def _check_alone() -> None:
    """Landlock binds the thread that asks for it: another one would stay free."""
    count = sum(1 for _ in Path(_TASKS).iterdir())
    if count != 1:
        raise LockError(f"{count} threads run before the lock is closed")


def _rules(lock: Lock) -> list[tuple[str, int]]:
    readable = [*default_readable(), *SYSTEM_LIBRARIES, *SYSTEM_FILES, *lock.readable]
    if lock.profile is Profile.GPU:
        readable += GPU_FILES
    rules = [(path, landlock.READ) for path in readable] + [(_TASKS, landlock.LIST)]
    rules += [(path, landlock.DEVICE) for path in ("/dev/null", *lock.devices)]
    if lock.profile is Profile.GPU:
        rules.append((_TASKS, landlock.WRITE))  # the driver names its threads there
    return rules


def _check(lock: Lock) -> None:
    """Try what must fail."""
    _check_denied("a socket", lambda: socket.socket(socket.AF_INET).close(), errno.EPERM)
    _check_open("/dev/null", os.O_TRUNC if lock.profile is Profile.GPU else os.O_WRONLY, errno.EACCES)
    if lock.landlock_abi:
        for path in _canaries():
            _check_open(path, os.O_RDONLY, errno.EACCES)
        _check_open(_CANARY, os.O_RDONLY, errno.EACCES, errno.ENOENT)


@lru_cache
def _canaries() -> tuple[str, ...]:
    """Folders that are certainly there, and not to be opened."""
    above = _above()
    is_open = any(above.is_relative_to(Path(path).resolve()) for path in default_readable())
    return ("/",) if is_open else ("/", str(above))


def _above() -> Path:
    """The folder that our packages lie in: the one of the libraries, or that of the sources."""
    return Path(graders.__path__[0]).resolve().parent


def _check_open(path: str, flags: int, *denied: int) -> None:
    _check_denied(f"opening {path}", lambda: os.close(os.open(path, flags)), *denied)


def _check_denied(what: str, attempt: Callable[[], None], *denied: int) -> None:
    try:
        attempt()
    except OSError as error:
        if error.errno in denied:
            return
        raise LockError(f"{what} fails in another way than it must: {error}") from error
    raise LockError(f"{what} is not denied")
