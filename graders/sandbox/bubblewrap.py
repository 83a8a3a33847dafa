"""The command line of bubblewrap around a guest: a file system with libraries only, no network, no other process.

bubblewrap sets no limits and filters no calls: the guest inside locks itself in all the same.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from graders.sandbox.lock import default_readable

PROGRAM = "bwrap"
SHARED_BYTES = 16 << 20
SCRATCH_BYTES = 64 << 20
"""Size of the only folder that could be written to, were the guest not locked in."""
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/dev", "/sys")


def find_bubblewrap() -> str | None:
    """Where bubblewrap is; None where it is not installed. Whether it works is another question: see probing."""
    return shutil.which(PROGRAM)


def wrap(command: list[str], program: str, *, own_proc: bool = True, folder: str = "") -> list[str]:
    """The command line that runs `command` inside.

    Args:
        command: What to run, by absolute path.
        program: bubblewrap itself.
        own_proc: With a /proc of its own processes; a container may forbid it, and Landlock hides the other one.
        folder: A further folder that can be read, under its own path.
    """
    spaces = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    person = ["--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--cap-drop", "ALL"]
    ends = ["--unshare-cgroup-try", "--disable-userns", "--die-with-parent", "--new-session"]
    proc = ["--proc", "/proc"] if own_proc else ["--ro-bind", "/proc", "/proc"]
    devices = [*proc, "--dev", "/dev", "--size", str(SHARED_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108 - inside
    scratch = ["--size", str(SCRATCH_BYTES), "--tmpfs", "/tmp/scratch", "--chdir", "/tmp/scratch"]  # noqa: S108 - inside
    closing = [*(("--ro-bind", folder, folder) if folder else ()), "--remount-ro", "/dev", "--remount-ro", "/"]
    return [program, *spaces, *ends, *person, *_system(), *_libraries(), *devices, *scratch, *closing, "--", *command]


def _system() -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("lib", "lib64", "bin"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", f"usr/{name}", f"/{name}"]
        elif path.exists():
            words += ["--ro-bind", str(path), str(path)]
    words += ["--dir", "/etc", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    return [*words, "--ro-bind-try", "/etc/localtime", "/etc/localtime"]


def _libraries() -> list[str]:
    """The interpreter, its packages, and our own two: what the lock lets a guest read."""
    wanted = {Path(path).resolve() for path in (*default_readable(), sys.prefix, sys.base_prefix)}
    wanted |= {Path(path) for path in (sys.prefix, sys.base_prefix)}
    words = []
    for path in sorted(wanted):
        if path.is_dir() and not any(str(path) == top or str(path).startswith(top + "/") for top in _SYSTEM):
            words += ["--ro-bind", str(path), str(path)]
    return words
