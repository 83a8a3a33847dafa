"""The same suite again as whoever it was not run as: an ordinary user, and root with guests that become another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.graders.sandbox.mechanisms import POOL_UID, is_readable

ROOT = Path(__file__).resolve().parents[3]
ORDINARY_UID = POOL_UID + 1000
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
SUITE = (
    "test_attacks.py",
    "test_conformance.py",
    "test_edges.py",
    "test_lock.py",
    "test_seccomp.py",
    "test_landlock.py",
)
HEAVY = "not honest_work"


@pytest.fixture(scope="module")
def readable_python() -> Iterator[str]:
    """An interpreter with our packages that every user may run: our own, or the system's of the same version."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    if is_readable(ORDINARY_UID):
        yield sys.executable
        return
    program = Path("/usr/bin", VERSION)
    if not program.exists():
        pytest.skip(f"no other user may read {sys.prefix}, and there is no {program}")
    folder = Path(tempfile.mkdtemp(prefix="arena-suite-python-", dir="/tmp"))
    try:
        python = _make_environment(folder, program)
        if not is_readable(ORDINARY_UID, python):
            pytest.skip(f"no other user may read our packages in {sys.prefix}")
        yield python
    finally:
        shutil.rmtree(folder)


def _make_environment(folder: Path, program: Path) -> str:
    """A virtual environment that borrows the packages of ours."""
    packages = folder / "lib" / VERSION / "site-packages"
    packages.mkdir(parents=True)
    borrowed = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    lines = [f"import site; site.addsitedir({path!r})" for path in dict.fromkeys(borrowed)]
    (packages / "borrowed.pth").write_text("\n".join([str(ROOT), *lines]) + "\n", encoding="utf-8")
    (folder / "pyvenv.cfg").write_text(
        f"home = {program.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    # what the client of Redis asks for by this name on a Python older than ours by a patch, where it stands in asyncio
    (packages / "async_timeout.py").write_text("from asyncio import timeout\n", encoding="utf-8")
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(program)
    folder.chmod(0o755)
    return str(folder / "bin" / "python")


def run_suite(python: str, uid: int, chosen: str) -> str:
    """Run the suite by another interpreter, as another user; what it told.

    Args:
        python: The interpreter.
        uid: 0: as root.
        chosen: pytest's expression for the tests to run.
    """
    folder = Path(tempfile.mkdtemp(prefix="arena-suite-user-", dir="/tmp"))
    os.chown(folder, uid, uid)
    files = [str(Path(__file__).with_name(name)) for name in SUITE]
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "no:randomly",
        "-k",
        chosen,
    ]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "USER": "suite", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, f"--basetemp={folder}/pytest", f"--rootdir={ROOT}", "-c", str(ROOT / "pyproject.toml"), *files],
            cwd=ROOT,
            env=environment,
            user=uid,
            group=uid,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    told = done.stdout[-12_000:] + done.stderr[-3000:]
    assert done.returncode == 0, told
    return told


@pytest.mark.parametrize("part", ["attacks", "conformance or edges", "test_lock or test_seccomp or test_landlock"])
def test_the_suite_passes_as_an_ordinary_user(part: str, readable_python: str):
    told = run_suite(readable_python, ORDINARY_UID, f"({part}) and {HEAVY}")
    assert " passed" in told


def test_the_suite_passes_for_guests_that_become_another_user(readable_python: str):
    if readable_python == sys.executable:
        pytest.skip("they were tried with this very interpreter")
    told = run_suite(readable_python, 0, f"pool and {HEAVY} and (attacks or killed or forkserver)")
    assert " passed" in told
