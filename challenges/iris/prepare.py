"""Makes the data of iris: Fisher's 150 public flowers to learn from, and hidden flowers that nobody has measured.

The labels of the public table are known to everyone, so offline no public row is ever a hidden row: each hidden flower
is drawn from the normal distribution of its species, estimated from the 150, and its species from a stream of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.datasets import load_iris

from challenges._generators.keys import Keys
from challenges._generators.pictures import PALETTE, save_scatter

SPECIES = ("setosa", "versicolor", "virginica")
FEATURES = ("sepal_length", "sepal_width", "petal_length", "petal_width")
HIDDEN_ROWS = 2000
"""So many that chance moves the private score (of 1,400 rows, at 0.975) by a standard error of 0.004, which is less
than the 0.007 between linear and quadratic discriminant analysis; with 600 rows it would be 0.008."""
REAL_TRAIN_ROWS = 75


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:  # noqa: ARG001
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of a real source; unused, since scikit-learn ships the 150 flowers.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline` (new flowers are hidden) or `real` (half of the 150 flowers is hidden; honour system).
    """
    flowers, species = load_flowers()
    if source == "real":
        order = keys.rng("split/rows").permutation(len(flowers))
        learn, ask = order[:REAL_TRAIN_ROWS], order[REAL_TRAIN_ROWS:]
        train, test = (flowers[learn], species[learn]), (flowers[ask], species[ask])
    else:
        order = keys.rng("shuffle").permutation(len(flowers))
        train = flowers[order], species[order]
        test = grow_flowers(flowers, species, HIDDEN_ROWS, keys)
    write(train, test, keys.ids(len(test[0])), public, hidden)


def load_flowers() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The public table: measurements in cm (150, 4) and species numbers (150,)."""
    bunch = load_iris()
    return bunch.data, bunch.target


def grow_flowers(
    flowers: NDArray[np.float64], species: NDArray[np.intp], count: int, keys: Keys
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Draw flowers that never grew: species first, then measurements from that species' normal distribution."""
    labels = keys.rng("test/labels").integers(0, len(SPECIES), count)
    draws = keys.rng("test/rows").standard_normal((count, len(FEATURES)))
    grown = np.empty_like(draws)
    for number in range(len(SPECIES)):
        kin = flowers[species == number]
        root = np.linalg.cholesky(np.cov(kin.T))
        rows = labels == number
        grown[rows] = kin.mean(0) + draws[rows] @ root.T
    return np.maximum(grown.round(1), 0.1), labels


def write(
    train: tuple[NDArray[np.float64], NDArray[np.intp]],
    test: tuple[NDArray[np.float64], NDArray[np.intp]],
    ids: list[str],
    public: Path,
    hidden: Path,
) -> None:
    """Write all files; hidden rows stand in the order of their ids, which is the order of nothing else."""
    names = np.array(SPECIES)
    table(train[0]).with_columns(species=names[train[1]]).write_csv(public / "train.csv", float_precision=1)
    asked = table(test[0]).insert_column(0, pl.Series("id", ids)).with_columns(species=names[test[1]]).sort("id")
    asked.drop("species").write_csv(public / "test.csv", float_precision=1)
    asked.select("id", species=pl.lit(SPECIES[0])).write_csv(public / "sample_submission.csv")
    asked.select("id", "species").write_parquet(hidden / "answers.parquet")
    colours = np.array(PALETTE, dtype=np.uint8)[train[1]]
    save_scatter(public / "preview.png", train[0][:, 2], train[0][:, 3], colours)


def table(flowers: NDArray[np.float64]) -> pl.DataFrame:
    """Measurements as a table, in cm with one decimal."""
    return pl.DataFrame(flowers.round(1), schema=list(FEATURES))
