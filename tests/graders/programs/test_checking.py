"""`python -m graders.checking` on programs: the form is told on one's own machine, and nothing is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from challenges.errors import Reason
from graders.artefacts.archives import Member, pack
from graders.checking import check_file
from graders.programs import specimens as some


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("solution.py", some.GOOD, None),
        ("solution.py", b"raise SystemExit('it was run')", None),
        ("s.zip", pack([Member("solution.py", some.GOOD)]), None),
        ("s.zip", pack([Member("other.py", some.GOOD)]), Reason.MISSING_MEMBER),
        ("solution.py", b"def f(:", Reason.WRONG_MEMBER),
        ("solution.txt", b"x = 1", Reason.WRONG_TYPE),
        ("solution.py", b"#" * 200_000, Reason.TOO_LARGE),
    ],
)
def test_a_program_is_checked_and_not_run(tmp_path: Path, name: str, content: bytes, reason: Reason | None):
    path = tmp_path / name
    path.write_bytes(content)
    checked = check_file(some.make_manifest("code", "solution.py"), tmp_path, path)
    assert [fault.reason for fault in checked.faults] == ([reason] if reason else [])
