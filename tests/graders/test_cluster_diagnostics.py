"""Diagnostics of clusterings: what they count, and that small clusters tell nothing."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import silhouette_samples

from graders.grading import grade
from graders.loading import LoadedChallenge, make_challenge
from tests.graders.examples import DIGEST, TEXT, job_for, make_manifest
from tests.sandboxing import shared_box

ROWS = 300
RNG = np.random.default_rng(4)
IDS = [f"a{number:04d}" for number in range(ROWS)]
GROUPS = RNG.choice([5, 7, 9, -1], ROWS, p=[0.5, 0.25, 0.2, 0.05])
ANSWERS = pl.DataFrame({"id": IDS, "group": GROUPS, "side": ["public", "public", "private"] * (ROWS // 3)})
FEATURES = pl.DataFrame({"id": IDS, "x": GROUPS + RNG.normal(0, 0.3, ROWS), "y": RNG.normal(0, 1, ROWS)}).reverse()


def read_public(_: str) -> bytes:
    buffer = BytesIO()
    FEATURES.write_csv(buffer)
    return buffer.getvalue()


@pytest.fixture
def challenge() -> LoadedChallenge:
    told = [
        {"name": "contingency", "title": TEXT},
        {"name": "silhouettes", "title": TEXT, "params": {"file": "test.csv"}},
    ]
    metric = {"name": "adjusted_rand", "direction": "max", "columns": ["group"], "params": {"unscored": -1}}
    manifest = make_manifest([{"name": "group", "type": "integer"}], metric, diagnostics=told)
    return make_challenge(manifest, ANSWERS, dataset_digest=DIGEST, read_public=read_public)


def diagnose(challenge: LoadedChallenge, groups: np.ndarray, folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "p.csv"
    ANSWERS.select("id", group=pl.Series(groups)).write_csv(path)
    return {d["kind"]: d for d in grade(job_for(path), path, challenge, shared_box()).diagnostics}


def test_the_table_counts_public_rows_and_names_no_true_group(challenge: LoadedChallenge, tmp_path: Path):
    given = np.where(GROUPS == 9, 5, GROUPS) * 100
    told = diagnose(challenge, given, tmp_path)["contingency"]
    public = ANSWERS.filter(side="public")["group"].to_list()
    five, seven, nine = (public.count(code) for code in (5, 7, 9))
    assert told["true"] == ["A", "B", "C"]
    assert told["clusters"] == ["500", "700"]
    assert told["matrix"] == [[five, 0], *([[0, seven], [nine, 0]] if seven >= nine else [[nine, 0], [0, seven]])]
    assert told["others"] == [0, 0, 0]


def test_small_clusters_are_counted_together(challenge: LoadedChallenge, tmp_path: Path):
    """A cluster of a single row would tell the group of that row."""
    told = diagnose(challenge, np.arange(ROWS), tmp_path)
    assert told["contingency"]["clusters"] == []
    assert told["contingency"]["matrix"] == [[], [], []]
    public = ANSWERS.filter((pl.col("side") == "public") & (pl.col("group") >= 0))
    assert sum(told["contingency"]["others"]) == public.height
    assert "silhouettes" not in told


def test_silhouettes_are_those_of_the_scaled_features(challenge: LoadedChallenge, tmp_path: Path):
    whole = diagnose(challenge, GROUPS, tmp_path)["silhouettes"]
    told = whole["rows"]
    public = ANSWERS.filter(side="public").join(FEATURES, on="id", maintain_order="left")
    table = public.select("x", "y").to_numpy()
    low, middle, high = np.percentile(table, [25, 50, 75], axis=0)
    groups = public["group"].to_numpy()
    values = silhouette_samples(((table - middle) / (high - low)).clip(-5, 5), groups)
    assert whole["clusters"] == len(told) == 4
    assert whole["mean"] == pytest.approx(values.mean(), abs=6e-4)
    assert [row["name"] for row in told][:1] == ["5"]
    for row in told:
        inside = groups == int(row["name"])
        assert row["rows"] == inside.sum()
        assert row["score"] == pytest.approx(values[inside].mean(), abs=6e-4)


def test_one_cluster_has_no_silhouette_and_other_metrics_no_contingency(challenge: LoadedChallenge, tmp_path: Path):
    assert set(diagnose(challenge, np.zeros(ROWS, dtype=int), tmp_path)) == {"contingency"}
    told = [{"name": "contingency", "title": TEXT}]
    columns = [{"name": "group", "type": "number"}]
    manifest = make_manifest(columns, {"name": "mae", "direction": "min", "columns": ["group"]}, diagnostics=told)
    plain = make_challenge(manifest, ANSWERS, dataset_digest=DIGEST)
    assert diagnose(plain, GROUPS, tmp_path) == {}
