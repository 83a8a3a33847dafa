"""A user number is lent once, to root only, and only where the interpreter can be read with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graders.sandbox.uids import POOL, Lease, check_readable, lease_uid

SYSTEM_PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
needs_python = pytest.mark.skipif(SYSTEM_PYTHON is None, reason="no interpreter that everybody can read")


def lend(pool: range = POOL) -> Lease:
    return lease_uid(str(SYSTEM_PYTHON), ("json",), pool)


@needs_root
@needs_python
def test_two_leases_are_two_users_and_a_third_process_sees_both():
    first, second = lend(), lend()
    try:
        assert {first.uid, second.uid} <= set(POOL)
        assert first.uid != second.uid
        told = subprocess.run(["cat", "/proc/net/unix"], capture_output=True, text=True, check=True).stdout
        assert f"@arena-sandbox-uid-{first.uid}" in told
    finally:
        first.close()
        second.close()


@needs_root
@needs_python
def test_what_is_given_back_can_be_lent_again():
    pool = range(first := 40_000 + os.getpid() % 9000 * 2, first + 2)
    leases = [lend(pool), lend(pool)]
    full = lend(pool)
    leases[0].close()
    again = lend(pool)
    try:
        assert {lease.uid for lease in leases} == set(pool)
        assert full.uid == 0
        assert f"all of {pool[0]} to {pool[1]} are lent" in full.reason
        assert again.uid == leases[0].uid
    finally:
        again.close()
        leases[1].close()


@needs_root
def test_an_interpreter_that_only_root_can_read_is_found_out(tmp_path: Path):
    python = tmp_path / "python"
    shutil.copy(Path(sys.executable).resolve(), python)
    tmp_path.chmod(0o700)
    assert "cannot run" in check_readable(POOL[0], str(python), ())


@needs_root
@needs_python
def test_libraries_that_cannot_be_read_are_found_out():
    assert check_readable(POOL[0], str(SYSTEM_PYTHON), ("json",)) == ""
    problem = check_readable(POOL[0], str(SYSTEM_PYTHON), ("json", "nobody_has_this"))
    assert problem == f"user {POOL[0]} cannot read the libraries: ModuleNotFoundError: nobody_has_this"


@pytest.mark.skipif(os.geteuid() == 0, reason="for an ordinary user")
def test_an_ordinary_user_has_none_to_lend():
    lease = lease_uid()
    assert lease.uid == 0
    assert "only root" in lease.reason
