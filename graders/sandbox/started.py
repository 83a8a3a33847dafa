"""What every guest is started with, whichever mechanism starts it: pipes, settings, and a clean environment."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graders.sandbox import CONFIG_BYTES

if TYPE_CHECKING:
    from graders.sandbox import Run

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
    "USER": "sandbox",
    "LOGNAME": "sandbox",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1",  # a BLAS that starts threads at import would be there before the lock
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "2",
    "TORCHINDUCTOR_CACHE_DIR": "/tmp",  # noqa: S108 - only names: nothing can be written there
    "TRITON_CACHE_DIR": "/tmp",  # noqa: S108
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it cuBLAS does not promise the same sums twice
    "ORT_DISABLE_TELEMETRY_EVENTS": "1",
}
"""All that a guest finds in its environment: nothing of the grader's, where addresses and passwords stand."""
PYTHON = (sys.executable, "-I", "-m")


PIPE_BYTES = 1 << 20
"""Room in the pipes of inputs and result: fewer turns between the two processes."""


class TooLarge(Exception):
    """A guest's settings do not fit: ours to mend."""


@dataclass
class Pipes:
    """Both ends of a guest's pipes; `theirs` are given to it."""

    stdout: int
    stderr: int
    result: int
    inputs: int
    theirs: tuple[int, ...]
    """Of stdout, stderr, settings, result and inputs."""

    def close_theirs(self) -> None:
        """Close our copies of what the guest has now: a pipe ends when nobody can write to it any more."""
        for descriptor in self.theirs:
            os.close(descriptor)
        self.theirs = ()

    def close(self) -> None:
        """Close everything: nothing was started."""
        for descriptor in (self.stdout, self.stderr, self.result, self.inputs, *self.theirs):
            os.close(descriptor)


@contextmanager
def pipes_for(run: Run, lock: dict[str, object]) -> Iterator[Pipes]:
    """Pipes for one run, the settings already in theirs; all are closed if the block raises.

    Args:
        run: Names the guest and its settings.
        lock: Fields of `lock.Lock` as the guest is to close it.

    Raises:
        TooLarge: The settings have more than `CONFIG_BYTES`.
    """
    config = {"guest": run.guest, "settings": run.settings, "files": len(run.files), "lock": lock}
    text = json.dumps(config, ensure_ascii=True, allow_nan=False).encode()
    if len(text) > CONFIG_BYTES:
        raise TooLarge(f"settings of {run.guest} have {len(text)} bytes; at most {CONFIG_BYTES} fit")
    (stdout, stdout_theirs), (stderr, stderr_theirs), (result, result_theirs) = os.pipe(), os.pipe(), os.pipe()
    config_read, config_write = os.pipe()
    inputs_read, inputs_write = os.pipe()
    for descriptor in (result, inputs_write):
        with suppress(OSError):  # a user has room for so many large pipes; a small one is only slower
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    theirs = (stdout_theirs, stderr_theirs, config_read, result_theirs, inputs_read)
    pipes = Pipes(stdout, stderr, result, inputs_write, theirs)
    try:
        with open(config_write, "wb", buffering=0) as settings:  # noqa: PTH123 - a descriptor
            settings.write(text)  # at most as much as a pipe holds, so that this never waits
        yield pipes
    except BaseException:
        pipes.close()
        raise
