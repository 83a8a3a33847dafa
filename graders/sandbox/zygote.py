"""The fork server's program: libraries loaded once, one child forked for each run. It holds nothing that is secret.

    python -I -m graders.sandbox.zygote FLAVOUR     control socket on descriptor 0

Each request brings the descriptors of stdout, stderr, settings, result, inputs and files. The answers are the child's
pid with a pidfd, and, when it has ended, how. It ends with whoever started it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

from graders.sandbox import lock
from graders.sandbox.guest import arrange, read_config, run_and_exit

FLAVOURS: dict[str, tuple[str, ...]] = {
    "tables": (
        "numpy",
        "polars",
        "graders.guests.tables",
        "graders.guests.artefacts",
        "graders.guests.programs",
        "graders.guests.responses",
    ),
    "onnx": ("numpy", "onnx", "onnxruntime", "graders.guests.onnx"),
    "torch": ("numpy", "torch", "safetensors.torch", "graders.guests.weights", "graders.guests.torchscript"),
}
"""Libraries by flavour. They are imported and never used before a fork: pools of threads do not survive one."""
HARMLESS = ("jemalloc", "polars-ooc")
"""Names of threads that a library's import starts and that no child needs."""
NAMELESS = {"onnx": 1}
"""How many threads without a name of their own an import starts: ONNX Runtime's sender of reports, which is off."""
MOST_DESCRIPTORS = 16
_PR_SET_PDEATHSIG = 1


class Threaded(Exception):
    """A library started threads of its own: what it does in a forked child cannot be relied on."""


def main() -> None:
    """Load the libraries of a flavour, then serve until the socket closes."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        return
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in FLAVOURS[sys.argv[1]]:
        module = importlib.import_module(name)
        if name.startswith("graders.") and hasattr(module, "prepare"):
            module.prepare()
    check_threads(NAMELESS.get(sys.argv[1], 0))
    lock.prepare()  # once, for all children
    gc.collect()
    gc.freeze()
    control.sendall(b'{"ready": true}')
    while serve_one(control):
        pass


def serve_one(control: socket.socket) -> bool:
    """Fork one child and follow it to its end; False when nobody asks any more."""
    request, descriptors, _, _ = socket.recv_fds(control, 64, MOST_DESCRIPTORS)
    if not request:
        return False
    pid = os.fork()
    if pid == 0:
        control.close()
        become_guest(descriptors)
    pidfd = os.pidfd_open(pid)
    for descriptor in descriptors:
        os.close(descriptor)
    socket.send_fds(control, [json.dumps({"pid": pid}).encode()], [pidfd])
    os.close(pidfd)
    _, status, used = os.wait4(pid, 0)
    ended = {"exit_code": os.waitstatus_to_exitcode(status), "cpu_seconds": used.ru_utime + used.ru_stime}
    control.sendall(json.dumps(ended | {"peak_bytes": used.ru_maxrss * 1024}).encode())
    return True


def become_guest(descriptors: list[int]) -> None:
    """In the child: take the descriptors' places, be a session of one's own, and run the guest."""
    try:
        stdout, stderr, *others = descriptors
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.setsid()
        os.chdir("/")
        arrange(others)
        config = read_config(3)
        reseed()
    except BaseException as error:  # noqa: BLE001 - a child must never go on as a fork server
        os.write(2, repr(error).encode()[:1000])
        os._exit(70)
    run_and_exit(config)


def reseed() -> None:
    """Give this child random numbers of its own: all children inherit one state."""
    for name, seed in (("random", "seed"), ("numpy.random", "seed"), ("torch", "seed")):
        if name in sys.modules:
            getattr(sys.modules[name], seed)()


def check_threads(nameless: int = 0) -> None:
    """Raise Threaded where another thread runs that may hold a lock at the moment of a fork.

    Args:
        nameless: So many threads that bear this process's own name do no harm.
    """
    tasks = Path("/proc/self/task")
    others = (task for task in tasks.iterdir() if task.name != str(os.getpid()))
    names = [(task / "comm").read_text(encoding="utf-8").strip() for task in others]
    odd = [name for name in names if not name.startswith(HARMLESS)]
    own = (tasks / str(os.getpid()) / "comm").read_text(encoding="utf-8").strip()
    if len(odd) > nameless or any(name != own for name in odd):
        raise Threaded(f"threads after the import: {', '.join(sorted(odd))}")


if __name__ == "__main__":
    main()
