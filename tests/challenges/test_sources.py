"""Real data: loaders proven on the files themselves, served on loopback, and on small files that are broken."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from challenges._generators.keys import Keys
from challenges.errors import InvalidSource
from challenges.messages import Outcome
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_part, load_script
from tests.real_data import REAL, needs_files, serve_real_files


@pytest.fixture
def mirror() -> Iterator[str]:
    """Address of a server of the real files."""
    with serve_real_files() as url:
        yield url


def check_real(made: Prepared, hidden: int, train: int) -> None:
    """What holds of every dataset made from real files."""
    columns = load_part(made.public, "train")
    assert {len(values) for values in columns.values()} == {train}
    assert made.answers.height == hidden == made.sample.height
    assert made.grade(made.public / "sample_submission.csv").outcome is Outcome.SCORED
    assert made.package.manifest.sources[made.dataset.split("-")[0]].honour_system


@needs_files
def test_california_is_pooled_and_divided_anew(workshop: Workshop, mirror: str, tmp_path: Path):
    made = workshop.prepare("house_prices", source="real", mirror=mirror)
    check_real(made, hidden=6192, train=14448)
    load_script(made.package.folder, "baseline").main(made.public, tmp_path / "s.csv")
    verdict = made.grade(tmp_path / "s.csv")
    assert verdict.public is not None
    assert verdict.public.score == pytest.approx(0.311, abs=0.02)
    worst = next(d for d in verdict.diagnostics if d["kind"] == "worst_rows")
    assert worst["columns"][0] == "ocean_proximity"
    assert "area" not in worst["columns"]


@needs_files
def test_the_small_part_of_mnist_is_pooled_and_divided_anew(workshop: Workshop, mirror: str):
    made = workshop.prepare("mnist_digits", source="t10k", mirror=mirror)
    check_real(made, hidden=2000, train=8000)
    official = gzip.decompress(next(REAL.rglob("t10k-labels-idx1-ubyte.gz")).read_bytes())[8:]
    pooled = np.concatenate([load_part(made.public, "train")["y"], made.answers["label"].to_numpy()])
    assert np.bincount(pooled).tolist() == np.bincount(np.frombuffer(official, dtype=np.uint8)).tolist()


@needs_files
def test_a_file_that_cannot_be_had_stops_the_preparation_and_publishes_nothing(workshop: Workshop, mirror: str):
    if any(REAL.rglob("train-images-idx3-ubyte.gz")):
        pytest.skip("all of MNIST is here")
    with pytest.raises(InvalidSource, match=r"train-images-idx3-ubyte\.gz answers 404"):
        workshop.prepare("mnist_digits", installation="unlucky", source="real", mirror=mirror)
    assert not list((workshop.folder / "unlucky").rglob("answers.parquet"))


def test_half_of_the_real_flowers_is_hidden(workshop: Workshop):
    made = workshop.prepare("iris", source="real")
    check_real(made, hidden=75, train=75)
    columns = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    asked = pl.read_csv(made.public / "test.csv").select(columns)
    assert pl.concat([asked, pl.read_csv(made.public / "train.csv").select(columns)]).height == 150


@pytest.mark.parametrize(("source", "groups"), [("real", {"slice_pen_width", "slice_skew"}), ("fashion", set())])
def test_pictures_of_all_four_files(source: str, groups: set[str], tmp_path: Path):
    """The whole pool, with files of the right form and few pictures; only digits are grouped by pen and slant."""
    rng = np.random.default_rng(0)
    raw, public, hidden = (tmp_path / name for name in ("raw", "public", "hidden"))
    for folder in (raw, public, hidden):
        folder.mkdir()
    for part, count in (("train", 60), ("t10k", 10)):
        write_idx(raw / f"{part}-images-idx3-ubyte.gz", 2051, rng.integers(0, 256, (count, 28, 28)))
        write_idx(raw / f"{part}-labels-idx1-ubyte.gz", 2049, np.arange(count) % 10)
    script = load_script(CHALLENGES / "mnist_digits", "prepare")
    script.prepare(raw, public, hidden, Keys(SECRET, "mnist_digits", 1), source)
    assert load_part(public, "train")["x"].shape == (60, 28, 28)
    answers = pl.read_parquet(hidden / "answers.parquet")
    assert answers.height == 10
    assert set(answers.columns) - {"id", "label"} == groups
    labels = [*load_part(public, "train")["y"].tolist(), *answers["label"].to_list()]
    assert sorted(labels) == sorted(list(range(10)) * 7)


def write_idx(path: Path, magic: int, values: np.ndarray) -> None:
    header = struct.pack(f">{1 + values.ndim}I", magic, *values.shape)
    path.write_bytes(gzip.compress(header + values.astype(np.uint8).tobytes()))


SPOILT = gzip.compress(bytes(range(256)) * 9)
SPOILT = SPOILT[:20] + b"spoilt" + SPOILT[26:]
BROKEN_LABELS = {
    "not gzip": b"0123456789",
    "spoilt gzip": SPOILT,
    "cut gzip": gzip.compress(bytes(1000))[:20],
    "no header": gzip.compress(b"\0\0"),
    "of another kind": gzip.compress(struct.pack(">II", 2051, 3) + bytes(3)),
    "too short": gzip.compress(struct.pack(">II", 2049, 9) + bytes(3)),
    "of another length": gzip.compress(struct.pack(">II", 2049, 3) + bytes(3)),
}


@pytest.mark.parametrize("name", BROKEN_LABELS)
def test_a_broken_idx_file_is_refused(name: str, tmp_path: Path):
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", 2051, np.zeros((2, 28, 28)))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(BROKEN_LABELS[name])
    script = load_script(CHALLENGES / "mnist_digits", "prepare")
    with pytest.raises(InvalidSource, match="t10k"):
        script.load_pool(tmp_path, ("t10k",))


def test_a_missing_idx_file_is_refused(tmp_path: Path):
    script = load_script(CHALLENGES / "mnist_digits", "prepare")
    with pytest.raises(InvalidSource, match=r"train-images-idx3-ubyte\.gz"):
        script.load_pool(tmp_path, ("train",))


def make_archive(path: Path, name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> None:
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.type, member.linkname = len(content), kind, "/etc/passwd"
        tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("other.csv", b"a\n1\n", tarfile.REGTYPE),
        ("housing.csv", b"", tarfile.DIRTYPE),
        ("housing.csv", b"", tarfile.SYMTYPE),
        ("housing.csv", bytes(10_000_001), tarfile.REGTYPE),
    ],
    ids=["another name", "a folder", "a link", "too large"],
)
def test_an_archive_without_the_table_is_refused(name: str, content: bytes, kind: bytes, tmp_path: Path):
    make_archive(tmp_path / "housing.tgz", name, content, kind)
    script = load_script(CHALLENGES / "house_prices", "prepare")
    with pytest.raises(InvalidSource, match=r"housing\.tgz"):
        script.load_blocks(tmp_path / "housing.tgz")


BROKEN_ARCHIVES = {
    "empty": b"",
    "no gzip": b"no archive",
    "no tar": gzip.compress(b"no tar" * 200),
    "cut gzip": gzip.compress(bytes(99))[:30],
    "spoilt gzip": SPOILT,
}


@pytest.mark.parametrize("name", BROKEN_ARCHIVES)
def test_a_broken_archive_is_refused(name: str, tmp_path: Path):
    (tmp_path / "housing.tgz").write_bytes(BROKEN_ARCHIVES[name])
    script = load_script(CHALLENGES / "house_prices", "prepare")
    with pytest.raises(InvalidSource, match=r"housing\.tgz"):
        script.load_blocks(tmp_path / "housing.tgz")
