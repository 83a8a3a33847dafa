"""Pages, API and command line of a challenge that takes artefacts say what an archive must hold, in both languages."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from sqlalchemy.orm import Session

from arena.catalogue.models import Challenge
from arena.cli.forms import describe_format
from challenges.artefacts import ArraySpec, Artefacts, FileFormat, FileSpec
from challenges.manifest import Direction, Metric, Table
from challenges.texts import Text
from tests.factories import bearer, make_challenge, make_dataset, make_manifest, make_token, make_user

ARRAYS = Artefacts(
    arrays=[
        ArraySpec("mean", "float32", [784], Text("The middle.", "中心。")),
        ArraySpec("basis", "float32", ["1..24", -1], Text("Directions.", "方向。"), minimum=-9.0, maximum=9.0),
    ]
)
FILES = Artefacts(
    files=[
        FileSpec("train", "train.csv", FileFormat.TABLE, Text("Known rows.", "已知行。"), "train.csv", most_columns=64),
        FileSpec("test", "test.csv", FileFormat.TABLE, Text("New rows.", "新行。"), "test.csv", like="train"),
        FileSpec("fixed", "fixed.csv", FileFormat.TABLE, Text("F.", "F。"), "test.csv", columns=["age", "pay"]),
        FileSpec("out", "out/*.png", FileFormat.PICTURE, Text("Pictures.", "图片。"), "pairs.csv", width=96, height=64),
        FileSpec("notes", "notes.txt", FileFormat.TEXT, Text("Notes.", "说明。")),
    ],
)

FOUND = Artefacts(
    files=[
        FileSpec(
            "found", "results.json", FileFormat.DETECTIONS, Text("What you found.", "你找到的。"), "test.csv",
            categories=7, most_per_id=42,
        )
    ]
)  # fmt: skip


def open_challenge(db: Session, artefacts: Artefacts) -> Challenge:
    """An open challenge that takes artefacts."""
    manifest = replace(
        make_manifest(),
        kind="artefacts",
        artefacts=artefacts,
        submission=Table("id"),
        metric=Metric("explained_variance", Direction.MAX, title=Text("Explained", "解释")),
        secondary=[],
    )
    challenge = make_challenge(db, manifest=manifest)
    make_dataset(db, challenge)
    return challenge


@pytest.mark.parametrize(
    ("artefacts", "language", "words"),
    [
        (ARRAYS, "en", ("What your archive must hold", "1 – 24", "any", "Directions.", "numpy.savez", "≥ -9")),
        (ARRAYS, "zh-CN", ("你的压缩包必须包含什么", "方向。", "numpy.savez", "任意")),
        (
            FILES,
            "en",
            ("out/*.png", "96 × 64", "up to 64 columns", "the columns of <code>train.csv</code>", "pairs.csv"),
        ),
        (FILES, "zh-CN", ("out/*.png", "图片。", "最多 64 列", "UTF-8 文本")),
        (
            FOUND,
            "en",
            (
                "What your file must hold",
                "results.json",
                "<code>bbox</code>",
                "1 – 7",
                "Up to 42",
                "as it is or in a zip",
            ),
        ),
        (FOUND, "zh-CN", ("你的文件必须包含什么", "1 – 7", "最多 42 个", "可以直接发送")),
    ],
)
def test_the_overview_says_what_an_archive_must_hold(
    client: httpx.Client, db: Session, artefacts: Artefacts, language: str, words: tuple[str, ...]
):
    challenge = open_challenge(db, artefacts)
    page = client.get(f"/challenges/{challenge.slug}", headers={"Accept-Language": language}).text
    for expected in words:
        assert expected in page
    assert "Columns of your file" not in page


@pytest.mark.parametrize(
    ("artefacts", "endings", "asked"),
    [
        (ARRAYS, ".npz", "Send your archive"),
        (FILES, ".zip", "Send your archive"),
        (FOUND, ".json,.zip", "Send your predictions"),
    ],
)
def test_the_form_takes_the_right_ending(
    client: httpx.Client, db: Session, artefacts: Artefacts, endings: str, asked: str
):
    challenge = open_challenge(db, artefacts)
    page = client.get(f"/challenges/{challenge.slug}/submit", headers=bearer(make_token(db, make_user(db, "eve")))).text
    assert f'accept="{endings}"' in page
    assert f"arena check submission{endings.partition(',')[0]}" in page
    assert asked in page


def test_the_api_and_the_command_line_tell_the_same(client: httpx.Client, db: Session):
    form = client.get(f"/api/v1/challenges/{open_challenge(db, ARRAYS).slug}").json()["submission"]
    assert (form["kind"], form["formats"], form["columns"], form["model"]) == ("artefacts", ["npz"], [], None)
    assert form["artefacts"]["arrays"][1]["shape"] == "(1..24, any)"
    (told,) = describe_format(form).values()
    assert "basis float32 (1..24, any): Directions." in str(told)


def test_files_are_told_on_one_line_each(client: httpx.Client, db: Session):
    form = client.get(f"/api/v1/challenges/{open_challenge(db, FILES).slug}").json()["submission"]
    assert form["formats"] == ["zip"]
    assert form["artefacts"]["files"][1]["like"] == "train.csv"
    (told,) = describe_format(form).values()
    assert str(told).splitlines() == [
        "train.csv (CSV, up to 64 columns, ids of train.csv): Known rows.",
        "test.csv (CSV, columns of train.csv, ids of test.csv): New rows.",
        "fixed.csv (CSV, id, age, pay, ids of test.csv): F.",
        "out/*.png (PNG, 96 × 64 RGB, ids of pairs.csv): Pictures.",
        "notes.txt (UTF-8): Notes.",
    ]


def test_detections_are_told_with_their_numbers(client: httpx.Client, db: Session):
    form = client.get(f"/api/v1/challenges/{open_challenge(db, FOUND).slug}").json()["submission"]
    assert form["formats"] == ["json", "zip"]
    assert (form["artefacts"]["files"][0]["categories"], form["artefacts"]["files"][0]["most_per_id"]) == (7, 42)
    told = "results.json (COCO JSON, 7 categories, up to 42 for each id, ids of test.csv): What you found."
    assert describe_format(form) == {"Files (.json, .zip)": told}
