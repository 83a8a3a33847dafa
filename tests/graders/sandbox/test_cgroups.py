"""A run's own control group: found only where it was handed over, bounded, and empty afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from graders.sandbox import Bounds
from graders.sandbox.cgroups import NoGroup, check_ours, find_group, limited, sweep

BOUNDS = Bounds(wall_seconds=5, cpu_seconds=5, memory_bytes=128 << 20, result_bytes=1000)
MOUNTS = "30 24 0:26 {root} {mount} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

DAEMON = """
import os, sys, time
sys.stdin.readline()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(60)
    os._exit(0)
os.wait()
time.sleep(60)
"""

INSIDE = """
import os, subprocess, sys
from pathlib import Path
from graders.sandbox import Bounds
from graders.sandbox.cgroups import find_own, limited
Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
own = find_own()
print(own)
child = subprocess.Popen([sys.executable, "-c", sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
with limited(child.pid, Bounds(5, 5, 128 << 20, 1000, threads=10)) as group:
    print(group.path)
    for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max"):
        file = group.path / name
        print(name, file.read_text().strip() if file.exists() else "absent")
    child.stdin.write("go\\n")
    child.stdin.flush()
    print(child.stdout.readline().strip(), group.is_empty, group.out_of_memory)
print(child.wait(10))
print([path.name for path in own.glob("arena-run-*")])
"""


@pytest.fixture
def handed_over() -> Iterator[Path]:
    """A group that this test's own program may use as a service of systemd uses its own."""
    try:
        path = find_group() / f"arena-test-{os.getpid()}"
        path.mkdir()
    except (NoGroup, OSError) as error:
        pytest.skip(f"no group can be made here: {error}")
    try:
        if os.geteuid() == 0:
            os.setxattr(path, "user.delegate", b"1")
        yield path
    except OSError as error:
        pytest.skip(f"groups cannot be marked here: {error}")
    finally:
        remove(path)


def remove(path: Path) -> None:
    """Remove a group and those below it, once the processes in it are gone."""
    until = time.monotonic() + 5
    while path.exists() and time.monotonic() < until:
        for group in [*sorted(path.rglob("*"), reverse=True), path]:
            with suppress(OSError):
                group.rmdir()
        time.sleep(0.01)


def run_inside(path: Path) -> list[str]:
    """Run a program in the group that holds a daemon in a group below; what it says."""
    command = [sys.executable, "-c", textwrap.dedent(INSIDE), str(path), DAEMON]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_daemon_does_not_outlive_its_run(handed_over: Path):
    own, group, *bounds, started, exit_code, left = run_inside(handed_over)
    assert Path(own) == handed_over
    assert Path(group).parent == handed_over
    pid, *rest = started.split()
    assert rest == ["False", "0"]
    assert exit_code == "-9"
    assert not Path("/proc", pid).exists() or "\nState:\tZ" in Path("/proc", pid, "status").read_text()
    assert left == "[]"
    offered = (handed_over / "cgroup.controllers").read_text().split()
    wanted = {"memory.max": str(192 << 20), "memory.swap.max": "0", "memory.oom.group": "1", "pids.max": "18"}
    for line in bounds:
        name, value = line.split()
        assert value == (wanted[name] if name.partition(".")[0] in offered else "absent")


def test_a_grader_that_starts_again_does_not_nest_deeper(handed_over: Path):
    rest = handed_over / "arena-grader"
    rest.mkdir()
    assert run_inside(rest)[0] == str(handed_over)


def test_what_a_dead_grader_left_is_removed(handed_over: Path):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left, kept = handed_over / f"arena-run-{int(ended.stdout)}-0", handed_over / f"arena-run-{os.getpid()}-0"
    left.mkdir()
    kept.mkdir()
    sweep(handed_over)
    assert not left.exists()
    assert kept.exists()


def test_a_group_of_somebody_else_is_left_alone(tmp_path: Path):
    with pytest.raises(NoGroup, match="root group"):
        check_ours(tmp_path)
    (tmp_path / "cgroup.events").touch()
    with pytest.raises(NoGroup, match="Delegate=yes"):
        check_ours(tmp_path)


@pytest.mark.parametrize(
    ("membership", "root", "expected"),
    [
        ("0::/a/b\n", "/", "mount/a/b"),
        ("5:memory:/x\n0::/a/b\n", "/", "mount/a/b"),
        ("0::/a/b/arena-grader\n", "/", "mount/a/b"),
        ("0::/docker/a/b\n", "/docker", "mount/a/b"),
    ],
)
def test_the_group_is_found_where_it_is_mounted(tmp_path: Path, membership: str, root: str, expected: str):
    (tmp_path / "mount" / "a" / "b" / "arena-grader").mkdir(parents=True)
    (tmp_path / "mounts").write_text(MOUNTS.format(root=root, mount=tmp_path / "mount"))
    (tmp_path / "membership").write_text(membership)
    assert find_group(tmp_path / "mounts", tmp_path / "membership") == tmp_path / expected


@pytest.mark.parametrize("membership", ["1:memory:/a\n", "0::/../a\n", "0::/nowhere\n", ""])
def test_no_group_is_made_up(tmp_path: Path, membership: str):
    (tmp_path / "mounts").write_text(MOUNTS.format(root="/", mount=tmp_path / "mount"))
    (tmp_path / "membership").write_text(membership)
    with pytest.raises(NoGroup):
        find_group(tmp_path / "mounts", tmp_path / "membership")


def test_a_run_goes_on_without_a_group():
    with subprocess.Popen(["sleep", "30"]) as process:
        with limited(process.pid, BOUNDS) as group:
            assert group is None or group.path.exists()
            was_running = process.poll() is None
        assert was_running
        process.kill()
