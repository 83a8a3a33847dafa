"""Packages on disk: found, ordered, digested; a folder that is wrong is named with what is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from challenges.catalogue import (
    PACKAGE_FILES,
    SECTIONS,
    digest_folder,
    find_packages,
    heading_levels,
    load_package,
    load_stages,
    split_sections,
)
from challenges.errors import InvalidManifest
from challenges.records import RecordError
from tests.challenges.workshop import CHALLENGES

PATH = """
[[stages]]
name = "first"
title = { en = "First", zh = "一" }
hours = 2
challenges = ["zebra", "apple"]

[[stages]]
name = "second"
title = { en = "Second", zh = "二" }
hours = 3.5
"""


def make_package(root: Path, slug: str, stage: str = "first") -> Path:
    """A copy of the template under another name."""
    folder = root / slug
    shutil.copytree(CHALLENGES / "_template", folder, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = folder / "challenge.toml"
    manifest.write_text(manifest.read_text("utf-8").replace('"programming"', f'"{stage}"'), "utf-8")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "path.toml").write_text(PATH, "utf-8")
    return tmp_path


def test_challenges_stand_in_the_order_of_the_path_and_unlisted_ones_last_in_their_stage(root: Path):
    for slug, stage in (("apple", "first"), ("zebra", "first"), ("middle", "first"), ("able", "second")):
        make_package(root, slug, stage)
    make_package(root, "_draft")
    (root / ".hidden").mkdir()
    (root / "README.md").write_text("not a challenge")
    assert list(find_packages(root)) == ["zebra", "apple", "middle", "able"]


def test_a_stage_that_the_path_lacks_is_refused(root: Path):
    make_package(root, "apple", "third")
    with pytest.raises(InvalidManifest, match=r"apple: stage 'third' is not in path\.toml: first, second"):
        find_packages(root)


def test_stages_are_read_in_order():
    names = [stage.name for stage in load_stages(CHALLENGES)]
    assert names[:3] == ["mathematics", "programming", "networks"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stages = 1", "stages must be a list"),
        ("[[stages]]\nname = 'a'", "title is missing"),
        ("not toml", "path.toml"),
        (PATH.replace('"second"', '"first"'), "'first' appears twice"),
        (PATH.replace('"apple"', '"zebra"'), "'zebra' appears twice"),
    ],
)
def test_a_wrong_path_is_refused(root: Path, text: str, message: str):
    (root / "path.toml").write_text(text, "utf-8")
    with pytest.raises(InvalidManifest, match=message):
        load_stages(root)


def test_a_missing_path_is_refused(tmp_path: Path):
    with pytest.raises(InvalidManifest, match=r"path\.toml"):
        find_packages(tmp_path)


@pytest.mark.parametrize("slug", ["Apple", "1apple", "a", "ap-ple", "a" * 41, "äpfel"])
def test_a_folder_whose_name_is_no_slug_is_refused(root: Path, slug: str):
    folder = make_package(root, slug)
    with pytest.raises(InvalidManifest, match="is not a slug"):
        load_package(folder)


@pytest.mark.parametrize("name", PACKAGE_FILES)
def test_a_missing_file_is_named(root: Path, name: str):
    folder = make_package(root, "apple")
    (folder / name).unlink()
    with pytest.raises(InvalidManifest, match=rf"apple: {name} is missing"):
        find_packages(root)


def test_a_description_with_other_headings_is_refused(root: Path):
    path = make_package(root, "apple") / "description.zh.md"
    path.write_text(path.read_text("utf-8").replace("## 规则", "## 规矩"), "utf-8")
    with pytest.raises(InvalidManifest, match=r"apple: description\.zh\.md: headings are .*规矩"):
        load_package(path.parent)


def test_a_description_that_is_not_utf8_is_refused(root: Path):
    path = make_package(root, "apple") / "description.md"
    path.write_bytes(b"## \xff")
    with pytest.raises(InvalidManifest, match="apple"):
        load_package(path.parent)


def test_a_package_holds_what_the_folder_says(root: Path):
    package = load_package(make_package(root, "apple"))
    assert (package.slug, package.manifest.title.en) == ("apple", "Two dials")
    assert package.descriptions["zh"].startswith("## 概述")
    assert package.digest == digest_folder(package.folder)


def test_the_digest_sees_contents_and_names_but_not_bytecode_or_times(tmp_path: Path):
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("2")
    first = digest_folder(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    (tmp_path / "a.txt").touch()
    assert digest_folder(tmp_path) == first
    (tmp_path / "a.txt").write_text("2")
    second = digest_folder(tmp_path)
    (tmp_path / "a.txt").rename(tmp_path / "c.txt")
    assert len({first, second, digest_folder(tmp_path)}) == 3


def test_a_description_is_cut_into_its_sections():
    text = "\n".join(f"## {title.en}\n\nAbout {key}.\n" for key, title in SECTIONS.items())
    text = text.replace("About data.", "About data.\n\n```\n## not a heading\n```\n\n### Files ###\n\nMany.")
    sections = split_sections(text, "en")
    assert list(sections) == list(SECTIONS)
    assert sections["overview"] == "About overview."
    assert sections["data"].endswith("### Files ###\n\nMany.")
    assert heading_levels(text) == [2, 2, 2, 3, 2, 2, 2, 2, 2]


def test_a_description_without_headings_cannot_be_cut():
    with pytest.raises(RecordError, match=r"description\.md: headings are \[\]"):
        split_sections("No headings.", "en")
