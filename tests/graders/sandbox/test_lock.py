"""A process that has locked itself in: what it can still do, what it cannot, and what keeps the lock from closing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import graders

ROOT = Path(graders.__path__[0]).parent
PROGRAM = """
import os, sys
import graders, challenges
from graders.sandbox import Profile, lock
def tried(what):
    try:
        what()
        return "done"
    except OSError as error:
        return os.strerror(error.errno)
    except lock.LockError as error:
        return f"LockError {error}"
def close(profile="compute", **more):
    facts = lock.close(lock.Lock(Profile(profile), 20, 2 << 30, **more))
    return facts
"""


def told(program: str) -> list[str]:
    """Run a program that locks itself in; the lines it printed."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM + program], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_libraries_can_be_imported_afterwards():
    names = ["polars", "numpy.linalg", "onnx", "onnxruntime", "torch.nn", "safetensors.torch", "graders.parsing"]
    imports = "\n".join(f"import {name}" for name in names)
    assert told(f"close()\n{imports}\nimport torch\nprint(torch.nn.Linear(2, 3)(torch.ones(1, 2)).shape[1])")[-1] == "3"


def test_the_folder_that_our_packages_lie_in_cannot_be_read(tmp_path: Path):
    """An installation may keep its hidden answers there."""
    (tmp_path / "secret").write_text("42")
    program = f"""
close("code")
print(tried(lambda: os.listdir({str(ROOT)!r})))
print(tried(lambda: open({str(ROOT / "pyproject.toml")!r})))
print(tried(lambda: open({str(tmp_path / "secret")!r})))
print(tried(lambda: open("/etc/passwd")))
"""
    assert told(program) == ["Permission denied"] * 4


def test_a_sealed_process_opens_nothing_and_adds_no_filter():
    program = """
close()
os.close(os.open(os.__file__, os.O_RDONLY))
lock.seal(Profile.COMPUTE)
print(tried(lambda: open(os.__file__)))
print(tried(lambda: open("/dev/null")))
print(tried(lambda: lock.seal(Profile.COMPUTE)))
"""
    assert told(program) == [
        "Permission denied",
        "Permission denied",
        "LockError [Errno 1] seccomp: Operation not permitted",
    ]


def test_a_program_keeps_its_libraries():
    assert told("close('code'); lock.seal(Profile.CODE); print(tried(lambda: open(os.__file__).close()))") == ["done"]


@pytest.mark.parametrize(
    ("attempt", "answer"),
    [
        ("os.mkdir('/tmp/x')", "Read-only file system"),
        ("os.unlink('/tmp/x')", "Read-only file system"),
        ("os.fork()", "Operation not permitted"),
        ("os.execv('/bin/true', ['true'])", "Operation not permitted"),
        ("os.kill(os.getppid(), 0)", "Operation not permitted"),
        ("os.kill(os.getpid(), 0)", "done"),
        ("os.chmod('/tmp', 0o777)", "Operation not permitted"),
        ("os.symlink('a', '/tmp/x')", "Operation not permitted"),
        ("os.memfd_create('x')", "Operation not permitted"),
        ("os.open('/dev/null', os.O_WRONLY)", "Permission denied"),
        ("os.pipe()", "done"),
        ("__import__('socket').socketpair()", "done"),
        ("__import__('threading').Thread(target=print).start()", "done"),
    ],
)
def test_what_a_program_can_do(attempt: str, answer: str):
    lines = told(f"import socket, threading\nclose('code')\nprint(tried(lambda: {attempt}))")
    assert answer in lines


def test_no_capability_is_left_and_none_comes_back():
    program = """
close("code")
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
print([status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")], status["NoNewPrivs"], status["Seccomp"])
print(tried(lambda: os.setuid(0)))
"""
    assert told(program) == [f"{['0' * 16] * 4} 1 2", "Operation not permitted"]


@pytest.mark.parametrize("abi", [1, 3])
def test_an_older_landlock_denies_the_same(abi: int):
    program = f"""
print(close("code", landlock_abi={abi})["landlock"])
print(tried(lambda: open("/etc/passwd")))
print(tried(lambda: os.open(os.__file__, os.O_RDONLY | os.O_TRUNC)))
"""
    assert told(program) == [str(abi), "Permission denied", "Permission denied"]


def test_a_parent_that_is_gone_keeps_the_lock_open():
    assert told("print(tried(lambda: close(parent=1 if os.getppid() != 1 else 2)))")[0].startswith("LockError whoever")


def test_descriptors_that_are_not_named_are_closed():
    program = """
read, write = os.pipe()
os.dup2(read, 77)
close(keep=(0, 1, 2, write))
print(tried(lambda: os.write(write, b"x")), tried(lambda: os.fstat(77)))
"""
    assert told(program) == ["Broken pipe Bad file descriptor"]
