"""What a run could leave behind, found by its cookie: processes, files, segments, keys. And taken away again."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.graders.sandbox.attacks.telling import LIBC, system

PRIVATE_COMMANDS = {"shmget": "shmctl", "semget": "semctl", "msgget": "msgctl"}


@dataclass(frozen=True)
class Remnants:
    """What goes by one cookie."""

    cookie: str
    key: int
    """Of segments, queues and semaphores."""
    places: Sequence[str]
    """Folders where files may lie."""

    def found(self) -> set[str]:
        """What there is, by kind."""
        kinds = {
            "process": self.processes(),
            "file left": self.files(),
            "segment": self.segments(),
            "key": self.key_lines(),
        }
        return {kind for kind, there in kinds.items() if there}

    def processes(self) -> list[int]:
        """Those that bear the cookie as name, in their command line or environment."""
        wanted = self.cookie.encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with suppress(OSError):
                texts = [(entry / name).read_bytes() for name in ("comm", "cmdline")]
                is_zombie = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
                with suppress(OSError):
                    texts.append((entry / "environ").read_bytes())
                if not is_zombie and any(wanted in text for text in texts):
                    found.append(int(entry.name))
        return found

    def files(self) -> list[Path]:
        """Those whose name begins with the cookie."""
        return [path for place in self.places for path in _glob(Path(place), self.cookie)]

    def segments(self) -> list[tuple[str, int]]:
        """Of System V: how each is made, and its number."""
        found = []
        for name, arguments in (("shmget", (0, 0)), ("semget", (0, 0)), ("msgget", (0,))):
            with suppress(OSError):
                found.append((name, system(name, self.key, *arguments)))
        return found

    def key_lines(self) -> list[str]:
        """Lines about keys of the kernel."""
        with suppress(OSError):
            return [line for line in Path("/proc/keys").read_text(encoding="utf-8").splitlines() if self.cookie in line]
        return []

    def remove(self) -> None:
        """Take everything away."""
        for pid in self.processes():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for path in self.files():
            with suppress(OSError):
                path.unlink()
        for name, number in self.segments():
            remove = getattr(LIBC, PRIVATE_COMMANDS[name])
            remove(number, *((0, 0) if name == "semget" else (0, None)))


def remove_keys(cookie: str) -> None:
    """Unlink keys from this user's ring."""
    remnants = Remnants(cookie, 0, ())
    for line in remnants.key_lines():
        with suppress(OSError):
            system("keyctl", 9, int(line.split()[0], 16), -4)


def has_keys() -> bool:
    """Whether this kernel keeps keys at all, and lets us."""
    try:
        system("keyctl", 0, -4, 1)
    except OSError as error:
        return error.errno not in (errno.ENOSYS, errno.EPERM)
    return True


def _glob(place: Path, cookie: str) -> list[Path]:
    with suppress(OSError):
        return [path for path in place.iterdir() if path.name.startswith(cookie)]
    return []


def is_traceable() -> bool:
    """Whether one process may trace another of the same user here."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/yama/ptrace_scope").read_text(encoding="utf-8").strip() == "0"
    return hasattr(LIBC, "ptrace") and ctypes.sizeof(ctypes.c_void_p) == 8
