"""What the system tells of running processes: memory, threads, time, and which processes lie below one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_MOST_PROCESSES = 500


def read_use(pid: int) -> tuple[int, int, float]:
    """Resident bytes, threads and processor seconds of a process; nothing of one that is gone."""
    with suppress(OSError, ValueError, IndexError):
        words = read_stat(f"/proc/{pid}/stat")
        resident = int(words[21])
        if words[0] == b"Z":  # its first thread has left; the others have the memory still
            tasks = [read_stat(str(task / "stat")) for task in Path(f"/proc/{pid}/task").iterdir()]
            resident = max(int(task[21]) for task in tasks)
        return resident * _PAGE_BYTES, int(words[17]), (int(words[11]) + int(words[12])) / _TICKS
    return 0, 0, 0.0


def read_stat(path: str) -> list[bytes]:
    """What stands behind the name in a `stat` file: the state first."""
    return Path(path).read_bytes().rpartition(b")")[2].split()


def descendants(pid: int) -> Sequence[int]:
    """Processes below `pid`, parents first."""
    found: list[int] = []
    waiting = [pid]
    while waiting and len(found) < _MOST_PROCESSES:
        parent = waiting.pop()
        with suppress(OSError, ValueError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                text = (task / "children").read_text(encoding="ascii")
                found += (below := [int(word) for word in text.split()])
                waiting += below
    return found
