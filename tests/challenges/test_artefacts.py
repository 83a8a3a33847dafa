"""The `[artefacts]` table of a manifest: what it may say, and what it must not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from challenges.artefacts import bounds_of, show_shape
from challenges.catalogue import load_package
from challenges.errors import InvalidManifest
from challenges.records import RecordError
from challenges.rules import load_manifest
from tests.challenges.workshop import CHALLENGES

FOLDER = CHALLENGES / "svd_compress"
TEXT = (FOLDER / "challenge.toml").read_text(encoding="utf-8")
COLUMN = '{ name = "x", type = "text", description = { en = "", zh = "" } }'
FILES = """
[[artefacts.files]]
name = "train"
pattern = "train.csv"
format = "table"
ids = "train.csv"
most_columns = 64
description = { en = "x", zh = "x" }

[[artefacts.files]]
name = "out"
pattern = "out/*.png"
format = "picture"
ids = "pairs.csv"
width = 96
height = 96
description = { en = "x", zh = "x" }
"""


def with_files(text: str = FILES) -> str:
    """The manifest with files in place of its arrays."""
    start, end = TEXT.index("[[artefacts.arrays]]"), TEXT.index("[artefacts]\n")
    return TEXT[:start] + TEXT[end:].replace("[split]", f"{text}\n[split]", 1)


def check(folder: Path, text: str) -> None:
    path = folder / "challenge.toml"
    path.write_text(text, encoding="utf-8")
    load_manifest(path)


def test_arrays_or_files_are_taken(tmp_path: Path):
    check(tmp_path, TEXT)
    check(tmp_path, with_files())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"1..24"', '"24..1"', "components: a range of sizes is empty"),
        ('"1..24"', '"many"', "'many' is no size"),
        ('"1..24"', "-2", "-2 is no size"),
        ('"1..24"', "2.5", "artefacts.arrays[1].shape[0] must be int"),
        ('dtype = "float32"', 'dtype = "complex64"', "mean: dtype must be one of float32"),
        ('name = "components"', 'name = "mean"', "artefacts: a name appears twice"),
        ('name = "components"', 'name = "a.b"', "'a.b' is no name"),
        ('kind = "artefacts"', 'kind = "predictions"', "an [artefacts] table goes with kind artefacts"),
        (
            'id = "id"',
            'id = "id"\ncolumns = [{ name = "x", type = "text", description = { en = "", zh = "" } }]',
            "go with",
        ),
        ('name = "explained_variance"', 'name = "explained_variance"\ncolumns = ["x"]', "column 'x' is not submitted"),
    ],
)
def test_a_wrong_array_is_refused(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(InvalidManifest, match=re.escape(message)):
        check(tmp_path, TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("train.csv", "../train.csv", "train: pattern must be a plain relative path"),
        ("train.csv", "/train.csv", "train: pattern must be a plain relative path"),
        ("train.csv", "train", "train: pattern must be a plain relative path"),
        ("out/*.png", "*/*.png", "out: pattern"),
        ("out/*.png", "out/*-*.png", "out: pattern may hold one * at most"),
        ("out/*.png", "out/a.png", "out: a * goes with ids"),
        ('ids = "train.csv"', "", "train: a table file needs ids"),
        ("most_columns = 64", "", "train: columns go with tables"),
        ("width = 96", "", "out: width and height go with pictures"),
        ("width = 96", 'mode = "CMYK"\nwidth = 96', "out: mode must be one of L, RGB"),
        ("most_columns = 64", 'like = "out"', "train: like must name an earlier table"),
        (
            "most_columns = 64",
            "most_columns = 64\ncategories = 2",
            "train: categories and most_per_id go with detections",
        ),
        ('format = "table"', 'format = "word"', "must be one of table, picture, text, detections"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(InvalidManifest, match=re.escape(message)):
        check(tmp_path, with_files(FILES.replace(old, new, 1)))


FOUND = """
[[artefacts.files]]
name = "found"
pattern = "found.json"
format = "detections"
ids = "test.csv"
categories = 3
most_per_id = 100
description = { en = "x", zh = "x" }
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('ids = "test.csv"', "", "found: a detections file needs ids, and no *"),
        ("found.json", "found/*.json", "found: a detections file needs ids, and no *"),
        ("categories = 3", "", "found: categories and most_per_id go with detections"),
        ("most_per_id = 100", "", "found: categories and most_per_id go with detections"),
        ("categories = 3", "categories = 3\nmost_columns = 4", "found: columns go with tables"),
    ],
)
def test_detections_say_which_pictures_and_how_many(tmp_path: Path, old: str, new: str, message: str):
    check(tmp_path, with_files(FOUND))
    with pytest.raises(InvalidManifest, match=re.escape(message)):
        check(tmp_path, with_files(FOUND.replace(old, new, 1)))


def test_a_single_file_need_not_be_packed(tmp_path: Path):
    taken = {}
    for name, text in (("one", FOUND), ("two", FOUND + FILES), ("many", FILES[FILES.index("[[", 3) :]), ("no", "")):
        path = tmp_path / "challenge.toml"
        path.write_text(with_files(text) if text else TEXT, encoding="utf-8")
        artefacts = load_manifest(path).artefacts
        assert artefacts is not None
        taken[name] = (artefacts.lone.name if artefacts.lone else "", artefacts.endings)
    assert taken == {
        "one": ("found", [".json", ".zip"]),
        "two": ("", [".zip"]),
        "many": ("", [".zip"]),
        "no": ("", [".npz"]),
    }


def test_either_arrays_or_files(tmp_path: Path):
    for text in (with_files(""), TEXT.replace("[split]", f"{FILES}\n[split]", 1)):
        with pytest.raises(InvalidManifest, match="artefacts needs either arrays or files"):
            check(tmp_path, text)


def test_a_package_without_its_script_is_refused(tmp_path: Path):
    folder = tmp_path / "svd_compress"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert load_package(folder).manifest.artefacts is not None
    (folder / "grade.py").unlink()
    with pytest.raises(InvalidManifest, match=r"grade\.py is missing"):
        load_package(folder)


def test_shapes_are_shown_as_numpy_shows_them():
    assert show_shape(["1..24", 784]) == "(1..24, 784)"
    assert show_shape([-1]) == "(any,)"
    assert (bounds_of("1..24"), bounds_of(3), bounds_of(-1)) == ((1, 24), (3, 3), (0, None))
    with pytest.raises(RecordError):
        bounds_of("1..")
