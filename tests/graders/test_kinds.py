"""A grader tries its specimens before it listens, and does not listen where a verdict differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from challenges.errors import Reason
from graders.kinds import Specimen, SpecimenFailed, check_kinds, check_specimens, find_kinds, try_specimen
from graders.kinds.predictions import specimens
from tests.sandboxing import shared_sandbox

ALL = specimens()
TABLES = list(Reason)[: list(Reason).index(Reason.SCORE_UNDEFINED)]
"""What a table can be refused for stands first in the list."""


@pytest.mark.parametrize("specimen", ALL, ids=lambda s: s.name)
def test_each_specimen_gets_its_verdict(specimen: Specimen, tmp_path: Path):
    assert try_specimen(specimen, tmp_path, shared_sandbox()) is specimen.reason


def test_there_is_a_specimen_for_every_reason_a_table_can_be_refused_for():
    assert {s.reason for s in ALL if s.reason} == set(TABLES)


def test_all_kinds_agree():
    assert check_kinds(shared_sandbox()) == find_kinds()


def test_a_wrong_verdict_is_noticed():
    with pytest.raises(SpecimenFailed, match="plain CSV: refused as empty_file; it must be read"):
        check_specimens("predictions", [replace(ALL[0], content=b"")], shared_sandbox())
