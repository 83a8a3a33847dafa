"""Metrics bound to answers: vectors and clusters, and answers that are neither."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from graders.arrangement import arrange
from graders.loading import make_challenge
from graders.scoring import BrokenChallenge
from tests.graders.examples import make_manifest

IDS = pl.DataFrame({"id": list("abcdef"), "side": ["public", "private"] * 3})
DAYS = [{"name": name, "type": "number"} for name in ("day_1", "day_2")]
SKILL: dict[str, Any] = {
    "name": "skill",
    "direction": "max",
    "columns": ["day_1", "day_2"],
    "params": {"reference": 100.0},
}
GROUP = [{"name": "group", "type": "integer"}]
RAND: dict[str, Any] = {"name": "adjusted_rand", "direction": "max", "columns": ["group"], "params": {"unscored": -1}}


def test_a_metric_of_vectors_reads_several_columns():
    answers = IDS.with_columns(day_1=pl.Series([101.0, 99, 100, 98, 102, 100]), day_2=pl.Series([100.0] * 6))
    challenge = make_challenge(make_manifest(DAYS, SKILL), answers)
    scorer = challenge.scorers[0]
    assert scorer.truth.shape == (6, 2)
    right = {name: challenge.answers[name].to_numpy() for name in ("day_1", "day_2")}
    given = arrange(right, np.arange(6, dtype=np.int32))
    assert scorer.score(given, challenge.public) == 1.0
    still = arrange({name: np.full(6, 100.0) for name in right}, np.arange(6, dtype=np.int32))
    assert scorer.score(still, challenge.private) == 0.0
    assert scorer.standard_error(still, challenge.private) == 0.0


def test_a_metric_of_vectors_needs_as_many_answers_and_more_than_one():
    answers = IDS.with_columns(day_1=1.0, day_2=1.0)
    for fields in ({"columns": ["day_1"]}, {"answers": ["day_1"]}):
        with pytest.raises(BrokenChallenge, match="as many, two or more"):
            make_challenge(make_manifest(DAYS, {**SKILL, **fields}), answers)


def test_clusters_may_be_called_as_one_likes_and_outliers_do_not_count():
    answers = IDS.with_columns(group=pl.Series([4, -1, 4, 9, -7, 9]))
    challenge = make_challenge(make_manifest(GROUP, RAND), answers)
    names = {4: 1e9, 9: -3.0, -7: 0.0, -1: 1e9}
    given = arrange(
        {"group": np.array([names[code] for code in challenge.answers["group"].to_list()])},
        np.arange(6, dtype=np.int32),
    )
    assert [challenge.scorers[0].score(given, side) for side in (challenge.public, challenge.private)] == [1.0, 1.0]


@pytest.mark.parametrize("cells", [[1.5] * 6, [1, 2, 3, None, 5, 6], ["a"] * 6])
def test_clusters_must_be_whole_numbers(cells: list[Any]):
    with pytest.raises(BrokenChallenge, match="whole numbers without gaps"):
        make_challenge(make_manifest(GROUP, RAND), IDS.with_columns(group=pl.Series(cells)))
