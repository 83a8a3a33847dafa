"""Diagnostics: right on the public side, silent about the private one, and never a row beside its answer."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix

from challenges.messages import Verdict, dump_message
from challenges.texts import Text
from graders.grading import grade
from graders.loading import LoadedChallenge, make_challenge
from graders.scoring import BrokenChallenge
from tests.graders.examples import (
    DIGEST,
    SPECIES,
    TEXT,
    flower_answers,
    flowers_manifest,
    job_for,
    make_manifest,
    perfect,
    price_answers,
    prices_manifest,
)
from tests.sandboxing import shared_box

ROWS = 240
ANSWERS = flower_answers(ROWS)
RNG = np.random.default_rng(11)
FEATURES = pl.DataFrame({"id": ANSWERS["id"], "width": RNG.random(ROWS), "height": np.arange(ROWS) * 1.0}).reverse()
PICTURES = np.arange(ROWS, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), dtype=np.uint8)


def read_public(name: str) -> bytes:
    buffer = BytesIO()
    if name.endswith(".npz"):
        np.savez(buffer, id=np.array(ANSWERS["id"].to_list()), x=PICTURES)
    else:
        FEATURES.write_csv(buffer)
    return buffer.getvalue()


def diagnostic(name: str, **params: Any) -> dict[str, Any]:
    return {"name": name, "title": TEXT, "params": params}


NAMES = [{"en": f"{species} iris", "zh": f"鸢尾{n}"} for n, species in enumerate(SPECIES)]


def flowers_with(*diagnostics: dict[str, Any], named: bool = False) -> LoadedChallenge:
    manifest = flowers_manifest(diagnostics=list(diagnostics))
    if named:
        names = [Text(**name) for name in NAMES]
        label, *others = manifest.submission.columns
        table = replace(manifest.submission, columns=[replace(label, names=names), *others])
        manifest = replace(manifest, submission=table)
    return make_challenge(manifest, ANSWERS, dataset_digest=DIGEST, read_public=read_public)


def prices_with(*diagnostics: dict[str, Any]) -> LoadedChallenge:
    manifest = prices_manifest(diagnostics=list(diagnostics))
    return make_challenge(manifest, price_answers(ROWS), dataset_digest=DIGEST, read_public=read_public)


def grade_frame(frame: pl.DataFrame, challenge: LoadedChallenge, folder: Path) -> Verdict:
    path = folder / "p.csv"
    frame.write_csv(path)
    verdict = grade(job_for(path), path, challenge, shared_box())
    assert len(json.dumps(verdict.diagnostics)) < 100_000
    dump_message(verdict)
    return verdict


def guess(seed: int = 1) -> pl.DataFrame:
    return ANSWERS.select("id", species=pl.Series(np.random.default_rng(seed).choice(SPECIES, ROWS)))


def public(frame: pl.DataFrame) -> pl.DataFrame:
    return ANSWERS.join(frame, on="id", suffix="_given").filter(side="public")


def test_the_confusion_matrix_is_that_of_the_public_rows(tmp_path: Path):
    frame = guess()
    (told,) = grade_frame(frame, flowers_with(diagnostic("confusion")), tmp_path).diagnostics
    rows = public(frame)
    expected = confusion_matrix(rows["species"].to_list(), rows["species_given"].to_list(), labels=SPECIES)
    assert told == {"kind": "confusion", "title": TEXT, "labels": SPECIES, "matrix": expected.tolist()}


def test_slices_are_scored_on_their_public_rows(tmp_path: Path):
    frame = guess()
    (told,) = grade_frame(frame, flowers_with(diagnostic("slices", column="slice_size")), tmp_path).diagnostics
    rows = public(frame)
    for row in told["rows"]:
        group = rows.filter(slice_size=row["name"])
        assert row["rows"] == group.height
        expected = accuracy_score(group["species"].to_list(), group["species_given"].to_list())
        assert row["score"] == pytest.approx(expected, abs=5e-5)
    assert [row["name"] for row in told["rows"]] == ["large", "small"]


def test_slices_are_named_in_the_order_that_the_manifest_gives_and_others_follow_as_they_are(tmp_path: Path):
    sizes = pl.Series(["tall", "small", "large", "broad"] * (ROWS // 4))
    challenge = flowers_with(
        diagnostic("slices", column="slice_size", values=["small", "none", "large"], zh=["小", "无", "大"]),
        diagnostic("slices", column="slice_size", values=["tall"], en=["very tall"], zh=["很高"]),
    )
    challenge = make_challenge(challenge.manifest, ANSWERS.with_columns(slice_size=sizes), dataset_digest=DIGEST)
    first, second = grade_frame(guess(), challenge, tmp_path).diagnostics
    assert [row["name"] for row in first["rows"]] == [
        {"en": "small", "zh": "小"},
        {"en": "large", "zh": "大"},
        "broad",
        "tall",
    ]
    assert [row["name"] for row in second["rows"]] == [{"en": "very tall", "zh": "很高"}, "broad", "large", "small"]


@pytest.mark.parametrize("names", [{}, {"zh": ["小"]}, {"zh": ["小", "大"], "en": ["small"]}])
def test_slices_whose_names_are_not_as_many_are_the_operators_to_mend(names: dict[str, list[str]], tmp_path: Path):
    challenge = flowers_with(diagnostic("slices", column="slice_size", values=["small", "large"], **names))
    with pytest.raises(BrokenChallenge, match="not as many"):
        grade_frame(guess(), challenge, tmp_path)


@pytest.mark.parametrize("named", [False, True])
def test_classes_are_scored_one_by_one_and_called_by_their_names(named: bool, tmp_path: Path):
    frame = guess()
    challenge = flowers_with(diagnostic("slices", column="species"), named=named)
    (told,) = grade_frame(frame, challenge, tmp_path).diagnostics
    assert [row["name"] for row in told["rows"]] == (NAMES if named else SPECIES)
    for row, species in zip(told["rows"], SPECIES, strict=True):
        group = public(frame).filter(species=species)
        assert row["rows"] == group.height
        assert row["score"] == pytest.approx((group["species"] == group["species_given"]).mean(), abs=5e-5)


def test_labels_are_called_by_their_names(tmp_path: Path):
    challenge = flowers_with(
        diagnostic("confusion"),
        diagnostic("worst_rows", file="test.csv", columns=["height"]),
        diagnostic("images", file="test.npz"),
        named=True,
    )
    confusion, worst, images = grade_frame(guess(), challenge, tmp_path).diagnostics
    assert confusion["labels"] == NAMES
    assert all(row[1] in NAMES for row in worst["rows"])
    assert all(item["caption"] in NAMES for item in images["items"])


def test_no_chart_of_slices_is_drawn_where_all_are_small(tmp_path: Path):
    rare = pl.Series([f"kind {n % 40}" for n in range(ROWS)])
    manifest = flowers_manifest(diagnostics=[diagnostic("slices", column="slice_size")])
    challenge = make_challenge(manifest, ANSWERS.with_columns(slice_size=rare), dataset_digest=DIGEST)
    assert grade_frame(guess(), challenge, tmp_path).diagnostics == []


def test_slices_of_few_rows_are_not_told(tmp_path: Path):
    answers = ANSWERS.with_columns(slice_size=pl.when(pl.int_range(pl.len()) < 12).then(pl.lit("rare")).otherwise(None))
    manifest = flowers_manifest(diagnostics=[diagnostic("slices", column="slice_size")])
    challenge = make_challenge(manifest, answers, dataset_digest=DIGEST)
    (told,) = grade_frame(guess(), challenge, tmp_path).diagnostics
    assert [row["name"] for row in told["rows"]] == ["None"]


def test_worst_rows_show_features_and_prediction_and_no_answer(tmp_path: Path):
    challenge = prices_with(diagnostic("worst_rows", file="test.csv", columns=["height", "width"], count=3))
    frame = perfect(challenge)
    worst = price_answers(ROWS).filter(side="public")["id"].to_list()[4]
    frame = frame.with_columns(price=pl.when(pl.col("id") == worst).then(7.0).otherwise(pl.col("price")))
    (told,) = grade_frame(frame, challenge, tmp_path).diagnostics
    assert told["columns"] == ["height", "width", "price"]
    assert told["rows"][0][0] == FEATURES.filter(id=worst)["height"].item()
    assert told["rows"][0][2] == 7.0


def test_worst_rows_of_labels_are_wrong_public_ones(tmp_path: Path):
    challenge = flowers_with(diagnostic("worst_rows", file="test.csv", columns=["height"], count=200))
    frame = guess()
    (told,) = grade_frame(frame, challenge, tmp_path).diagnostics
    wrong = public(frame).filter(pl.col("species") != pl.col("species_given")).join(FEATURES, on="id")
    assert sorted(row[0] for row in told["rows"]) == sorted(wrong["height"].to_list())
    assert {row[1] for row in told["rows"]} <= set(SPECIES)


def test_nothing_is_shown_where_nothing_is_wrong(tmp_path: Path):
    challenge = flowers_with(
        diagnostic("worst_rows", file="test.csv", columns=["height"]), diagnostic("images", file="test.npz")
    )
    assert grade_frame(perfect(challenge), challenge, tmp_path).diagnostics == []


def test_with_two_labels_wrong_rows_are_not_shown_for_that_would_tell_the_answer(tmp_path: Path):
    manifest = make_manifest(
        [{"name": "species", "type": "label", "labels": ["a", "b"]}],
        {"name": "accuracy", "direction": "max", "columns": ["species"]},
        diagnostics=[
            diagnostic("worst_rows", file="test.csv", columns=["height"]),
            diagnostic("images", file="test.npz"),
        ],
    )
    answers = ANSWERS.with_columns(species=pl.lit("a"))
    challenge = make_challenge(manifest, answers, dataset_digest=DIGEST, read_public=read_public)
    wrong = perfect(challenge).with_columns(species=pl.lit("b"))
    assert grade_frame(wrong, challenge, tmp_path).diagnostics == []


def test_images_are_those_of_wrong_public_rows_the_most_confident_first(tmp_path: Path):
    challenge = flowers_with(diagnostic("images", file="test.npz", count=5))
    frame = guess()
    chances = np.full(ROWS, 0.4)
    sure = public(frame).filter(pl.col("species") != pl.col("species_given"))["id"].to_list()[7]
    chances[ANSWERS["id"].to_list().index(sure)] = 0.9
    frame = frame.with_columns(p_setosa=chances, p_versicolor=(1 - chances) / 2, p_virginica=(1 - chances) / 2)
    (told,) = grade_frame(frame, challenge, tmp_path).diagnostics
    assert len(told["items"]) == 5
    first = told["items"][0]
    pixels = np.asarray(Image.open(BytesIO(base64.b64decode(first["png"]))))
    assert (pixels == ANSWERS["id"].to_list().index(sure)).all()
    assert first["caption"] == frame.filter(id=sure)["species"].item()


def test_a_scatter_of_numbers_is_made_of_groups_of_rows(tmp_path: Path):
    challenge = prices_with(diagnostic("scatter"))
    frame = perfect(challenge).with_columns(pl.col("price") * 1.25)
    (told,) = grade_frame(frame, challenge, tmp_path).diagnostics
    assert sum(point["rows"] for point in told["points"]) == 80
    assert min(point["rows"] for point in told["points"]) >= 10
    assert {point["y"] for point in told["points"]} == {0.25}


def test_a_scatter_of_labels_is_made_of_cells_of_rows(tmp_path: Path):
    challenge = flowers_with(diagnostic("scatter", file="test.csv", x="width", y="height"))
    frame = guess()
    (told,) = grade_frame(frame, challenge, tmp_path).diagnostics
    assert (told["x_label"], told["y_label"]) == ("width", "height")
    assert all(point["rows"] >= 5 for point in told["points"])
    assert all(0 <= point["value"] <= 1 for point in told["points"])


def test_a_diagnostic_that_does_not_exist_is_the_operators_to_mend(tmp_path: Path):
    with pytest.raises(BrokenChallenge, match="no diagnostic"):
        grade_frame(guess(), flowers_with(diagnostic("fortune")), tmp_path)


def test_a_diagnostic_of_columns_that_another_source_has_is_left_out(tmp_path: Path):
    challenge = flowers_with(
        diagnostic("slices", column="slice_none"),
        diagnostic("slices", column="side"),
        diagnostic("worst_rows", file="test.csv", columns=["height", "depth"]),
    )
    (told,) = grade_frame(guess(), challenge, tmp_path).diagnostics
    assert told["columns"] == ["height", "species"]


def test_private_rows_change_no_diagnostic(tmp_path: Path):
    challenge = flowers_with(
        diagnostic("confusion"),
        diagnostic("slices", column="slice_size"),
        diagnostic("worst_rows", file="test.csv", columns=["height"]),
        diagnostic("images", file="test.npz"),
        diagnostic("scatter", file="test.csv", x="width", y="height"),
    )
    first, second = guess(1), guess(2)
    private = set(ANSWERS.filter(side="private")["id"].to_list())
    mixed = first.join(second, on="id", suffix="_2").select(
        "id", species=pl.when(pl.col("id").is_in(private)).then("species_2").otherwise("species")
    )
    one, other = grade_frame(first, challenge, tmp_path), grade_frame(mixed, challenge, tmp_path)
    assert one.diagnostics == other.diagnostics
    assert one.private != other.private
