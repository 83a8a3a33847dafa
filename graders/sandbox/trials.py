"""Tries what this kernel and this user can do, one forked child for each trial; never asks for a version.

    python -I -m graders.sandbox.trials     JSON: what is `ok`, what hindered it, and some facts

It is a program of its own because only a process with one thread can be forked safely.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from graders.sandbox import Profile, cgroups, landlock, seccomp
from graders.sandbox.uids import POOL

if TYPE_CHECKING:
    from collections.abc import Callable

OK = "ok"
SECONDS = 5
"""What one trial may take."""
_NO_NEW_PRIVILEGES = 38
SPACES = {
    "user": 0x10000000,
    "net": 0x40000000,
    "ipc": 0x08000000,
    "uts": 0x04000000,
    "pid": 0x20000000,
    "mnt": 0x20000,
}
UNSHARED = ("user", "net", "user+net+ipc+uts", "user+pid+mnt")
"""Namespaces that are tried together."""

_libc = ctypes.CDLL(None, use_errno=True)


class NotEnforced(Exception):
    """The kernel took an order and does not keep it."""


def main() -> None:
    """Make all trials and print what came of them."""
    json.dump(try_all(), sys.stdout)


def try_all() -> dict[str, str]:
    """Every trial by name, then the facts."""
    trials: dict[str, Callable[[], None]] = {
        "landlock": try_landlock,
        "seccomp": try_seccomp,
        "uid_switch": try_uid_switch,
        "cgroup": try_cgroup,
    }
    found = {name: attempt(trial) for name, trial in trials.items()}
    for names in UNSHARED:
        found[f"unshare {names}"] = attempt(partial(try_unshare, names))
    return found | facts()


def attempt(trial: Callable[[], None]) -> str:
    """Make one trial in a child: `ok`, or what hindered it. A child that dies or hangs is not `ok`."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = OK
        try:
            signal.alarm(SECONDS)
            trial()
        except BaseException as error:  # noqa: BLE001 - told, whatever it is
            said = (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
        with suppress(OSError):
            os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answer:  # noqa: PTH123 - a descriptor
        said = answer.read().decode(errors="replace")
    os.waitpid(pid, 0)
    return said or "the trial died"


def try_landlock() -> None:
    """A file that could be read cannot be read once it is not listed."""
    with tempfile.TemporaryDirectory() as folder:
        kept, lost = Path(folder, "kept"), Path(folder, "lost")
        kept.touch()
        lost.touch()
        lost.read_bytes()
        # in a child of its own: this one must be able to tidy up
        said = attempt(partial(_restrict, kept, lost))
    if said != OK:
        raise NotEnforced(said)


def _restrict(kept: Path, lost: Path) -> None:
    _set_no_new_privileges()
    try:
        landlock.restrict([(str(kept), landlock.READ)])
    except landlock.NoLandlock:
        raise NotEnforced("this kernel has no Landlock, or has it switched off") from None
    kept.read_bytes()
    for path in (lost, lost.parent):
        with suppress(PermissionError):
            os.close(os.open(path, os.O_RDONLY))
            raise NotEnforced("a file opens that Landlock was told to deny")


def try_seccomp() -> None:
    """A socket that could be made cannot be made under the filter of a guest."""
    socket.socket(socket.AF_UNIX).close()
    _set_no_new_privileges()
    seccomp.install(seccomp.build_filter(Profile.CODE, os.getpid()))
    with suppress(PermissionError):
        socket.socket(socket.AF_UNIX).close()
        raise NotEnforced("a socket is made that seccomp was told to refuse")


def try_uid_switch() -> None:
    """A user of the pool can be become, and not be left again."""
    os.setgroups([])
    os.setresgid(POOL[0], POOL[0], POOL[0])
    os.setresuid(POOL[0], POOL[0], POOL[0])
    with suppress(PermissionError):
        os.setuid(0)
        raise NotEnforced("the user can be changed back")


def try_cgroup() -> None:
    """There is a control group of our own, and groups can be made and killed below it."""
    own = cgroups.find_group()
    cgroups.check_ours(own)
    group = cgroups.Group(own / f"arena-trial-{os.getpid()}")
    group.path.mkdir()
    group.remove()


def try_unshare(names: str) -> None:
    """These namespaces can be left."""
    flags = sum(SPACES[name] for name in names.split("+"))
    if _libc.unshare(ctypes.c_int(flags)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def facts() -> dict[str, str]:
    """What explains a trial that failed; nothing is decided by it."""
    system = os.uname()
    status = dict(line.split(":\t", 1) for line in _read("/proc/self/status").splitlines() if ":\t" in line)
    gpus = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    return {
        "kernel": f"{system.release} {system.machine}",
        "user": f"uid {os.geteuid()}, capabilities {status.get('CapEff', '?').strip()}",
        "landlock_version": str(landlock.find_abi()),
        "container": _find_container() or "none",
        "gvisor": "yes" if "gVisor" in _read("/proc/version") or Path("/proc/sentry-meminfo").exists() else "no",
        "namespace_settings": _read_namespace_settings() or "none forbids them",
        "core_dumps": "to a program" if _read("/proc/sys/kernel/core_pattern").startswith("|") else "to a file",
        "gpu": ", ".join(gpus) or "none",
    }


def _find_container() -> str:
    if Path("/.dockerenv").exists():
        return "docker"
    if Path("/run/.containerenv").exists():
        return "podman"
    return "kubernetes" if Path("/var/run/secrets/kubernetes.io").exists() else ""


def _read_namespace_settings() -> str:
    """Settings of the kernel that keep ordinary users from namespaces."""
    forbidding = {
        "kernel/unprivileged_userns_clone": "0",
        "kernel/apparmor_restrict_unprivileged_userns": "1",
        "user/max_user_namespaces": "0",
    }
    found = [name for name, value in forbidding.items() if _read(f"/proc/sys/{name}").strip() == value]
    return ", ".join(f"{name.replace('/', '.')} = {forbidding[name]}" for name in found)


def _set_no_new_privileges() -> None:
    if _libc.prctl(_NO_NEW_PRIVILEGES, ctypes.c_ulong(1), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8", errors="replace")
    return ""


if __name__ == "__main__":
    main()
