"""A participant's own machine finds the faults that a grader finds, before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import challenges
from challenges.catalogue import load_package
from graders.artefacts import specimens as artefacts_to_try
from graders.artefacts.archives import pack
from graders.checking import Here, check_file, main, tell, try_model
from graders.kinds import Upload
from graders.models.specimens import torch_pickle
from graders.models.tiny_onnx import linear
from tests.graders.examples import flower_answers, flowers, flowers_manifest, perfect
from tests.graders.models.networks import Convolutional, to_onnx
from tests.graders.models.settings import ARCHITECTURE, image_challenge
from tests.graders.models.test_torch_uploads import weights

DISTILLATION = Path(challenges.__file__).parent / "distillation" / "challenge.toml"
MANIFEST = image_challenge(["onnx", "weights"]).manifest


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_good_model_is_told_its_costs(tmp_path: Path):
    checked = check_file(MANIFEST, tmp_path, put(tmp_path, "model.onnx", to_onnx(Convolutional())))
    assert (checked.faults, checked.warning) == ([], None)
    assert set(checked.costs) == {"parameters", "weight_bytes", "macs", "latency_ms", "latency_ratio"}
    assert tell(checked).endswith("The file is as it must be.\n")


def test_weights_are_checked_with_the_architecture_beside_the_manifest(tmp_path: Path):
    put(tmp_path, "network.py", ARCHITECTURE)
    checked = check_file(MANIFEST, tmp_path, put(tmp_path, "model.safetensors", weights()))
    assert not checked.faults


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = put(tmp_path, "model.pt", torch_pickle())
    assert main([str(DISTILLATION), str(path)]) == 1
    assert "torch.onnx.export" in capsys.readouterr().out
    path = put(tmp_path, "model.onnx", linear().SerializeToString())
    assert main([str(DISTILLATION), str(path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert told["faults"][0]["reason"] == "wrong_signature"
    assert "`x`" in told["faults"][0]["sentence"]
    assert main([str(tmp_path / "challenge.toml"), str(path)]) == 2


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path):
    checked = check_file(MANIFEST, tmp_path, put(tmp_path, "model.onnx", bytes(1_000_001)))
    assert [fault.reason for fault in checked.faults] == ["too_large"]


def test_without_a_sandbox_the_verdict_is_the_same(tmp_path: Path):
    good = Upload(put(tmp_path, "model.onnx", to_onnx(Convolutional())), "model.onnx")
    assert not try_model(MANIFEST, tmp_path, good, Here()).faults
    bad = Upload(put(tmp_path, "other.onnx", linear().SerializeToString()), "other.onnx")
    assert try_model(MANIFEST, tmp_path, bad, Here()).faults[0].reason == "wrong_signature"


def test_artefacts_are_checked_with_and_without_the_ids(tmp_path: Path):
    manifest = artefacts_to_try.make_manifest(artefacts_to_try.FILES)
    good = put(tmp_path, "s.zip", pack(artefacts_to_try.files_with()))
    short = put(tmp_path, "t.zip", pack(artefacts_to_try.files_with(out_b2_png=None)))
    assert not check_file(manifest, tmp_path, short).faults
    put(tmp_path, "rows.csv", b"id\na1\nb2\nc3\n")
    assert not check_file(manifest, tmp_path, good).faults
    assert [f.reason for f in check_file(manifest, tmp_path, short).faults] == ["missing_member"]


def test_tables_are_checked_with_and_without_the_ids(tmp_path: Path):
    manifest = flowers_manifest()
    rows = perfect(flowers())
    good = tmp_path / "good.csv"
    rows.write_csv(good)
    short = tmp_path / "short.csv"
    rows.head(-1).write_csv(short)
    wrong = put(tmp_path, "wrong.csv", b"id,species\na,rose\n")
    assert [f.reason for f in check_file(manifest, tmp_path, wrong).faults] == ["unknown_label"]
    assert not check_file(manifest, tmp_path, short).faults
    flower_answers().select("id", species=pl.lit("setosa")).write_csv(tmp_path / "sample_submission.csv")
    assert not check_file(manifest, tmp_path, good).faults
    assert [f.reason for f in check_file(manifest, tmp_path, short).faults] == ["missing_id"]


def test_labels_may_be_called_as_in_any_source(tmp_path: Path):
    manifest = load_package(Path(challenges.__file__).parent / "cifar10").manifest
    for content, reasons in (
        (b"id,label\na,fish\nb,4\n", []),
        (b"id,label\na,Deer\nb,4\n", []),
        (b"id,label\na,fish\nb,deer\n", ["unknown_label"]),
        (b"id,label\na,whale\nb,deer\n", ["unknown_label", "unknown_label"]),
    ):
        checked = check_file(manifest, tmp_path, put(tmp_path, "s.csv", content))
        assert [fault.reason for fault in checked.faults] == reasons
