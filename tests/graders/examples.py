"""Small challenges made in memory, and uploads for them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl

from challenges.manifest import Manifest
from challenges.messages import DataFile, GradeJob
from challenges.records import parse_record
from graders.loading import LoadedChallenge, make_challenge

SPECIES = ["setosa", "versicolor", "virginica"]
PROBABILITIES = [f"p_{name}" for name in SPECIES]
TEXT = {"en": "Text", "zh": "文字"}
DIGEST = "d" * 64


def make_manifest(columns: list[dict[str, Any]], metric: dict[str, Any], **fields: Any) -> Manifest:
    """A manifest with what grading reads; everything else is filled in. `other_metric` takes the place of `metric`."""
    submission = {
        "id": "id",
        "columns": [{"description": TEXT, **column} for column in columns],
        **fields.pop("submission", {}),
    }
    metric = fields.pop("other_metric", metric)
    levels = [0.1, 0.5, 0.9] if metric["direction"] == "max" else [0.9, 0.5, 0.1]
    return parse_record(
        Manifest,
        {
            "schema": 1,
            "version": 1,
            "kind": "predictions",
            "stage": "networks",
            "hours": 1.0,
            "title": TEXT,
            "summary": TEXT,
            "thresholds": dict(zip(("passing", "good", "excellent"), levels, strict=True)),
            "data_licence": "CC0-1.0",
            "limits": {"upload_bytes": 20_000_000},
            "submission": submission,
            "metric": metric,
            **fields,
        },
    )


def flowers_manifest(**fields: Any) -> Manifest:
    """Labels with optional probabilities, as in `iris`."""
    probabilities = [
        {"name": name, "type": "number", "minimum": 0.0, "maximum": 1.0, "optional_group": "probabilities"}
        for name in PROBABILITIES
    ]
    return make_manifest(
        [{"name": "species", "type": "label", "labels": SPECIES}, *probabilities],
        {"name": "accuracy", "direction": "max", "columns": ["species"]},
        **{
            "secondary": [
                {"name": "macro_f1", "direction": "max", "columns": ["species"]},
                {"name": "log_loss", "direction": "min", "columns": PROBABILITIES, "answer": "species"},
            ],
            "submission": {"probability_groups": ["probabilities"]},
            **fields,
        },
    )


def prices_manifest(**fields: Any) -> Manifest:
    """Positive numbers, as in `house_prices`."""
    return make_manifest(
        [{"name": "price", "type": "number", "minimum": 0.0, "exclusive_minimum": True, "maximum": 1e9}],
        {"name": "rmsle", "direction": "min", "columns": ["price"]},
        **{
            "secondary": [
                {"name": name, "direction": direction, "columns": ["price"]}
                for name, direction in (("mae", "min"), ("mape", "min"), ("r2", "max"), ("rmse", "min"))
            ],
            **fields,
        },
    )


def digits_manifest(**fields: Any) -> Manifest:
    """Labels that are digits, with integer ids."""
    return make_manifest(
        [{"name": "label", "type": "label", "labels": [str(i) for i in range(10)]}],
        {"name": "accuracy", "direction": "max", "columns": ["label"]},
        **fields,
    )


def flower_answers(rows: int = 30) -> pl.DataFrame:
    """Hidden rows with text ids; every third is public."""
    return pl.DataFrame(
        {
            "id": [hashlib.sha256(str(i).encode()).hexdigest()[:8] for i in range(rows)],
            "species": [SPECIES[(i * i + i // 3) % 3] for i in range(rows)],
            "slice_size": ["large" if i % 2 else "small" for i in range(rows)],
            "side": ["public" if i % 3 == 0 else "private" for i in range(rows)],
        }
    )


def price_answers(rows: int = 30) -> pl.DataFrame:
    """Hidden rows with text ids and prices."""
    return flower_answers(rows).select("id", "side", price=pl.Series([100.0 * (1 + i % 7) + i for i in range(rows)]))


def digit_answers(rows: int = 30) -> pl.DataFrame:
    """Hidden rows with integer ids from 1000."""
    return pl.DataFrame(
        {
            "id": range(1000, 1000 + rows),
            "label": [(3 * i) % 10 for i in range(rows)],
            "side": ["public" if i % 3 == 0 else "private" for i in range(rows)],
        }
    )


def flowers(rows: int = 30, **fields: Any) -> LoadedChallenge:
    return make_challenge(flowers_manifest(**fields), flower_answers(rows), dataset_digest=DIGEST)


def prices(rows: int = 30, **fields: Any) -> LoadedChallenge:
    return make_challenge(prices_manifest(**fields), price_answers(rows), dataset_digest=DIGEST)


def digits(rows: int = 30, **fields: Any) -> LoadedChallenge:
    return make_challenge(digits_manifest(**fields), digit_answers(rows), dataset_digest=DIGEST)


def perfect(challenge: LoadedChallenge) -> pl.DataFrame:
    """The answers as a submission, required columns only."""
    table = challenge.manifest.submission
    return challenge.answers.select(table.id, *(c.name for c in table.columns if not c.optional_group))


def job_for(path: Path, filename: str = "") -> GradeJob:
    """The job of grading one local file."""
    content = path.read_bytes()
    file = DataFile(filename or path.name, len(content), hashlib.sha256(content).hexdigest())
    return GradeJob("s1", 1, "flowers", "offline-v1-1", DIGEST, "p" * 64, path.as_uri(), file)
