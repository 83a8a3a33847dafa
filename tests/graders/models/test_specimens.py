"""The specimens of the kinds that open models get their verdicts, and can fail."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from challenges.errors import Reason
from graders.kinds import Specimen, SpecimenFailed, check_specimens, try_specimen
from tests.sandboxing import shared_sandbox

KINDS = ("onnx", "weights", "torchscript")
ALL = [(kind, specimen) for kind in KINDS for specimen in import_module(f"graders.kinds.{kind}").specimens()]


@pytest.mark.parametrize("specimen", [specimen for _, specimen in ALL], ids=lambda specimen: specimen.name)
def test_each_specimen_gets_its_verdict(specimen: Specimen, tmp_path: Path):
    assert try_specimen(specimen, tmp_path, shared_sandbox()) is specimen.reason


def test_a_wrong_verdict_is_noticed():
    kind, specimen = ALL[0]
    with pytest.raises(SpecimenFailed, match="it must be refused"):
        check_specimens(kind, [replace(specimen, reason=Reason.NOT_CAUSAL)], shared_sandbox())
