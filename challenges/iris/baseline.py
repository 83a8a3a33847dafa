"""A first solution for iris: five nearest neighbours, written out in numpy.

A new flower is given the species of most of the five known flowers that are closest to it. All four measurements count
alike, whatever their spread and however they move together: that is where you can do better.

    python baseline.py --data iris --out submission.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
NEIGHBOURS = 5


def main(data: Path, out: Path) -> None:
    """Learn from `train.csv`, write a species and its probabilities for each row of `test.csv`."""
    train = pl.read_csv(data / "train.csv")
    test = pl.read_csv(data / "test.csv")
    known = train.select(FEATURES).to_numpy()
    asked = test.select(FEATURES).to_numpy()

    # squared distance of every asked flower (rows) to every known flower (columns)
    distances = ((asked[:, None, :] - known[None, :, :]) ** 2).sum(axis=2)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :NEIGHBOURS]
    neighbours = train["species"].to_numpy()[nearest]

    species = sorted(train["species"].unique())
    votes = np.column_stack([(neighbours == name).sum(axis=1) for name in species])
    # one vote more for each species: never claim that something is impossible (log loss would be merciless)
    probabilities = (votes + 1) / (NEIGHBOURS + len(species))

    submission = pl.DataFrame(
        {
            "id": test["id"],
            "species": np.array(species)[votes.argmax(axis=1)],
            **{f"p_{name}": probabilities[:, i] for i, name in enumerate(species)},
        }
    )
    submission.write_csv(out)
    print(f"wrote {len(submission)} rows to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
