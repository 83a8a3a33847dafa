"""What every attack tells, one line for each try: PWNED, BLOCKED, or BROKEN when the attack itself is at fault.

Attacks run in the sandbox: of ours they import nothing but this, which is handed to them as text.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Callable
from typing import Any

World = dict[str, Any]
"""What the test tells an attack of the world around it: see `targets.World.settings`."""

LIBC = ctypes.CDLL(None, use_errno=True)
REFUSALS = (errno.EPERM, errno.ENOSYS, errno.EACCES)
IS_X86 = platform.machine() == "x86_64"
NUMBERS = {
    # by name: on x86-64, elsewhere; -1: there is none
    "getpid": (39, 172), "clone": (56, 220), "fork": (57, -1), "vfork": (58, -1), "clone3": (435, 435),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438), "tkill": (200, 130),
    "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138), "prlimit64": (302, 261), "execveat": (322, 281),
    "io_uring_setup": (425, 425), "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194),
    "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "unshare": (272, 97), "setns": (308, 268),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "fsopen": (430, 430), "move_mount": (429, 429), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "fanotify_init": (300, 262), "inotify_init1": (294, 26), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "personality": (135, 92), "modify_ldt": (154, -1), "iopl": (172, -1),
    "ioperm": (173, -1), "syslog": (103, 116), "acct": (163, 89), "swapon": (167, 224), "quotactl": (179, 60),
    "init_module": (175, 105), "delete_module": (176, 106), "finit_module": (313, 273), "reboot": (169, 142),
    "vmsplice": (278, 75), "splice": (275, 76), "tee": (276, 77), "mlock": (149, 228), "mlockall": (151, 230),
    "mbind": (237, 235), "set_mempolicy": (238, 237), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "process_madvise": (440, 440), "landlock_create_ruleset": (444, 444), "seccomp": (317, 277), "capset": (126, 91),
    "ioprio_set": (251, 30), "sched_setattr": (314, 274), "io_setup": (206, 0), "lookup_dcookie": (212, 18),
    "setfsuid": (122, 151), "adjtimex": (159, 171), "clock_settime": (227, 112), "sethostname": (170, 161),
    "recvmmsg": (299, 243), "sendmmsg": (307, 269), "socket": (41, 198), "openat2": (437, 437),
    "futimesat": (261, -1), "fchmodat2": (452, 452), "prctl": (157, 167),
}  # fmt: skip


def tell(word: str, what: str, result: object = "") -> None:
    """Write one line at once: an attack may be ended at any moment."""
    line = f"{word} {what}: {result!r}".replace("\n", " ")[:1000]
    os.write(1, (line + "\n").encode(errors="replace"))


def attempt(what: str, call: Callable[..., Any], *args: Any) -> Any:
    """Try something; what it returns, or None when the system refuses."""
    try:
        result = call(*args)
    except (OSError, MemoryError) as error:
        tell("BLOCKED", what, error)
    except RuntimeError as error:  # threads that cannot be started
        tell("BLOCKED" if "start new thread" in str(error) else "BROKEN", what, error)
    except Exception as error:  # noqa: BLE001 - an attack with a mistake in it must not pass for one that was stopped
        tell("BROKEN", what, error)
    else:
        tell("PWNED", what, result)
        return result
    return None


def system(name: str, *args: Any) -> int:
    """Make a system call by its name.

    Raises:
        OSError: As the kernel refuses.
    """
    number = NUMBERS[name][0 if IS_X86 else 1]
    if number < 0:
        raise OSError(errno.ENOSYS, "not on this machine")
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in args]
    result = int(LIBC.syscall(ctypes.c_long(number), *words))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def reach(what: str, *args: Any) -> None:
    """Try to reach the kernel's own code behind a call: any answer of its own counts, even about wrong arguments."""
    try:
        result: object = system(what, *args)
    except OSError as error:
        tell("BLOCKED" if error.errno in REFUSALS else "PWNED", what, error)
    else:
        tell("PWNED", what, result)


def write_to(path: str, text: bytes = b"x", mode: str = "wb") -> str:
    """Write to a file; its path."""
    with open(path, mode) as file:  # noqa: PTH123 - as an attacker would
        file.write(text)
    return path


def read_from(path: str, size: int = 4096) -> bytes:
    """The beginning of a file."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as an attacker would
        return file.read(size)


def name_process(name: str) -> None:
    """Give this thread a name that can be seen from outside."""
    LIBC.prctl(15, name.encode(), 0, 0, 0)
