"""A first solution for kmeans: K-means on standardised columns, written out in numpy.

Every column is brought to mean 0 and spread 1, or the column with the largest unit would decide alone. Then a few
centres, as many as suit the rows, are moved until they stand in the middle of the rows that are nearest to them.
That works best for round groups of equal size; these are long, flat and unequal: there you can do better.

    python baseline.py --data kmeans --out submission.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

GROUPS = range(2, 11)
"""Numbers of clusters that are tried."""
STARTS = 10
STEPS = 100


def find_distances(rows: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distance of every row to every centre, shape (rows, centres)."""
    distances: NDArray[np.float64] = ((rows[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return distances


def choose_centres(rows: NDArray[np.float64], groups: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """k-means++: first any row, then rows that are likelier the further they lie from all centres so far."""
    centres = rows[[rng.integers(len(rows))]]
    while len(centres) < groups:
        nearest = find_distances(rows, centres).min(axis=1)
        centres = np.vstack([centres, rows[rng.choice(len(rows), p=nearest / nearest.sum())]])
    return centres


def move_centres(rows: NDArray[np.float64], groups: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], float]:
    """Lloyd's algorithm from one start: where the centres end, and the sum of squared distances to them."""
    centres = choose_centres(rows, groups, rng)
    for _ in range(STEPS):
        nearest = find_distances(rows, centres).argmin(axis=1)
        # a centre that lost all its rows stays where it is
        moved = np.stack(
            [rows[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k] for k in range(groups)]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    return centres, float(find_distances(rows, centres).min(axis=1).sum())


def measure_silhouette(rows: NDArray[np.float64], centres: NDArray[np.float64]) -> float:
    """Mean over the rows of 1 - a / b, where a and b are the distances to the nearest and to the second nearest centre.

    That is the silhouette with centres in place of all other rows: close to 1 where clusters are tight and far apart.
    """
    nearest = np.sqrt(np.sort(find_distances(rows, centres), axis=1)[:, :2])
    return float((1 - nearest[:, 0] / nearest[:, 1]).mean())


def main(data: Path, out: Path) -> None:
    """Write a cluster for each row of `test.csv`."""
    test = pl.read_csv(data / "test.csv")
    rows = test.drop("id").to_numpy()
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)

    # every start may end in another place: keep the tightest clusters of each number, and then the best number
    rng = np.random.default_rng(0)
    found = []
    for groups in GROUPS:
        ends = [move_centres(rows, groups, rng) for _ in range(STARTS)]
        found.append(min(ends, key=lambda pair: pair[1]))
    centres, spread = max(found, key=lambda pair: measure_silhouette(rows, pair[0]))
    clusters = find_distances(rows, centres).argmin(axis=1)

    pl.DataFrame({"id": test["id"], "cluster": clusters}).write_csv(out)
    print(f"wrote {len(test)} rows in {len(centres)} clusters to {out}; mean squared distance {spread / len(test):.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with test.csv")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
