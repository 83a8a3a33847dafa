"""Challenges are loaded from disk once, anew when their package changes, and never with other answers than promised."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from challenges.catalogue import SECTIONS
from graders.loading import load_challenge
from graders.scoring import BrokenChallenge
from graders.settings import GraderSettings
from tests.graders.examples import flower_answers

DATASET = "offline-v1-1"
MANIFEST = """
schema = 1
version = 1
kind = "predictions"
stage = "networks"
hours = 1
data_licence = "CC0-1.0"
title = {en = "Flowers", zh = "花"}
summary = {en = "Flowers", zh = "花"}
thresholds = {passing = 0.1, good = 0.5, excellent = 0.9}
metric = {name = "accuracy", direction = "max", columns = ["species"]}

[submission]
id = "id"

[[submission.columns]]
name = "species"
type = "label"
labels = ["setosa", "versicolor", "virginica"]
description = {en = "Species", zh = "种"}
"""


def make_site(folder: Path) -> GraderSettings:
    """A package and its data on disk, as preparing leaves them."""
    package, vault, public = (folder / name for name in ("packages/flowers", "the vault", "blobs"))
    package.mkdir(parents=True)
    for language, name in (("en", "description.md"), ("zh", "description.zh.md")):
        text = "\n".join(f"## {getattr(title, language)}\n" for title in SECTIONS.values())
        (package / name).write_text(text, encoding="utf-8")
    for name in ("__init__.py", "prepare.py", "baseline.py"):
        (package / name).touch()
    (package / "challenge.toml").write_text(MANIFEST, encoding="utf-8")
    shelf = vault / "flowers" / DATASET
    shelf.mkdir(parents=True)
    flower_answers().write_parquet(shelf / "answers.parquet")
    digest = hashlib.sha256((shelf / "answers.parquet").read_bytes()).hexdigest()
    hidden = [{"name": "answers.parquet", "digest": digest}]
    (shelf / "data_manifest.json").write_text(json.dumps({"source": "offline", "hidden": hidden}))
    shared = public / "public" / "flowers" / DATASET
    shared.mkdir(parents=True)
    (shared / "test.csv").write_text("id\n")
    return GraderSettings(
        redis_url="redis://nowhere",
        storage_url=public.as_uri(),
        vault_url=vault.as_uri(),
        challenges_dir=folder / "packages",
    )


def test_a_challenge_is_loaded_once(tmp_path: Path):
    settings = make_site(tmp_path)
    first = load_challenge(settings, "flowers", DATASET)
    assert load_challenge(settings, "flowers", DATASET) is first
    assert first.answers.height == 30
    assert first.public_rows == 10
    assert first.read_public("test.csv") == b"id\n"
    vault = tmp_path / "the vault" / "flowers" / DATASET / "data_manifest.json"
    assert first.dataset_digest == hashlib.sha256(vault.read_bytes()).hexdigest()


def test_public_rows_come_first_and_sides_are_gone(tmp_path: Path):
    challenge = load_challenge(make_site(tmp_path), "flowers", DATASET)
    public = set(flower_answers().filter(side="public")["id"].to_list())
    assert set(challenge.answers["id"].head(10).to_list()) == public
    assert "side" not in challenge.answers.columns


def test_an_edited_package_is_loaded_anew(tmp_path: Path):
    settings = make_site(tmp_path)
    first = load_challenge(settings, "flowers", DATASET)
    manifest = tmp_path / "packages" / "flowers" / "challenge.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("hours = 1", "hours = 2"), encoding="utf-8")
    os.utime(manifest, ns=(1, 1))
    second = load_challenge(settings, "flowers", DATASET)
    assert second.manifest.hours == 2
    assert second.package_digest != first.package_digest


def test_answers_that_were_changed_are_refused(tmp_path: Path):
    settings = make_site(tmp_path)
    flower_answers().reverse().write_parquet(tmp_path / "the vault" / "flowers" / DATASET / "answers.parquet")
    with pytest.raises(BrokenChallenge, match="is not that of its data manifest"):
        load_challenge(settings, "flowers", DATASET)


def test_absent_answers_are_told(tmp_path: Path):
    settings = make_site(tmp_path)
    with pytest.raises(BrokenChallenge, match="no answers"):
        load_challenge(settings, "flowers", "offline-v1-2")
    shutil.rmtree(tmp_path / "the vault")
    with pytest.raises(BrokenChallenge, match="no answers"):
        load_challenge(settings, "flowers", DATASET)


@pytest.mark.parametrize(
    ("slug", "dataset"), [("../flowers", DATASET), ("flowers", "../x"), ("flowers", ""), ("", "x")]
)
def test_names_lead_nowhere_else(slug: str, dataset: str, tmp_path: Path):
    with pytest.raises(BrokenChallenge, match="no data"):
        load_challenge(make_site(tmp_path), slug, dataset)


def test_answers_hold_what_the_manifest_needs(tmp_path: Path):
    settings = make_site(tmp_path)
    shelf = tmp_path / "the vault" / "flowers" / DATASET
    flower_answers().rename({"species": "kind"}).write_parquet(shelf / "answers.parquet")
    digest = hashlib.sha256((shelf / "answers.parquet").read_bytes()).hexdigest()
    hidden = [{"name": "answers.parquet", "digest": digest}]
    (shelf / "data_manifest.json").write_text(json.dumps({"source": "offline", "hidden": hidden}))
    with pytest.raises(BrokenChallenge, match="lack column 'species'"):
        load_challenge(settings, "flowers", DATASET)
    assert pl.read_parquet(shelf / "answers.parquet").height == 30
