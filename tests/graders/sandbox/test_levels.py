"""Levels are ordered, and each holds what the one below it holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graders.sandbox.levels import KINDS, NEEDS, Level, refused

DATA = {"artefacts", "predictions", "weights"}
MODELS = DATA | {"onnx", "torchscript"}
PROGRAMS = MODELS | {"code", "service"}
HELD = {
    "S0": DATA,
    "S1": MODELS,
    "SX": PROGRAMS,
    "S2n": PROGRAMS,
    "S2": PROGRAMS,
    "S3": PROGRAMS | {"scratch", "fork"},
}


@pytest.mark.parametrize("name", HELD)
def test_a_level_holds_these_kinds_and_refuses_all_others(name: str):
    assert set(KINDS) - set(refused(Level[name])) == HELD[name]


def test_a_better_level_refuses_nothing_that_a_worse_one_holds():
    for worse, better in zip(sorted(Level), sorted(Level)[1:], strict=False):
        assert set(refused(better)) <= set(refused(worse))
    assert [level.name for level in sorted(Level)] == ["S0", "S1", "SX", "S2n", "S2", "S3"]


def test_a_refusal_names_the_kind_what_there_is_and_what_it_needs():
    said = refused(Level.S1, ["onnx", "code"])
    assert list(said) == ["code"]
    assert said["code"].startswith("The sandbox of this machine is S1; `code` needs SX or better: ")
    assert said["code"].endswith(".")


def test_every_refusal_is_a_sentence():
    for level in Level:
        for sentence in refused(level).values():
            assert sentence.endswith(".")
    assert set(NEEDS) == set(KINDS)


def test_each_level_is_described():
    text = (Path(__file__).resolve().parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (S\w+) \|", text, re.MULTILINE)
    assert rows == [level.name for level in sorted(Level, reverse=True)]


def test_a_kind_that_nobody_knows_is_an_error():
    with pytest.raises(KeyError):
        refused(Level.S3, ["pickle"])
