"""seccomp: which system calls this process can still make. A list of what is allowed; whatever else there is, is not.

The filter is a program of the kernel's packet filter (BPF), 8 bytes an instruction, put together from rules by name.
Source: Linux, Documentation/userspace-api/seccomp_filter.rst.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from functools import lru_cache

from graders.sandbox import Profile
from graders.sandbox.calls import ALLOWED, NOT_PERMITTED, READ_ONLY, SERVICE
from graders.sandbox.syscalls import architecture_of

_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE = 0, 4
_X32 = 0x40000000
"""From here on x86-64 has a second set of numbers for the same calls."""
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_MOST_BYTES = 4096 * 8

_THREAD, _NEW_SPACES = 0x10F00, 0x7E020000
"""clone: CLONE_THREAD, _SIGHAND, _FILES, _FS and _VM, as threads share everything; all of CLONE_NEW…."""
_PRCTLS = (3, 15, 16, 21, 23, 39, 41, 0x53564D41)
"""Reading one's own state, naming threads and mappings; nothing that changes who may look inside, or outlives it."""
_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_GPU_NO_IOCTLS = (0x5412, 0x541C, 0x541D, 0x540E, 0x5423)
"""What types into terminals, or takes one."""
_NO_FCNTLS = (6, 7, 8, 10, 15, 37, 38, 1024, 1026, 1031)
"""Locks, owners, signals, leases, and the size of pipes."""
_MAKES_OR_EMPTIES = 0o100 | 0o1000 | 0o20000000
"""open: O_CREAT, O_TRUNC, O_TMPFILE."""
_FOR_WRITING = _MAKES_OR_EMPTIES | 0o3
"""open: the same, or any mode but reading."""
_SHARED_NOWHERE = 0x21
"""mmap: MAP_SHARED | MAP_ANONYMOUS, which no limit counts."""
_GROWS_DOWN = 0x100
"""mmap: MAP_GROWSDOWN, which the limit on private memory does not count."""
_AF_UNIX, _SOCK_STREAM, _TYPE = 1, 1, 0xF

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(program: bytes) -> None:
    """Put a filter in force for all threads of this process, for good.

    Raises:
        OSError: The kernel refuses it.
        UnknownArchitecture: There is no table for this machine.
    """
    if len(program) > _MOST_BYTES:
        raise OSError(errno.E2BIG, "the filter is too long")
    content = ctypes.create_string_buffer(program, len(program))
    packed = _Program(len(program) // 8, ctypes.cast(content, ctypes.c_void_p))
    number = architecture_of(os.uname().machine).numbers["seccomp"]
    arguments = ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(_ALL_THREADS), ctypes.byref(packed)
    result = _libc.syscall(ctypes.c_long(number), *arguments)
    if result != 0:
        code = ctypes.get_errno() if result < 0 else errno.EBUSY
        raise OSError(code, "seccomp: " + os.strerror(code))


def build_filter(profile: Profile, pid: int, machine: str = "") -> bytes:
    """The filter of a profile for one process.

    Args:
        profile: `compute` and `gpu` may still read files and add one more filter, until they are sealed.
        pid: The process: signals and limits are for itself.
        machine: As `os.uname().machine` names it; empty: this one.
    """
    machine = machine or os.uname().machine
    before, after = _parts(profile, machine)
    return before + _own(pid, machine) + after


@lru_cache
def build_seal(machine: str = "") -> bytes:
    """The second filter of a sealed process: nothing can be opened, and no filter be added."""
    rules = _Rules(machine or os.uname().machine)
    for name in ("open", "openat"):
        rules.add(name, _error(errno.EACCES))
    for name in ("seccomp", "memfd_create"):
        rules.add(name, _error(errno.EPERM))
    return _entry(rules.machine) + b"".join(rules.parts) + _give(_ALLOW)


@lru_cache
def _parts(profile: Profile, machine: str) -> tuple[bytes, bytes]:
    """What comes before and after the rules that name the process."""
    rules = _Rules(machine)
    is_gpu = profile is Profile.GPU
    _add_processes(rules)
    _add_files(rules, _MAKES_OR_EMPTIES if is_gpu else _FOR_WRITING)  # devices are opened for writing
    _add_sockets(rules)
    rules.add("ioctl", _only_not(1, _GPU_NO_IOCTLS, errno.EPERM) if is_gpu else _only(1, _IOCTLS, errno.ENOTTY))
    mapping = _give(_ALLOW) if is_gpu else _all_bits(3, _SHARED_NOWHERE, errno.ENOMEM, _ALLOW)
    rules.add("mmap", _load(_low(3)) + _step(_AND, _GROWS_DOWN) + _if(_EQUAL, 0, mapping) + _error(errno.ENOMEM))
    allowed = set(ALLOWED)
    if profile in (Profile.COMPUTE, Profile.GPU):
        rules.add("seccomp", _only_all((_SET_MODE_FILTER, _ALL_THREADS), errno.EPERM))
    if profile is Profile.SERVICE:
        allowed |= set(SERVICE)
    if is_gpu:
        allowed.add("memfd_create")
    plain = _Rules(machine)
    for name in sorted(allowed):
        plain.add(name, _give(_ALLOW))
    for name in READ_ONLY:
        plain.add(name, _error(errno.EROFS))
    for name in sorted({*NOT_PERMITTED, *SERVICE, "seccomp", "memfd_create"} - allowed):
        plain.add(name, _error(errno.EPERM))
    return _entry(machine) + b"".join(rules.parts), b"".join(plain.parts) + _error(errno.ENOSYS)


def _own(pid: int, machine: str) -> bytes:
    """Signals to nobody but oneself; limits of oneself."""
    rules = _Rules(machine)
    for name in ("kill", "tgkill"):
        rules.add(name, _only(0, (pid,), errno.EPERM))
    rules.add("prlimit64", _only(0, (0, pid), errno.EPERM))
    return b"".join(rules.parts)


def _add_processes(rules: _Rules) -> None:
    rules.add(
        "clone", _load(_low(0)) + _step(_AND, _THREAD | _NEW_SPACES) + _if(_EQUAL, _THREAD, _give(_ALLOW)) + _error(1)
    )
    rules.add("clone3", _error(errno.ENOSYS))  # the C library falls back on clone, whose flags a filter can see
    rules.add("prctl", _only(0, _PRCTLS, errno.EPERM))


def _add_files(rules: _Rules, refused: int) -> None:
    rules.add("fcntl", _only_not(1, _NO_FCNTLS, errno.EPERM))
    for name, flags in (("openat", 2), ("open", 1)):
        reading = _load(_low(flags)) + _step(_AND, refused) + _if(_EQUAL, 0, _give(_ALLOW))
        rules.add(name, reading + _error(errno.EACCES))


def _add_sockets(rules: _Rules) -> None:
    # a pair of datagram sockets could send to any other socket by name
    kind = _load(_low(1)) + _step(_AND, _TYPE) + _if(_EQUAL, _SOCK_STREAM, _give(_ALLOW)) + _error(errno.EPERM)
    rules.add("socketpair", _load(_low(0)) + _if(_EQUAL, _AF_UNIX, kind) + _error(errno.EPERM))
    high = _load(_high(4)) + _if(_EQUAL, 0, _give(_ALLOW)) + _error(errno.EPERM)
    rules.add("sendto", _load(_low(4)) + _if(_EQUAL, 0, high) + _error(errno.EPERM))


class _Rules:
    """Rules of one filter; those for calls that the architecture does not have are left out."""

    def __init__(self, machine: str) -> None:
        self.machine = machine
        self.parts: list[bytes] = []
        self._numbers = architecture_of(machine).numbers

    def add(self, name: str, block: bytes) -> None:
        """What happens to a call; `block` must end with an answer on every way through it."""
        if name in self._numbers:
            self.parts.append(_if(_EQUAL, self._numbers[name], block))


def _entry(machine: str) -> bytes:
    """Kill what calls in another way than this architecture's, then load the number of the call."""
    architecture = architecture_of(machine)
    checked = _load(_ARCHITECTURE) + _jump(_EQUAL, architecture.audit, 1, 0) + _give(_KILL) + _load(_NUMBER)
    return checked + (_if(_AT_LEAST, _X32, _give(_KILL)) if machine == "x86_64" else b"")


def _only(argument: int, values: tuple[int, ...], code: int) -> bytes:
    return _load(_low(argument)) + b"".join(_if(_EQUAL, value, _give(_ALLOW)) for value in values) + _error(code)


def _only_all(values: tuple[int, ...], code: int) -> bytes:
    """The first arguments must be these."""
    block = _give(_ALLOW)
    for argument, value in reversed(list(enumerate(values))):
        block = _load(_low(argument)) + _if(_EQUAL, value, block) + _error(code)
    return block


def _only_not(argument: int, values: tuple[int, ...], code: int) -> bytes:
    return _load(_low(argument)) + b"".join(_if(_EQUAL, value, _error(code)) for value in values) + _give(_ALLOW)


def _all_bits(argument: int, bits: int, code: int, otherwise: int) -> bytes:
    return _load(_low(argument)) + _step(_AND, bits) + _if(_EQUAL, bits, _error(code)) + _give(otherwise)


def _if(test: int, value: int, block: bytes) -> bytes:
    """Run `block` where the loaded number passes a test; skip it otherwise. A block has at most 255 instructions."""
    return _jump(test, value, 0, len(block) // 8) + block


def _low(argument: int) -> int:
    return 16 + 8 * argument


def _high(argument: int) -> int:
    return 20 + 8 * argument


def _load(offset: int) -> bytes:
    return _step(_LOAD, offset)


def _give(answer: int) -> bytes:
    return _step(_RETURN, answer)


def _error(code: int) -> bytes:
    return _give(_ERRNO | code)


def _step(operation: int, value: int) -> bytes:
    return _jump(operation, value, 0, 0)


def _jump(operation: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", operation, if_true, if_false, value & 0xFFFFFFFF)
