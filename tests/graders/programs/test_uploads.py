"""Programs from upload to files: in the sandbox, at home, and as a frame that nobody believes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from challenges.errors import InvalidSubmission, Reason
from graders.artefacts.archives import Member, pack
from graders.kinds import Specimen, Upload, code, service, try_specimen
from graders.programs import Ask
from graders.programs import specimens as some
from graders.programs.members import dump_members, find_members, load_members
from graders.programs.opening import open_here, open_program
from graders.sandbox.frames import BrokenFrame, Frame
from tests.graders.programs.settings import spec
from tests.sandboxing import shared_sandbox

ALL = [("code", s) for s in code.specimens()] + [("service", s) for s in service.specimens()]
OPENED = {Reason.PROGRAM_FAILED, Reason.TIMED_OUT, Reason.TOO_MUCH_OUTPUT}
"""What only a run can show."""
ASK = Ask(spec(), 100_000, "s.zip")


@pytest.mark.parametrize("specimen", [s for _, s in ALL], ids=[f"{kind}: {s.name}" for kind, s in ALL])
def test_each_specimen_gets_its_verdict(specimen: Specimen, tmp_path: Path):
    assert try_specimen(specimen, tmp_path, shared_sandbox()) is specimen.reason


@pytest.mark.parametrize("case", [c for c in some.code() if c.reason not in OPENED], ids=lambda c: c.name)
def test_at_home_the_verdict_on_the_files_is_the_same(case: some.Case):
    manifest = some.make_manifest("code", "solution.py")
    if case.reason is None:
        assert open_here(case.content, case.filename, manifest)["solution.py"] == some.GOOD
        return
    with pytest.raises(InvalidSubmission) as raised:
        open_here(case.content, case.filename, manifest)
    assert raised.value.faults[0].reason is case.reason


def test_files_keep_their_content_and_lose_a_folder_that_holds_them_all(tmp_path: Path):
    members = [Member("mine/solution.py", some.GOOD), Member("mine/data/table.bin", bytes(range(256)))]
    path = tmp_path / "upload"
    path.write_bytes(pack(members))
    found = open_program(Upload(path, "s.zip"), some.make_manifest("code", "solution.py"), shared_sandbox())
    assert found == {"solution.py": some.GOOD, "data/table.bin": bytes(range(256))}


def test_a_folder_is_kept_where_the_program_lies_beside_it():
    members = [Member("solution.py", some.GOOD), Member("mine/x.py", b"1")]
    assert list(find_members(pack(members), ASK)) == ["solution.py", "mine/x.py"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("def f(:\n  pass", "no Python program (line 1: `invalid syntax`)"),
        ("x = 1\nif x\n  y", "no Python program (line 2: `expected ':'`)"),
    ],
)
def test_a_mistake_in_python_is_told_with_its_line(source: str, told: str):
    with pytest.raises(InvalidSubmission, match=r"solution\.py") as raised:
        open_here(source.encode(), "solution.py", some.make_manifest("code", "solution.py"))
    assert told in str(raised.value)


def _frame(names: Any, arrays: list[Any]) -> Frame:
    return Frame({"names": names}, {str(n): array for n, array in enumerate(arrays)})


BYTES = np.frombuffer(b"x = 1", dtype=np.uint8)


@pytest.mark.parametrize(
    "frame",
    [
        Frame({}, {}),
        _frame("solution.py", [BYTES]),
        _frame(["other.py"], [BYTES]),
        _frame(["solution.py", "../x"], [BYTES, BYTES]),
        _frame(["solution.py", "/x"], [BYTES, BYTES]),
        _frame(["solution.py", ".files/x"], [BYTES, BYTES]),
        _frame(["solution.py", "solution.py"], [BYTES, BYTES]),
        _frame(["solution.py", "solution.py/x"], [BYTES, BYTES]),
        _frame(["solution.py", 7], [BYTES, BYTES]),
        _frame(["solution.py"], []),
        _frame(["solution.py"], [BYTES.astype(np.float64)]),
        _frame(["solution.py"], [BYTES.reshape(1, 5)]),
        _frame(["solution.py", *(f"f{n}" for n in range(9))], [BYTES] * 10),
        _frame(["solution.py"], [np.zeros(3_000_000, dtype=np.uint8)]),
    ],
)
def test_a_forged_frame_is_no_list_of_files(frame: Frame):
    with pytest.raises(BrokenFrame):
        load_members(frame, ASK)


def test_what_is_sent_is_what_arrives():
    members = {"solution.py": some.GOOD, "a/b.bin": bytes(range(256)), "empty": b""}
    note, arrays = dump_members(members)
    assert load_members(Frame(json.loads(json.dumps(note)), arrays), ASK) == members


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "big5", "shift_jis", "cp1252", "ascii", "utf-8"])
def test_python_may_be_written_in_other_encodings(encoding: str, tmp_path: Path):
    path = tmp_path / "solution.py"
    path.write_bytes(f"# -*- coding: {encoding} -*-\ndef double(x):\n    return 2 * x\n".encode(encoding))
    manifest = some.make_manifest("code", "solution.py")
    assert list(open_program(Upload(path, "solution.py"), manifest, shared_sandbox())) == ["solution.py"]


@pytest.mark.parametrize("source", [b"# -*- coding: klingon -*-\n", b"x = " + b"1+" * 20_000 + b"1"])
def test_python_that_cannot_be_compiled_is_refused_as_such(source: bytes, tmp_path: Path):
    path = tmp_path / "solution.py"
    path.write_bytes(source)
    with pytest.raises(InvalidSubmission) as raised:
        open_program(Upload(path, "solution.py"), some.make_manifest("code", "solution.py"), shared_sandbox())
    assert raised.value.faults[0].reason is Reason.WRONG_MEMBER
