"""Makes the data: a machine with two dials, turned at random.

Every purpose has a key of its own, published numbers are rounded, and hidden rows stand in the order of their ids.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from challenges._generators.keys import Keys

TRAIN_ROWS = 400
HIDDEN_ROWS = 1000


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:  # noqa: ARG001
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of a real source; empty for the offline one.
        public: Folder of what participants get.
        hidden: Folder of what they never get: `answers.parquet` with the id, the answers, and maybe `slice_…` columns.
        keys: Randomness of this installation.
        source: `offline`, or the name of a source in challenge.toml.
    """
    train = turn_dials(TRAIN_ROWS, keys, "train")
    test = turn_dials(HIDDEN_ROWS, keys, "test").insert_column(0, pl.Series("id", keys.ids(HIDDEN_ROWS))).sort("id")
    train.write_csv(public / "train.csv")
    test.drop("reading").write_csv(public / "test.csv")
    test.select("id", reading=pl.lit(0.0)).write_csv(public / "sample_submission.csv")
    test.select("id", "reading").write_parquet(hidden / "answers.parquet")


def turn_dials(count: int, keys: Keys, part: str) -> pl.DataFrame:
    """Dials from one stream, noise of the reading from another."""
    left, right = keys.rng(f"{part}/rows").normal(size=(2, count)).round(3)
    noise = 0.5 * keys.rng(f"{part}/noise").normal(size=count)
    reading = 3 * left - 2 * right + 1.5 * left * right + noise
    return pl.DataFrame({"left": left, "right": right, "reading": np.clip(reading, -1000, 1000).round(2)})
