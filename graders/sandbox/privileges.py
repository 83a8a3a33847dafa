"""What a process gives up before it locks itself in: capabilities, its user, and more than its share of resources."""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from contextlib import suppress
from functools import cache
from pathlib import Path

_CAPBSET_DROP, _CAP_AMBIENT, _AMBIENT_CLEAR = 24, 47, 4
_SET_PDEATHSIG, _SET_DUMPABLE, _SET_NO_NEW_PRIVS, _SET_SECUREBITS = 1, 4, 38, 28
_SIGKILL = 9
_NO_ROOT = 0b11_10_11_11
"""Securebits NO_CAP_AMBIENT_RAISE, not KEEP_CAPS, NO_SETUID_FIXUP, NOROOT, all locked: user 0 gains nothing again."""
_CAPABILITY_VERSION = 0x20080522
_LAST_CAPABILITY = 63
_CLOSE_RANGE = 436
"""The number of the call, on all architectures."""
_LAST_DESCRIPTOR = 0xFFFFFFFF
_STACK_BYTES = 16 << 20
_DESCRIPTORS = 256
_SIGNALS = 64
_GPU_FILE_BYTES = 1 << 20
"""What a GPU's driver may write to a file in memory; nobody else writes files at all."""
_ADDRESS_SPACE = 16
"""How many times its memory a process may map: libraries map much that they never touch."""
_ADDRESS_BYTES = 16 << 30

_EVERYBODY = ["0", "0", "4294967295"]
"""Numbers of users as the first namespace of a system maps them."""

_libc = ctypes.CDLL(None, use_errno=True)


def set_option(option: int, *values: int) -> None:
    """Call prctl.

    Raises:
        OSError: The kernel refuses.
    """
    words = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    if _libc.prctl(ctypes.c_int(option), *words) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl {option}: {os.strerror(code)}")


def close_others(keep: tuple[int, ...]) -> None:
    """Close every descriptor but these, those beyond the limit on descriptors as well.

    Raises:
        OSError: It is not known which are open.
    """
    first = 0
    for descriptor in (*sorted(set(keep)), _LAST_DESCRIPTOR + 1):
        if first < descriptor and not _close_range(first, descriptor - 1):
            _close_listed(keep)
            return
        first = descriptor + 1


def _close_range(first: int, last: int) -> bool:
    arguments = (ctypes.c_uint(number) for number in (first, last, 0))
    return int(_libc.syscall(ctypes.c_long(_CLOSE_RANGE), *arguments)) == 0


def _close_listed(keep: tuple[int, ...]) -> None:
    """The way of kernels that cannot close a range."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - the list must be complete before any is closed
        if int(name) not in keep:
            with suppress(OSError):  # the list's own
                os.close(int(name))


def become(uid: int) -> None:
    """Give up every capability for good, and become another user where `uid` is not 0.

    Raises:
        OSError: The kernel refuses.
    """
    if os.geteuid() == 0:
        for capability in range(_LAST_CAPABILITY + 1):
            with suppress(OSError):  # beyond the last one that the kernel knows
                set_option(_CAPBSET_DROP, capability)
        with suppress(OSError):
            set_option(_CAP_AMBIENT, _AMBIENT_CLEAR)
    if uid:
        os.setgroups([])  # refused to whoever is not root: then nothing goes on
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    elif os.geteuid() == 0:
        with suppress(OSError):
            set_option(_SET_SECUREBITS, _NO_ROOT)
    drop_capabilities()


def drop_capabilities() -> None:
    """Empty all three sets.

    Raises:
        OSError: The kernel refuses, or one is left.
    """
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    if _libc.capset(header, bytes(24)) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"capset: {os.strerror(code)}")
    left = ctypes.create_string_buffer(24)
    if _libc.capget(header, left) < 0 or any(left.raw):
        raise OSError(0, "capabilities are left")


def end_with_parent() -> None:
    """Be killed when the parent dies; call it after `become`, which undoes it."""
    set_option(_SET_PDEATHSIG, _SIGKILL)


def hide() -> None:
    """Let nobody of the same user look into this process, and leave no core file."""
    set_option(_SET_DUMPABLE, 0)


def keep_privileges_down() -> None:
    """Nothing that is executed from now on gets more privileges than this process has."""
    set_option(_SET_NO_NEW_PRIVS, 1)


def limit(cpu_seconds: int, memory_bytes: int, threads: int, uid: int, *, maps_freely: bool) -> None:
    """Set the kernel's own limits.

    Args:
        cpu_seconds: Processor time.
        memory_bytes: Private memory.
        threads: Of this process.
        uid: The user that this process becomes; 0: it keeps its own.
        maps_freely: Address space is not limited: a GPU's driver maps terabytes.
    """
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: memory_bytes,
        resource.RLIMIT_FSIZE: _GPU_FILE_BYTES if maps_freely else 0,
        resource.RLIMIT_NOFILE: _DESCRIPTORS,
        resource.RLIMIT_STACK: _STACK_BYTES,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: _SIGNALS,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_NPROC: threads + (0 if uid else _count_tasks()),
    }
    if not maps_freely:
        limits[resource.RLIMIT_AS] = max(_ADDRESS_SPACE * memory_bytes, _ADDRESS_BYTES)
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (lowered, lowered))
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    most = cpu_seconds + 1 if hard == resource.RLIM_INFINITY else min(cpu_seconds + 1, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (min(cpu_seconds, most), most))


@cache
def is_systems_root() -> bool:
    """Whether user 0 here is user 0 of the whole system: the same for a process and all that it forks."""
    return Path("/proc/self/uid_map").read_text(encoding="ascii").split() == _EVERYBODY


def _count_tasks() -> int:
    """Threads of all processes of this user: a limit on its processes counts those as well."""
    own, count = os.getuid(), 0
    if own == 0 and is_systems_root():
        return 0  # the kernel does not bind the real user 0; whoever watches counts
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                if process.stat().st_uid == own:
                    count += sum(1 for _ in (process / "task").iterdir())
    return count
