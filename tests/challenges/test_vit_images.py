"""vit_images: CIFAR-10's archive is read with care, and the published models are vision transformers."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import tarfile
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
import torch

from challenges._generators.keys import Keys
from challenges.catalogue import load_package
from challenges.errors import InvalidSource
from challenges.messages import PrepareJob
from graders.preparing import prepare
from graders.rules.vision_transformer import check
from graders.settings import GraderSettings
from tests.challenges.workshop import CHALLENGES, SECRET, load_part, load_script
from tests.real_data import serve_real_files

RECORDS = 100
BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The challenge's `prepare.py`."""
    return load_script(CHALLENGES / "vit_images", "prepare")


def make_batches(count: int = RECORDS) -> dict[str, bytes]:
    """Batches of the right form: the label first, then the red, the green and the blue plane."""
    rng = np.random.default_rng(0)
    batches = {}
    for name in BATCHES:
        records = rng.integers(0, 256, (count, 3073)).astype(np.uint8)
        records[:, 0] = np.arange(count) % 10
        batches[f"cifar-10-batches-bin/{name}.bin"] = records.tobytes()
    return batches


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_cifar_is_downloaded_pooled_and_divided_anew(tmp_path: Path):
    """From an archive of the same form served on loopback, whose size and sha256 a copy of the package promises."""
    (tmp_path / "files").mkdir()
    content = write_archive(tmp_path / "files" / "cifar-10-binary.tar.gz", make_batches()).read_bytes()
    folder = tmp_path / "challenges" / "vit_images"
    shutil.copytree(CHALLENGES / "vit_images", folder, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = (folder / "challenge.toml").read_text(encoding="utf-8")
    manifest = re.sub(r'(?m)^digest = ".*"$', f'digest = "{hashlib.sha256(content).hexdigest()}"', manifest)
    manifest = re.sub(r"(?m)^size_bytes = .*$", f"size_bytes = {len(content)}", manifest)
    (folder / "challenge.toml").write_text(manifest, encoding="utf-8")
    with serve_real_files(tmp_path / "files") as mirror:
        settings = GraderSettings(
            redis_url="redis://nowhere",
            storage_url=(tmp_path / "blobs").as_uri(),
            vault_url=(tmp_path / "vault").as_uri(),
            challenges_dir=folder.parent,
            source_base_url=mirror,
        )
        report = prepare(PrepareJob("d", "vit_images", "real-v1-1", "real", load_package(folder).digest), settings)
    assert report.ready
    train = load_part(tmp_path / "blobs" / "public" / "vit_images" / "real-v1-1", "train")
    assert train["image"].shape == (570, 3, 32, 32)
    vault = tmp_path / "vault" / "vit_images" / "real-v1-1"
    answers = pl.read_parquet(vault / "answers.parquet")
    assert set(answers.columns) == {"id", "label", "side"}
    hidden = dict(np.load(vault / "inputs.npz", allow_pickle=False))
    assert hidden["id"].tolist() == answers["id"].to_list() == sorted(answers["id"].to_list())
    pairs = {}
    for content in make_batches().values():
        for record in np.frombuffer(content, dtype=np.uint8).reshape(-1, 3073):
            pairs[record[1:].tobytes()] = int(record[0])
    images = [*train["image"], *hidden["image"]]
    labels = [*train["label"].tolist(), *answers["label"].to_list()]
    assert len(images) == len(pairs) == 600
    assert all(pairs.pop(image.tobytes()) == label for image, label in zip(images, labels, strict=True))


FIRST = "cifar-10-batches-bin/data_batch_1.bin"
SPOILT = {
    "a batch is missing": (lambda files: files.pop(FIRST), "data_batch_1"),
    "half a record": (lambda files: files.update({FIRST: files[FIRST][:-1]}), "data_batch_1"),
    "an empty batch": (lambda files: files.update({FIRST: b""}), "data_batch_1"),
    "too many records": (lambda files: files.update({FIRST: bytes(3073 * 10_001)}), "data_batch_1"),
    "an eleventh class": (lambda files: files.update({FIRST: b"\x0a" * 3073}), "label 10"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_archive_is_refused(script: ModuleType, name: str, tmp_path: Path):
    spoil, told = SPOILT[name]
    files = make_batches(2)
    spoil(files)
    with pytest.raises(InvalidSource, match=told):
        script.load_cifar(write_archive(tmp_path / "cifar-10-binary.tar.gz", files))


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00cut"], ids=["empty", "no gzip", "cut"])
def test_what_is_no_archive_is_refused(script: ModuleType, content: bytes, tmp_path: Path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(content)
    with pytest.raises(InvalidSource, match=r"cifar-10-binary\.tar\.gz"):
        script.load_cifar(tmp_path / "cifar-10-binary.tar.gz")


def run(model: Path, rows: int) -> np.ndarray:
    session = onnxruntime.InferenceSession(model)
    image = np.random.default_rng(rows).random((rows, 3, 32, 32), dtype=np.float32)
    (logits,) = session.run(["logits"], {"image": image})
    return np.asarray(logits)


def test_the_sample_model_keeps_the_rule_and_knows_nothing(script: ModuleType, tmp_path: Path):
    for name in ("one.onnx", "two.onnx"):
        script.save_sample(tmp_path / name)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    assert check(onnx.load(tmp_path / "one.onnx").graph) == []
    assert [run(tmp_path / "one.onnx", rows).tolist() for rows in (1, 3)] == [[[0.0] * 10], [[0.0] * 10] * 3]


def test_the_baseline_is_a_vision_transformer_and_exported_as_it_is(tmp_path: Path):
    baseline = load_script(CHALLENGES / "vit_images", "baseline")
    torch.manual_seed(0)
    network = baseline.VisionTransformer()
    baseline.export(network, tmp_path / "model.onnx")
    assert check(onnx.load(tmp_path / "model.onnx").graph) == []
    for rows in (1, 7):
        image = np.random.default_rng(rows).random((rows, 3, 32, 32), dtype=np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(image)).numpy()
        assert run(tmp_path / "model.onnx", rows) == pytest.approx(expected, abs=1e-4)


def test_slices_name_what_makes_a_picture_hard(script: ModuleType):
    sprites, labels = script.draw_part("test", 900, Keys(SECRET, "vit_images", 1))
    slices = script.name_slices(sprites)
    assert len(labels) == 900
    assert sorted(set(slices["slice_scale"].tolist())) == ["large", "medium", "small"]
    assert (slices["slice_scale"] == "small").mean() == pytest.approx(1 / 3, abs=0.01)
    assert (slices["slice_occlusion"] == "free").mean() > 0.6
    assert sprites.occlusion[slices["slice_occlusion"] == "much hidden"].min() >= 0.1
