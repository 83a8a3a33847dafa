"""Attacks on the kernel: calls that a program for learning has no use for."""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Any

from tests.graders.sandbox.attacks.telling import LIBC, World, attempt, reach, read_from, system, tell

NEW_USER, NEW_NET = 0x10000000, 0x40000000
NOWHERE = b"/nowhere/at/all"
OWN = object()
"""Stands for the own process number."""


def use_io_uring(_: World) -> None:
    """31: a queue of calls that no filter sees."""
    attempt("io_uring", system, "io_uring_setup", 4, (ctypes.c_char * 120)())
    reach("io_setup", 1, (ctypes.c_uint64 * 1)())


def mount(world: World) -> None:
    """32: another view of the file system."""
    target = f"{world['folder']}/empty".encode()
    attempt("tmpfs", system, "mount", b"none", target, b"tmpfs", 0, b"size=64k")
    attempt("bind", system, "mount", b"/etc", target, b"none", 4096, 0)
    attempt("chroot", os.chroot, world["folder"])
    attempt("pivot_root", system, "pivot_root", target, target)
    attempt("umount", system, "umount2", b"/proc", 2)


def keep_key(world: World) -> None:
    """33: a key in the kernel's ring of this user, for ten seconds."""

    def add(ring: int) -> int:
        key = system("add_key", b"user", world["cookie"].encode(), b"pwned", 5, ring)
        system("keyctl", 15, key, 10)
        return key

    attempt("user's ring", add, -4)
    attempt("session's ring", add, -3)
    attempt("join a session", system, "keyctl", 1, 0)


def enter_namespaces(_: World) -> None:
    """34: be root in a world of one's own, from where more of the kernel can be reached."""
    attempt("clone", _clone_user)
    attempt("clone3", system, "clone3", (ctypes.c_uint64 * 8)(NEW_USER, 0, 0, 0, 17, 0, 0, 0), 64)
    attempt("network", system, "unshare", NEW_USER | NEW_NET)
    attempt("user", system, "unshare", NEW_USER)
    attempt("setns", lambda: system("setns", os.open("/proc/self/ns/uts", os.O_RDONLY), 0))


def _clone_user() -> int:
    pid = system("clone", NEW_USER | 17, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid


_ROOM = ctypes.create_string_buffer(4096)
SURFACE: tuple[tuple[Any, ...], ...] = (
    ("bpf", 0, _ROOM, 48),
    ("perf_event_open", _ROOM, 0, -1, -1, 0),
    ("userfaultfd", 1),
    ("fanotify_init", 0, 0),
    ("inotify_init1", 0),
    ("name_to_handle_at", -100, b"/", _ROOM, _ROOM, 0),
    ("open_by_handle_at", -100, _ROOM, 0),
    ("kcmp", OWN, OWN, 0, 1, 2),
    ("personality", 0x0040000),
    ("syslog", 10, 0, 0),
    ("open_tree", -100, NOWHERE, 0),
    ("fsopen", b"tmpfs", 0),
    ("move_mount", -1, NOWHERE, -1, NOWHERE, 0),
    ("acct", NOWHERE),
    ("swapon", NOWHERE, 0),
    ("quotactl", 0, 0, 0, 0),
    ("init_module", 0, 0, 0),
    ("finit_module", -1, 0, 0),
    ("reboot", 1, 2, 3, 0),
    ("vmsplice", 1, _ROOM, 0, 0),
    ("splice", -1, 0, -1, 0, 0, 0),
    ("tee", -1, -1, 0, 0),
    ("mlock", _ROOM, 4096),
    ("mbind", 0, 0, 99, 0, 0, 0),
    ("set_mempolicy", 0, 0, 0),
    ("migrate_pages", OWN, 0, 0, 0),
    ("move_pages", 0, 0, 0, 0, 0, 0),
    ("process_madvise", -1, 0, 0, 0, 0),
    ("landlock_create_ruleset", 0, 0, 1),
    ("seccomp", 2, 0, (ctypes.c_uint32 * 1)(0x7FFF0000)),
    ("pidfd_open", OWN, 0),
    ("memfd_create", b"x", 0),
    ("openat2", -100, b"/", (ctypes.c_uint64 * 3)(0, 0, 0), 24),
    ("modify_ldt", 0, _ROOM, 0),
    ("iopl", 0),
    ("adjtimex", _ROOM),
    ("sethostname", 0, -1),
    ("lookup_dcookie", 0, 0, 0),
    ("fchmodat2", -100, NOWHERE, 0, 0),
)
"""Calls behind which much of the kernel lies, with arguments that can do no harm."""


def reach_surface(_: World) -> None:
    """42: whatever a program for learning has no use for."""
    for name, *arguments in SURFACE:
        reach(name, *(os.getpid() if argument is OWN else argument for argument in arguments))


def call_as_32_bit(_: World) -> None:
    """43: by the gate of 32-bit programs, where calls have other numbers: there 359 makes a socket."""
    code = bytes.fromhex("53b867010000bb02000000b90100000031d2cd805bc3")
    area = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    area.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    made = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    tell("PWNED" if made >= 0 else "BLOCKED", "socket by int 0x80", made)


def call_as_x32(_: World) -> None:
    """43: by the numbers of the x32 kind of programs."""
    made = LIBC.syscall(ctypes.c_long(0x40000000 | 41), 2, 1, 0)
    tell("PWNED" if made >= 0 else "BLOCKED", "socket of x32", made)


def regain_user(world: World) -> None:
    """46: be who one was, or root."""
    attempt("setuid", os.setuid, 0)
    attempt("setresuid", os.setresuid, 0, 0, 0)
    attempt("setgid", os.setgid, 0)
    attempt("setgroups", os.setgroups, [0])
    full = (ctypes.c_uint32 * 6)(0xFFFFFFFF, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    attempt("capset", system, "capset", (ctypes.c_uint32 * 2)(0x20080522, 0), full)
    status = dict(line.split(":", 1) for line in read_from("/proc/self/status", 8192).decode().splitlines())
    facts = {name: status[name].strip() for name in ("CapEff", "CapPrm", "CapAmb", "NoNewPrivs", "Seccomp")}
    is_bare = not int(facts["CapEff"], 16) and not int(facts["CapPrm"], 16) and facts["NoNewPrivs"] == "1"
    tell("BLOCKED" if is_bare and facts["Seccomp"] == "2" else "PWNED", "privileges", facts)
    is_alone = os.getuid() == world["uid"] and not set(os.getgroups()) - {world["uid"]}
    if world["uid"]:
        tell("BLOCKED" if is_alone else "PWNED", "identity", (os.getuid(), os.getgid(), os.getgroups()))
