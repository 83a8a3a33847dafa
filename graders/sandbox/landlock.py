"""Landlock: which files this process can still open. All rights the kernel knows are denied, then some are given back.

Source: Linux, Documentation/userspace-api/landlock.rst; the numbers of the calls are the same on all architectures.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL_DEV, _RESOLVE_UNIX = 1 << 13, 1 << 14, 1 << 15, 1 << 16
_FIRST = (1 << 13) - 1
"""The rights of the first version."""
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_ALL_NETWORK = 0b11
_ALL_SCOPES = 0b11

LIST = _READ_DIR
READ = _READ_FILE | _READ_DIR
DEVICE = _READ_FILE | _WRITE_FILE | _IOCTL_DEV
WRITE = _READ_FILE | _READ_DIR | _WRITE_FILE

_libc = ctypes.CDLL(None, use_errno=True)


class NoLandlock(Exception):
    """The kernel does not have it, or has it switched off."""


def find_abi() -> int:
    """The version of the kernel's Landlock; 0 where there is none."""
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))
    except OSError:
        return 0


def restrict(rules: Iterable[tuple[str, int]], newest: int = 99) -> int:
    """Deny this thread every file but these; for good, and for all that it starts.

    Args:
        rules: Paths, each with what is allowed of it and below it. A path that is not there is skipped.
        newest: The newest version to use.

    Returns:
        The version that is in force.

    Raises:
        NoLandlock: There is none.
        OSError: The kernel refuses a rule.
    """
    abi = min(find_abi(), newest)
    if abi < 1:
        raise NoLandlock("this kernel has no Landlock, or has it switched off")
    handled, attributes = _attributes(abi)
    ruleset = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled)
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    finally:
        os.close(ruleset)
    return abi


def _attributes(abi: int) -> tuple[int, bytes]:
    """The rights that are denied, and the kernel's structure that says so; its size tells the version."""
    files = _FIRST
    for version, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV), (9, _RESOLVE_UNIX)):
        files |= right if abi >= version else 0
    if abi >= 6:  # noqa: PLR2004 - versions
        return files, struct.pack("=QQQ", files, _ALL_NETWORK, _ALL_SCOPES)
    if abi >= 4:  # noqa: PLR2004 - versions
        return files, struct.pack("=QQ", files, _ALL_NETWORK)
    return files, struct.pack("=Q", files)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES
        if rights:
            rule = struct.pack("=Qi", rights, place)
            _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint(0))
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
