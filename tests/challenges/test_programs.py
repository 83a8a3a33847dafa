"""The `[program]` table of a manifest: what it may say, and what it must not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from challenges.catalogue import load_package
from challenges.errors import InvalidManifest
from challenges.programs import ProgramFile, ProgramSpec, check_program
from challenges.records import RecordError
from challenges.rules import check_manifest
from challenges.texts import Text
from graders.programs.specimens import make_manifest
from tests.factories import make_manifest as make_table_manifest

TEXT = Text("A file.", "文件。")
FILE = ProgramFile("solution.py", TEXT)


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (ProgramSpec(), "must list a required file"),
        (ProgramSpec([replace(FILE, required=False)]), "must list a required file"),
        (ProgramSpec([FILE, FILE]), "a name appears twice"),
        (ProgramSpec([ProgramFile("../solution.py", TEXT)]), "no plain relative path"),
        (ProgramSpec([ProgramFile(".files/x", TEXT)]), "no plain relative path"),
        (ProgramSpec([FILE], most_files=0), "most_files"),
        (ProgramSpec([FILE], run_seconds=0), "run_seconds"),
        (ProgramSpec([FILE], libraries="jax"), "libraries must be one of numpy, torch"),
    ],
)
def test_what_a_table_must_not_say(program: ProgramSpec, problem: str):
    with pytest.raises(RecordError, match=problem):
        check_program(program)


def test_a_lone_file_is_the_only_required_one_in_python():
    assert ProgramSpec([FILE, ProgramFile("x.py", TEXT, required=False)]).lone == "solution.py"
    assert ProgramSpec([FILE, ProgramFile("x.py", TEXT)]).lone == ""
    assert ProgramSpec([ProgramFile("model.json", TEXT)]).lone == ""


def test_the_table_goes_with_its_kinds():
    manifest = make_manifest("code", "solution.py")
    check_manifest(manifest)
    assert manifest.is_scored_by_package
    with pytest.raises(RecordError, match=r"a \[program\] table goes with"):
        check_manifest(replace(manifest, program=None))
    with pytest.raises(RecordError, match=r"a \[program\] table goes with"):
        check_manifest(replace(make_table_manifest(), program=ProgramSpec([FILE])))
    with pytest.raises(RecordError, match="columns go with all kinds but"):
        check_manifest(replace(manifest, submission=make_table_manifest().submission))


MANIFEST = """schema = 1
version = 1
kind = "code"
stage = "networks"
hours = 1
data_licence = "CC0"
title = { en = "a", zh = "甲" }
summary = { en = "a", zh = "甲" }
metric = { name = "score", direction = "max", title = { en = "a", zh = "甲" } }
submission = { id = "id" }
thresholds = { passing = 0.1, good = 0.2, excellent = 0.3 }
program = { files = [{ name = "solution.py", description = { en = "a", zh = "甲" } }] }
"""


@pytest.mark.parametrize("missing", ["grade.py", "harness.py"])
def test_a_package_is_complete_with_its_scripts(tmp_path: Path, missing: str):
    folder = tmp_path / "some"
    folder.mkdir()
    for name in ("__init__.py", "description.md", "description.zh.md", "prepare.py", "baseline.py"):
        (folder / name).write_text("", encoding="utf-8")
    (folder / "challenge.toml").write_text(MANIFEST, encoding="utf-8")
    for name in {"grade.py", "harness.py"} - {missing}:
        (folder / name).write_text("", encoding="utf-8")
    with pytest.raises(InvalidManifest, match=f"{missing} is missing; a challenge of kind code has one"):
        load_package(folder)
