"""preprocess_pipeline: the table is as messy as it is said to be, and the fixed model is the one that is told."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from challenges._generators.pictures import save_text
from challenges.errors import InvalidSource
from challenges.messages import Outcome
from tests.challenges.workshop import CHALLENGES, Prepared, Workshop, load_script
from tests.real_data import REAL, needs_files, serve_real_files

FOLDER = CHALLENGES / "preprocess_pipeline"
TITANIC = REAL / "california-housing" / "titanic"
GRADE = load_script(FOLDER, "grade")
CHANCE = np.random.default_rng(7)


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    """The challenge's offline data."""
    return workshop.prepare("preprocess_pipeline")


def test_every_column_is_written_as_it_is_said_to_be(made: Prepared):
    train = pl.read_csv(made.public / "train.csv", infer_schema_length=None)
    assert all(re.fullmatch(r"\u00a5\d+|\d+\.\d\dk", cell) for cell in train["income"])
    short = train["income"].str.ends_with("k").mean()
    assert short == pytest.approx(0.3, abs=0.03)
    assert (train["age"] == 999).mean() == pytest.approx(0.02, abs=0.01)
    assert train["age"].null_count() / len(train) == pytest.approx(0.07, abs=0.015)
    assert train["city"].str.strip_chars().str.to_lowercase().n_unique() == 40
    assert train["city"].n_unique() > 80
    assert (train["spend"] < 0).mean() == pytest.approx(0.01, abs=0.006)
    styles = ("%Y-%m-%d", "%d/%m/%Y", "%b %d %Y")
    shares = [np.mean([is_date(cell, style) for cell in train["date"]]) for style in styles]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)
    assert 0.4 < float(train["bought"].mean()) < 0.6  # type: ignore[arg-type]


def test_a_yen_sign_of_the_preview_is_a_y_with_two_bars(tmp_path: Path):
    pictures = []
    for word in ("Y7", "¥7"):
        save_text(tmp_path / "word.png", [(word, (60, 60, 60))], size=(60, 40))
        with Image.open(tmp_path / "word.png") as picture:
            pictures.append(np.asarray(picture).astype(int))
    plain, barred = pictures
    assert (barred <= plain).all()
    assert len(np.unique(np.nonzero((barred < plain).any(2))[0])) == 2


def is_date(cell: str, style: str) -> bool:
    try:
        datetime.strptime(cell, style)  # noqa: DTZ007 - a day, not a moment
    except ValueError:
        return False
    return True


def test_the_score_is_that_of_the_model_that_is_told():
    x, labels = CHANCE.normal(size=(300, 4)), CHANCE.integers(0, 2, 300)
    found = GRADE.predict(x[:200], labels[:200], x[200:])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(x[:200], labels[:200])
    assert found == pytest.approx(model.predict_proba(x[200:])[:, 1], abs=1e-12)


def test_the_influence_is_that_of_resampled_rows():
    labels = CHANCE.integers(0, 2, 500)
    chances = (CHANCE.normal(size=500) + labels).round(1)  # rounded, so that some are equal
    influence = GRADE.find_influence(labels, chances, roc_auc_score(labels, chances))
    assert influence.mean() == pytest.approx(0, abs=1e-12)
    picks = CHANCE.integers(0, 500, (1500, 500))
    resampled = np.std([roc_auc_score(labels[rows], chances[rows]) for rows in picks])
    assert np.sqrt((influence**2).mean() / 500) == pytest.approx(resampled, rel=0.08)


def test_columns_that_say_nothing_new_are_named():
    column = CHANCE.normal(size=50)
    names, train = ["a", "b", "c", "d"], np.stack([column, 2 * column, np.ones(50), CHANCE.normal(size=50)], axis=1)
    told = [row["name"] for row in GRADE.find_twins(names, train)]
    assert told == [{"en": "c is constant", "zh": "c 是常数"}, "a / b"]
    assert GRADE.find_twins(["c"], np.ones((5, 1))) != []


def test_groups_of_one_label_or_few_rows_are_not_told_of():
    labels = np.array([0, 1] * 60 + [1] * 60)
    groups = np.array(["both"] * 60 + ["few"] * 19 + ["both"] * 41 + ["one"] * 60)
    rows = GRADE.score_groups({"label": labels, "slice_x": groups}, CHANCE.random(180), ("slice_x", "slice_absent"))
    assert [row["name"] for row in rows] == ["both"]


def test_groups_are_named_in_both_languages_in_the_order_of_their_list():
    labels, groups = np.array([0, 1] * 150), np.repeat(["web", "app", "1"], 100)
    rows = GRADE.score_groups({"label": labels, "slice_channel": groups}, CHANCE.random(300), ("slice_channel",))
    assert [row["name"] for row in rows] == [
        {"en": "app", "zh": "应用（app）"},
        {"en": "web", "zh": "网页（web）"},
        "1",
    ]


@needs_files
def test_passengers_are_divided_and_the_baseline_reads_them(workshop: Workshop, tmp_path: Path):
    with serve_real_files(TITANIC) as mirror:
        made = workshop.prepare("preprocess_pipeline", source="real", mirror=mirror)
    train, test = (pl.read_csv(made.public / name) for name in ("train.csv", "test.csv"))
    assert (len(train), len(test), made.answers.height) == (535, 356, 356)
    assert not set(train["Name"]) & set(test["Name"])
    assert "Survived" in train.columns
    assert "Survived" not in test.columns
    assert "PassengerId" not in train.columns
    load_script(FOLDER, "baseline").main(made.public, tmp_path / "s.zip")
    verdict = made.grade(tmp_path / "s.zip")
    assert verdict.outcome is Outcome.SCORED, verdict.faults
    assert verdict.private is not None
    assert verdict.private.score > 0.75
    titles = {told["title"]["en"]: told for told in verdict.diagnostics}
    assert "The score by channel and by way of writing a date" not in titles
    groups = [row["name"]["en"] for row in titles["The score by sex and by class of the ticket"]["rows"]]
    assert groups[:2] == ["women", "men"]
    assert "third class" in groups
    assert set(made.answers.columns) - {"side"} == {"id", "label", "slice_sex", "slice_class"}


def test_a_file_of_other_columns_is_refused(tmp_path: Path):
    (tmp_path / "train.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(InvalidSource, match=r"train\.csv"):
        load_script(FOLDER, "prepare").load_passengers(tmp_path)
