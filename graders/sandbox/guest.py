"""The guest's program: locks itself in, then opens what a participant sent.

    python -I -m graders.sandbox.guest 12 15 9 …     the descriptors of settings, result, inputs and files

They are moved to 3, 4, 5 and from 6 on. The fork server runs the same `serve` in its children. Nothing of the upload
is touched before `lock.close` is through; if that fails, the process ends with exit code 70 and has opened nothing.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import challenges  # noqa: F401 - found now, while the folder above it can be read
import graders.guests  # noqa: F401 - the same
from graders.sandbox import CONFIG_BYTES, CONFIG_FD, FIRST_FILE_FD, INPUT_FD, LOCKED, RESULT_FD, Profile, lock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from graders.sandbox.frames import Frame

LOCK_FAILED = 70
"""Exit code of a guest that could not lock itself in."""
MEMORY_FAILED = 71
"""Exit code of a guest that was refused memory."""
_HIGH = 200
"""Descriptors are moved up there before they are moved into place, so that none is overwritten."""
TEMPORARY = "/tmp"  # noqa: S108 - only a name: nothing can be written there
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Guest:
    """What a guest's `main` works with."""

    settings: dict[str, Any]
    files: list[int]
    profile: Profile

    def seal(self) -> None:
        """Open nothing from now on: call it when all libraries are imported, before the upload is read."""
        lock.seal(self.profile)

    def send(self, note: dict[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Send one frame to the grader."""
        from graders.sandbox.frames import write_frame  # noqa: PLC0415 - numpy is imported after the lock

        write_frame(RESULT_FD, note, dict(arrays or {}))

    def receive(self, size: int) -> bytearray:
        """Take in exactly so many bytes of the hidden inputs.

        Raises:
            EOFError: There are not so many.
        """
        taken = bytearray(size)
        view, start = memoryview(taken), 0
        while start < size:
            count = os.readv(INPUT_FD, [view[start : start + _PIECE_BYTES]])
            if not count:
                raise EOFError
            start += count
        return taken

    def hear(self) -> Frame:
        """The grader's next frame.

        Raises:
            EOFError: There is none any more.
        """
        from graders.sandbox.frames import read_frame  # noqa: PLC0415 - as above

        return read_frame(self.receive)

    def read_file(self, number: int = 0) -> bytes:
        """The whole content of one of the files."""
        return os.pread(self.files[number], os.fstat(self.files[number]).st_size, 0)


def serve(config: dict[str, Any]) -> None:
    """Lock this process in and run the guest that `config` names.

    Args:
        config: `guest`, `settings`, `files` (how many) and `lock` (fields of `lock.Lock`).

    Raises:
        LockError: The lock could not be closed.
    """
    name = str(config["guest"])
    if not _NAME.match(name):
        raise lock.LockError(f"{name!r} is no guest")
    profile = Profile(config["lock"]["profile"])
    files = list(range(FIRST_FILE_FD, FIRST_FILE_FD + int(config["files"])))
    facts: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config["lock"].items()}
    facts |= {"profile": profile, "keep": (0, 1, 2, RESULT_FD, INPUT_FD, *files)}
    lock.close(lock.Lock(**facts))
    os.write(RESULT_FD, LOCKED)
    tempfile.tempdir = TEMPORARY  # otherwise it tries to write to every folder there may be, and finds none
    module = importlib.import_module(f"graders.guests.{name}")
    module.main(Guest(config["settings"], files, profile))


def arrange(descriptors: Sequence[int]) -> None:
    """Move settings, result, inputs and files to the descriptors where a guest expects them."""
    high = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _HIGH) for descriptor in descriptors]
    for place, descriptor in enumerate(high, CONFIG_FD):
        os.dup2(descriptor, place)
    os.closerange(_HIGH, max(high) + 1)


def read_config(descriptor: int) -> dict[str, Any]:
    """Read settings to their end and close the descriptor."""
    text = b""
    while (piece := os.read(descriptor, CONFIG_BYTES)) and len(text) <= CONFIG_BYTES:
        text += piece
    os.close(descriptor)
    config: dict[str, Any] = json.loads(text)
    return config


def run_and_exit(config: dict[str, Any]) -> None:
    """Serve, then end the process without its exit handlers: they belong to whoever was forked, or do not matter."""
    code = 1
    try:
        serve(config)
        code = 0
    except lock.LockError as error:
        code = LOCK_FAILED
        os.write(2, f"lock: {error}\n".encode())
    except MemoryError:
        code = MEMORY_FAILED
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it ends here; what was sent counts
        os.write(2, f"{type(error).__name__}: {error}\n"[:2000].encode(errors="replace"))
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                code = code or 1
        os._exit(code & 0xFF)


if __name__ == "__main__":
    arrange([int(word) for word in sys.argv[1:]])
    run_and_exit(read_config(CONFIG_FD))
