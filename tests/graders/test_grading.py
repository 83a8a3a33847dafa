"""From a file to a verdict: both sides, secondary metrics, standard errors, provenance, and who is at fault."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as reference

from challenges.messages import Outcome, Verdict
from graders.grading import WrongData, grade
from graders.loading import LoadedChallenge, make_challenge
from graders.scoring import BrokenChallenge
from tests.graders.examples import (
    DIGEST,
    PROBABILITIES,
    SPECIES,
    flower_answers,
    flowers,
    flowers_manifest,
    job_for,
    make_manifest,
    perfect,
    price_answers,
    prices,
    prices_manifest,
)
from tests.sandboxing import shared_box


def grade_frame(frame: pl.DataFrame, challenge: LoadedChallenge, folder: Path) -> Verdict:
    path = folder / "p.csv"
    frame.write_csv(path)
    return grade(job_for(path), path, challenge, shared_box(), grader="tester")


def guess(challenge: LoadedChallenge, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    frame = perfect(challenge)
    chances = rng.dirichlet([1, 1, 1], frame.height)
    return frame.with_columns(
        species=pl.Series(np.array(SPECIES)[chances.argmax(axis=1)]),
        **{name: chances[:, i] for i, name in enumerate(PROBABILITIES)},
    )


def test_each_side_is_scored_on_its_own_rows(tmp_path: Path):
    challenge = flowers(90)
    frame = guess(challenge)
    verdict = grade_frame(frame, challenge, tmp_path)
    both = flower_answers(90).join(frame, on="id", suffix="_given")
    for side, scores in (("public", verdict.public), ("private", verdict.private)):
        rows = both.filter(side=side)
        truth, given = rows["species"].to_list(), rows["species_given"].to_list()
        assert scores is not None
        assert scores.rows == rows.height
        assert scores.score == pytest.approx(reference.accuracy_score(truth, given))
        assert scores.secondary["macro_f1"] == pytest.approx(reference.f1_score(truth, given, average="macro"))
        chances = rows.select(PROBABILITIES).to_numpy()
        assert scores.secondary["log_loss"] == pytest.approx(reference.log_loss(truth, chances, labels=SPECIES))
        spread = math.sqrt(scores.score * (1 - scores.score) / rows.height)
        assert scores.standard_error == pytest.approx(spread)


def test_metrics_of_absent_optional_columns_are_left_out(tmp_path: Path):
    verdict = grade_frame(perfect(flowers()), flowers(), tmp_path)
    assert verdict.public is not None
    assert verdict.public.score == 1.0
    assert set(verdict.public.secondary) == {"macro_f1"}


def test_probabilities_are_divided_by_their_sum(tmp_path: Path):
    challenge = flowers()
    frame = guess(challenge)
    honest = grade_frame(frame, challenge, tmp_path)
    raised = grade_frame(frame.with_columns(pl.col(PROBABILITIES) * 1.0009), challenge, tmp_path)
    assert honest.public is not None
    assert raised.public is not None
    assert raised.public.secondary["log_loss"] == pytest.approx(honest.public.secondary["log_loss"], rel=1e-12)


def test_a_secondary_metric_without_value_is_left_out(tmp_path: Path):
    answers = price_answers(6).with_columns(side=pl.Series(["public", *["private"] * 5]))
    challenge = make_challenge(prices_manifest(), answers, dataset_digest=DIGEST)
    verdict = grade_frame(perfect(challenge), challenge, tmp_path)
    assert verdict.public is not None
    assert verdict.private is not None
    assert "r2" not in verdict.public.secondary
    assert verdict.private.secondary["r2"] == 1.0


def test_a_score_without_value_is_the_participants_fault(tmp_path: Path):
    columns = [{"name": "price", "type": "number"}]
    manifest = make_manifest(columns, {"name": "rmse", "direction": "min", "columns": ["price"]})
    challenge = make_challenge(manifest, price_answers(), dataset_digest=DIGEST)
    verdict = grade_frame(perfect(challenge).with_columns(price=1e300), challenge, tmp_path)
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.faults[0].reason == "score_undefined"
    assert verdict.public is None


def test_a_verdict_says_how_it_was_made(tmp_path: Path):
    verdict = grade_frame(perfect(prices()), prices(), tmp_path)
    made = verdict.provenance
    assert made is not None
    assert (made.grader, made.dataset_digest) == ("tester", DIGEST)
    assert 0 < made.seconds < 60
    assert made.peak_memory_bytes > 10_000_000
    assert made.grader_version


def test_a_job_for_other_data_is_our_fault(tmp_path: Path):
    (tmp_path / "p.csv").write_text("id,price\n")
    challenge = make_challenge(prices_manifest(), price_answers(), dataset_digest="e" * 64)
    with pytest.raises(WrongData):
        grade(job_for(tmp_path / "p.csv"), tmp_path / "p.csv", challenge, shared_box())


def test_the_standard_error_of_many_rows_is_estimated_from_some_of_them(tmp_path: Path):
    rows = 50_000
    rng = np.random.default_rng(3)
    truth = rng.lognormal(5, 0.4, rows)
    answers = pl.DataFrame({"id": np.arange(rows), "price": truth, "side": ["public"] * (rows - 9) + ["private"] * 9})
    challenge = make_challenge(prices_manifest(), answers, dataset_digest=DIGEST)
    guessed = perfect(challenge).with_columns(price=pl.Series(truth * rng.lognormal(0, 0.2, rows)))
    scores = grade_frame(guessed, challenge, tmp_path).public
    assert scores is not None
    squares = np.log1p(guessed["price"].to_numpy()[: rows - 9]) - np.log1p(truth[: rows - 9])
    exact = np.std(squares**2) / (2 * scores.score) / math.sqrt(rows - 9)
    assert scores.standard_error == pytest.approx(exact, rel=0.1)


def test_a_metric_of_optional_columns_alone_is_the_operators_to_mend(tmp_path: Path):
    metric = {"name": "log_loss", "direction": "min", "columns": PROBABILITIES, "answer": "species"}
    challenge = make_challenge(flowers_manifest(other_metric=metric), flower_answers(), dataset_digest=DIGEST)
    with pytest.raises(BrokenChallenge, match="need not be submitted"):
        grade_frame(perfect(challenge), challenge, tmp_path)


def test_probabilities_may_be_listed_in_another_order_than_submitted(tmp_path: Path):
    order = [PROBABILITIES[2], PROBABILITIES[0], PROBABILITIES[1]]
    manifest = flowers_manifest(
        secondary=[{"name": "log_loss", "direction": "min", "columns": order, "answer": "codes"}]
    )
    answers = flower_answers().with_columns(
        codes=pl.col("species").replace_strict(dict(zip(["virginica", "setosa", "versicolor"], range(3), strict=True)))
    )
    challenge = make_challenge(manifest, answers, dataset_digest=DIGEST)
    plain = grade_frame(guess(challenge), flowers(), tmp_path).public
    found = grade_frame(guess(challenge), challenge, tmp_path).public
    assert plain is not None
    assert found is not None
    assert found.secondary["log_loss"] == pytest.approx(plain.secondary["log_loss"])


BINARY: dict[str, Any] = {"name": "roc_auc", "direction": "max", "columns": ["chance"], "answer": "ill"}


def test_scores_of_one_class_against_whole_number_answers(tmp_path: Path):
    manifest = make_manifest([{"name": "chance", "type": "number"}], BINARY)
    answers = flower_answers().select("id", "side", ill=pl.col("species") == "setosa")
    challenge = make_challenge(manifest, answers, dataset_digest=DIGEST)
    chances = np.random.default_rng(5).random(30)
    frame = answers.select("id", chance=pl.Series(chances))
    verdict = grade_frame(frame, challenge, tmp_path)
    public = (answers["side"] == "public").to_numpy()
    assert verdict.public is not None
    expected = reference.roc_auc_score(answers["ill"].to_numpy()[public], chances[public])
    assert verdict.public.score == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "luck"}, "no metric"),
        ({"direction": "min"}, "direction"),
        ({"answer": "kind"}, "lack column"),
        ({"answer": "gaps"}, "no gaps"),
        ({"answer": "below"}, "labels that are not declared"),
        ({"name": "roc_auc", "columns": PROBABILITIES[:1], "answer": "below"}, "start at 0"),
        ({"name": "mae", "direction": "min"}, "must be numbers"),
        (
            {"name": "log_loss", "direction": "min", "columns": PROBABILITIES[:2], "answer": "species"},
            "2 columns for 3",
        ),
    ],
)
def test_a_manifest_that_does_not_fit_is_the_operators_to_mend(change: dict[str, Any], problem: str):
    metric = {"name": "accuracy", "direction": "max", "columns": ["species"], **change}
    answers = flower_answers().with_columns(gaps=pl.lit(None, dtype=pl.Int64), below=pl.lit(-1))
    with pytest.raises(BrokenChallenge, match=problem):
        make_challenge(flowers_manifest(other_metric=metric, secondary=[]), answers)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"side": pl.lit("secret")}, "must hold"),
        ({"side": pl.lit("public")}, "both sides"),
        ({"species": pl.lit("tulip")}, "not declared"),
        ({"id": pl.lit("same")}, "unique"),
    ],
)
def test_answers_that_do_not_fit_are_the_operators_to_mend(change: dict[str, pl.Expr], problem: str):
    with pytest.raises(BrokenChallenge, match=problem):
        make_challenge(flowers_manifest(), flower_answers().with_columns(**change))
