"""Manifests: what is wrong is refused with the place and the mend."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from challenges.errors import InvalidManifest
from challenges.manifest import SLUG_PATTERN, ColumnType, Direction
from challenges.rules import load_manifest
from tests.challenges.workshop import CHALLENGES

TEXT = (CHALLENGES / "_template" / "challenge.toml").read_text(encoding="utf-8")
BESIDES = "[thresholds.secondary.{}]\n"


def load(tmp_path: Path, text: str) -> object:
    path = tmp_path / "challenge.toml"
    path.write_text(text, encoding="utf-8")
    return load_manifest(path)


def test_a_manifest_is_parsed_with_defaults(tmp_path: Path):
    manifest = load_manifest(CHALLENGES / "_template" / "challenge.toml")
    assert manifest.metric.direction is Direction.MIN
    assert manifest.submission.columns[0].type is ColumnType.NUMBER
    assert manifest.submission.formats == ["csv", "parquet", "jsonl", "npz"]
    assert manifest.hours == 1.0
    assert manifest.deadline is None
    dated = load(tmp_path, TEXT.replace("hours = 1", "hours = 1\ndeadline = 2031-01-02T03:04:05Z"))
    assert getattr(dated, "deadline", None) == datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("schema = 1", "schema = 2", "schema must be 1"),
        ("schema = 1", 'schema = "1"', "schema must be int, not str"),
        ("hours = 1", "hours = true", "hours must be float, not bool"),
        ("hours = 1", "hours = nan", "hours must be finite"),
        ("hours = 1", "hours = 1\nminutes = 5", "minutes is not a known field; known: schema, version"),
        ('stage = "programming"', "", "stage is missing"),
        ("hours = 1", 'hours = 1\ndevice = "tpu"', "device must be cpu or gpu"),
        ("public_share = 0.3", "public_share = 1.0", "split.public_share must lie between 0 and 1"),
        ('direction = "min"', 'direction = "low"', "metric.direction is 'low'; it must be one of max, min"),
        ('columns = ["reading"]', 'columns = ["height"]', "metric rmse: column 'height' is not submitted"),
        ('columns = ["reading"]', 'columns = "reading"', "metric.columns must be a list, not str"),
        ('id = "id"', 'id = "reading"', "submission.id must not be listed among the columns"),
        ('type = "number"', 'type = "label"', "column reading: labels go with type label"),
        ('type = "number"', 'type = "number"\nlabels = ["a"]', "column reading: labels go with type label"),
        ("good = 1.0", "good = 3.0", "thresholds must go from passing to excellent"),
        ('direction = "min"', 'direction = "max"', "thresholds must go from passing to excellent"),
        ("[limits]", f"{BESIDES.format('r2')}good = 1\n[limits]", "secondary.r2: there is no secondary metric"),
        ("[limits]", f"{BESIDES.format('mae')}\n[limits]", "secondary.mae must name a level"),
        ("[limits]", f"{BESIDES.format('mae')}best = 1\n[limits]", "secondary.mae.best is not a known field"),
        ("[limits]", f"{BESIDES.format('mae')}good = 1\nexcellent = 2\n[limits]", "secondary.mae must go from passing"),
        ("hours = 1", "hours = 1\nopens_at = 2030-01-01T00:00:00", "opens_at and deadline need a UTC offset"),
        ("hours = 1", "hours = 1\ndeadline = 5", "deadline must be datetime, not int"),
        ("per_day = 10", "per_day = 10\ngpu_memory_bytes = -1", "limits.gpu_memory_bytes must not be negative"),
        ("per_day = 10", "per_day = 10\ngpu_memory_bytes = 0.5", "limits.gpu_memory_bytes must be int, not float"),
        ("hours = 1", "hours = = 1", "challenge.toml"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, old: str, new: str, message: str):
    assert old in TEXT
    with pytest.raises(InvalidManifest, match=re.escape(message)):
        load(tmp_path, TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("cap", "message"),
    [
        ("latency_ratio = -0.5", "model.caps.latency_ratio must not be negative"),
        ("latency_ratio = inf", "model.caps.latency_ratio must be finite"),
        ("latency_ratio = nan", "model.caps.latency_ratio must be finite"),
        ('latency_ratio = "2"', "model.caps.latency_ratio must be float, not str"),
        ("macs = -1", "model.caps.macs must not be negative"),
    ],
)
def test_a_wrong_cap_is_refused(tmp_path: Path, cap: str, message: str):
    text = (CHALLENGES / "vit_images" / "challenge.toml").read_text(encoding="utf-8")
    with pytest.raises(InvalidManifest, match=re.escape(message)):
        load(tmp_path, text.replace("[model.caps]", f"[model.caps]\n{cap}", 1))
    right = load(tmp_path, text.replace("[model.caps]", "[model.caps]\nlatency_ratio = 2", 1))
    assert getattr(right, "model").caps.latency_ratio == 2.0  # noqa: B009 - `load` tells no type


CIFAR = (CHALLENGES / "cifar10" / "challenge.toml").read_text(encoding="utf-8")
FISH, DEER = '{ en = "fish", zh = "鱼" }', '{ en = "deer", zh = "鹿" }'


def test_labels_are_called_as_in_the_data_in_use(tmp_path: Path):
    path = tmp_path / "challenge.toml"
    path.write_text(CIFAR, encoding="utf-8")
    manifest = load_manifest(path)
    names = {each: manifest.of_source(each).submission.columns[0].names for each in ("offline", "real", "gone", "")}
    assert names["offline"] == names["gone"] == names[""] == manifest.submission.columns[0].names
    assert (names["offline"][4].en, names["real"][4].en, names["real"][4].zh) == ("fish", "deer", "鹿")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f"{FISH},", "", "column label: names must be as many as labels"),
        (f"{DEER},", "", "column label: names must be as many as labels"),
        (FISH, '{ en = "Bird", zh = "鱼" }', "column label: the name 'Bird' stands for two labels"),
        (DEER, '{ en = "7", zh = "鹿" }', "column label: the name '7' stands for two labels"),
        (FISH, '{ en = "fish" }', "names[4].zh is missing"),
        ("[sources.real.names]\nlabel", "[sources.real.names]\np0", "there is no column 'p0' of type label"),
        ('name = "p0"', 'name = "p0"\nnames = [{ en = "a", zh = "b" }]', "column p0: names must be as many as labels"),
    ],
)
def test_wrong_names_of_labels_are_refused(tmp_path: Path, old: str, new: str, message: str):
    assert CIFAR.count(old) == 1
    with pytest.raises(InvalidManifest, match=re.escape(message)):
        load(tmp_path, CIFAR.replace(old, new))


def test_a_column_may_be_submitted_once(tmp_path: Path):
    again = '\n[[submission.columns]]\nname = "reading"\ntype = "text"\ndescription = { en = "x", zh = "x" }\n\n[split]'
    with pytest.raises(InvalidManifest, match=r"submission\.columns: a name appears twice"):
        load(tmp_path, TEXT.replace("\n[split]", again, 1))


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_an_unreadable_manifest_is_refused(tmp_path: Path, content: bytes | None):
    path = tmp_path / "challenge.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidManifest, match=r"challenge\.toml"):
        load_manifest(path)


@pytest.mark.parametrize("slug", ["iris", "mnist_digits", "a1"])
def test_slugs(slug: str):
    assert SLUG_PATTERN.match(slug)
    assert not SLUG_PATTERN.match(slug + "\n")
