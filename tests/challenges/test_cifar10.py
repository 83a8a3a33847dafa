"""cifar10: CIFAR-10's archive is read with care, pooled and divided anew; drawn pictures say what makes them hard."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from challenges._generators import cifar
from challenges._generators.cifar import ARCHIVE, BATCHES, load_cifar
from challenges._generators.keys import Keys
from challenges._generators.sprites import CLASSES
from challenges.errors import InvalidSource
from tests.challenges.cifar_archives import make_batches, prepare_real, records_by_image, write_archive
from tests.challenges.workshop import CHALLENGES, SECRET, Workshop, load_part, load_script

SCRIPT = load_script(CHALLENGES / "cifar10", "prepare")
FIRST = BATCHES[0]


def test_cifar_is_downloaded_pooled_and_divided_anew(tmp_path: Path):
    """From an archive of the same form served on loopback, whose size and sha256 a copy of the package promises."""
    public, vault = prepare_real("cifar10", tmp_path)
    train, test = load_part(public, "train"), load_part(public, "test")
    assert (train["x"].shape, test["x"].shape) == ((500, 32, 32, 3), (100, 32, 32, 3))
    answers = pl.read_parquet(vault / "answers.parquet")
    assert set(answers.columns) == {"id", "label", "side"}
    assert test["id"].tolist() == answers["id"].to_list() == sorted(answers["id"].to_list())
    pairs = records_by_image(make_batches())
    labels = [*train["y"].tolist(), *answers["label"].to_list()]
    planes = np.concatenate([train["x"], test["x"]]).transpose(0, 3, 1, 2)
    assert len(planes) == len(pairs) == 600
    assert all(pairs.pop(image.tobytes()) == label for image, label in zip(planes, labels, strict=True))


def test_an_operator_is_shown_that_there_is_no_licence(workshop: Workshop):
    source = workshop.prepare("cifar10").package.manifest.sources["real"]
    assert source.honour_system
    assert "none stated" in source.licence
    assert source.files[0].url.rpartition("/")[2] == ARCHIVE


SPOILT = {
    "a batch is missing": (lambda files: files.pop(FIRST), "data_batch_1"),
    "half a record": (lambda files: files.update({FIRST: files[FIRST][:-1]}), "data_batch_1"),
    "an empty batch": (lambda files: files.update({FIRST: b""}), "data_batch_1"),
    "too many records": (lambda files: files.update({FIRST: bytes(3073 * 10_001)}), "data_batch_1"),
    "an eleventh class": (lambda files: files.update({FIRST: b"\x0a" * 3073}), "label 10"),
    "a crowd of files": (lambda files: files.update({f"{n}.txt": b"" for n in range(100)}), "100 files"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_archive_is_refused(name: str, tmp_path: Path):
    spoil, told = SPOILT[name]
    files = make_batches(2)
    spoil(files)
    with pytest.raises(InvalidSource, match=told):
        load_cifar(write_archive(tmp_path / ARCHIVE, files))


def test_an_archive_that_promises_more_than_it_may_hold_is_refused_unread(tmp_path: Path):
    """The promise is believed: nothing of such a member is unpacked."""
    with tarfile.open(tmp_path / ARCHIVE, "w:gz") as tar:
        member = tarfile.TarInfo("large.bin")
        member.size = cifar.MOST_BYTES
        tar.addfile(member)
    with pytest.raises(InvalidSource, match=str(cifar.MOST_BYTES)):
        load_cifar(tmp_path / ARCHIVE)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE], ids=["link", "hard", "folder"])
def test_what_is_no_file_is_refused(kind: bytes, tmp_path: Path):
    with pytest.raises(InvalidSource, match="data_batch_1"):
        load_cifar(write_archive(tmp_path / ARCHIVE, {FIRST: b""}, kind))


def test_names_that_lead_out_of_the_archive_write_nothing(tmp_path: Path):
    (tmp_path / "in").mkdir()
    files = {"../escaped.bin": b"1", str(tmp_path / "absolute.bin"): b"2", **make_batches(2)}
    images, labels = load_cifar(write_archive(tmp_path / "in" / ARCHIVE, files))
    assert (len(images), labels.tolist()) == (12, [0, 1] * 6)
    assert [path.name for path in tmp_path.rglob("*")] == ["in", ARCHIVE]


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00cut"], ids=["empty", "no gzip", "cut"])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path):
    (tmp_path / ARCHIVE).write_bytes(content)
    with pytest.raises(InvalidSource, match=r"cifar-10-binary\.tar\.gz"):
        load_cifar(tmp_path / ARCHIVE)


def test_slices_name_what_makes_a_picture_hard():
    sprites, labels = SCRIPT.draw_part("test", 900, Keys(SECRET, "cifar10", 1))
    slices = SCRIPT.name_slices(sprites)
    assert len(labels) == 900
    assert (slices["slice_scale"] == "small").mean() == pytest.approx(1 / 3, abs=0.01)
    assert 0.55 < (slices["slice_blur"] == "sharp").mean() < 0.75
    assert sprites.blur[slices["slice_blur"] == "sharp"].max() == 0
    assert sprites.blur[slices["slice_blur"] == "much blurred"].min() >= 0.6
    assert sprites.occlusion[slices["slice_occlusion"] == "much hidden"].min() >= 0.1
    assert all(min(np.unique(names, return_counts=True)[1]) > 50 for names in slices.values())


def test_blurred_pictures_have_softer_edges():
    """Told by the steps between neighbouring pixels, over many pictures."""
    sprites, _ = SCRIPT.draw_part("test", 900, Keys(SECRET, "cifar10", 1))
    pale = sprites.images.std((1, 2, 3))
    steps = np.abs(np.diff(sprites.images.astype(np.float32), axis=3)).mean((1, 2, 3)) / pale
    assert np.median(steps[sprites.blur > 0.6]) < np.median(steps[sprites.blur == 0])


def test_the_preview_shows_pictures_in_their_colours(workshop: Workshop):
    made = workshop.prepare("cifar10")
    first = load_part(made.public, "train")["x"][0]
    with Image.open(made.public / "preview.png") as image:
        assert image.size == (640, 256)
        assert (np.asarray(image)[:32, :32] == first).all()
    assert len(CLASSES) == 10


def test_a_submission_is_told_its_errors_as_pictures_and_its_slices(workshop: Workshop, tmp_path: Path):
    made = workshop.prepare("cifar10")
    rng = np.random.default_rng(1)
    chances = pl.DataFrame(rng.dirichlet(np.ones(10), 2000).round(6), schema=[f"p{n}" for n in range(10)])
    labels = rng.integers(0, 10, 2000)
    made.sample.with_columns(label=labels).hstack(chances).write_csv(tmp_path / "guess.csv")
    verdict = made.grade(tmp_path / "guess.csv")
    confusion, classes, images, *others = verdict.diagnostics
    assert [d["kind"] for d in verdict.diagnostics] == ["confusion", "slices", "images", *["slices"] * 3]
    assert len(images["items"]) == 20
    assert {"en": "fish", "zh": "鱼"} in [item["caption"] for item in images["items"]]
    assert [name["en"] for name in confusion["labels"]] == list(CLASSES)
    assert [row["name"] for row in classes["rows"]] == confusion["labels"]
    shares = [row[place] / sum(row) for place, row in enumerate(confusion["matrix"])]
    assert [row["score"] for row in classes["rows"]] == pytest.approx(shares, abs=1e-4)
    assert [row["rows"] for row in classes["rows"]] == [sum(row) for row in confusion["matrix"]]
    assert [row["name"]["zh"] for row in others[1]["rows"]] == ["清晰", "略微模糊", "非常模糊"]
    assert verdict.private is not None
    assert verdict.private.secondary["top_k_accuracy"] == pytest.approx(0.5, abs=0.05)


def test_classes_may_be_named_in_english(workshop: Workshop, tmp_path: Path):
    made = workshop.prepare("cifar10")
    names = pl.col("label").replace_strict(dict(enumerate(CLASSES)), return_dtype=pl.String)
    made.answers.select("id", names).write_csv(tmp_path / "named.csv")
    public = made.grade(tmp_path / "named.csv").public
    assert public is not None
    assert public.score == 1.0
