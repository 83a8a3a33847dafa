"""Makes the data of kmeans: readings of machines of seven types (offline), or the penguins of Palmer Station (real).

Rows that belong to no group are marked -1 among the answers and asked for like all others, but never scored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.keys import Keys
from challenges._generators.pictures import save_scatter, shade
from challenges.errors import InvalidSource

ROWS = 2900
SHARES = (0.24, 0.20, 0.17, 0.14, 0.11, 0.08, 0.06)
"""How frequent the seven types are; which one has which share is drawn."""
DIMENSIONS, LOOSE = 6, 2
"""Sensors that tell something, and sensors whose cable is loose."""
DISTANCE, JITTER = 4.5, 0.1
"""Between the middles of any two types, in units of a typical spread, and how far each middle strays."""
WIDTHS = np.geomspace(0.35, 1.7, DIMENSIONS)
"""Spread of a type along its own axes: long in some directions and flat in others."""
LAYOUTS = 8
"""Layouts that are drawn; the one whose closest two types are furthest apart is used."""
UNITS = np.geomspace(0.05, 60.0, DIMENSIONS + LOOSE)
"""The sensors' units differ a thousandfold."""
FAULT_SHARE, FAULT_SPREAD = 0.02, 4.0
"""Readings garbled on their way, and by how much, in units of a column's spread."""
NO_GROUP = -1
DIGITS = 5

PENGUINS = "penguins.csv"
MEASURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of the real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline` or `real` (species of penguins are known to the world; honour system).
    """
    table, groups = load_penguins(raw / PENGUINS) if source == "real" else read_sensors(keys)
    rows = table.insert_column(0, pl.Series("id", keys.ids(table.height)))
    rows = rows.with_columns(cluster=pl.Series(groups)).sort("id")
    rows.drop("cluster").write_csv(public / "test.csv")
    rows.select("id", cluster=pl.lit(0)).write_csv(public / "sample_submission.csv")
    rows.select("id", "cluster").write_parquet(hidden / "answers.parquet")
    save_preview(public / "preview.png", rows.drop("id", "cluster").to_numpy())


def read_sensors(keys: Keys) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Readings (columns `sensor_1` …) and the type of each machine, `NO_GROUP` where the reading was garbled."""
    layout, noise = keys.rng("layout"), keys.rng("noise")
    groups = keys.rng("labels").choice(len(SHARES), ROWS, p=layout.permutation(SHARES))
    middles, shapes = max((lay_out(layout) for _ in range(LAYOUTS)), key=lambda drawn: measure_gap(*drawn))
    true = middles[groups] + np.einsum("nij,nj->ni", shapes[groups], noise.standard_normal((ROWS, DIMENSIONS)))
    readings = np.hstack([true / true.std(axis=0), noise.standard_normal((ROWS, LOOSE))])
    is_faulty = keys.rng("faults").random(ROWS) < FAULT_SHARE
    readings[is_faulty] += noise.normal(0, FAULT_SPREAD, (int(is_faulty.sum()), readings.shape[1]))
    # which sensor is loose, and which has the large unit, are secrets of the installation too
    order = layout.permutation(readings.shape[1])
    units = layout.permutation(UNITS)
    decimals = np.ceil(DIGITS - 1 - np.log10(units)).astype(int)
    columns = {
        f"sensor_{number + 1}": np.round(readings[:, column] * units[number], decimals[number])
        for number, column in enumerate(order)
    }
    return pl.DataFrame(columns), np.where(is_faulty, NO_GROUP, groups)


def lay_out(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middles (types, dimensions) of the types, and shapes (types, dimensions, dimensions) that round noise is given.

    Middles are the corners of a turned simplex, all about equally far apart: drawn freely, some would fall together now
    and then, and the challenge would be harder on some installations than on others.
    """
    types = len(SHARES)
    corners = np.linalg.svd(np.eye(types) - 1 / types)[0][:, :DIMENSIONS] * DISTANCE / np.sqrt(2)
    middles = corners @ turn(rng, DIMENSIONS).T + rng.normal(0, JITTER, corners.shape)
    return middles, np.stack([turn(rng, DIMENSIONS) * WIDTHS for _ in SHARES])


def measure_gap(middles: NDArray[np.float64], shapes: NDArray[np.float64]) -> float:
    """Squared Mahalanobis distance of the two types that are closest, under the mean of their covariances."""
    spreads = shapes @ shapes.transpose(0, 2, 1)
    pairs = [(a, b) for a in range(len(middles)) for b in range(a)]
    steps = [middles[a] - middles[b] for a, b in pairs]
    means = [(spreads[a] + spreads[b]) / 2 for a, b in pairs]
    return min(float(step @ np.linalg.solve(mean, step)) for step, mean in zip(steps, means, strict=True))


def turn(rng: np.random.Generator, dimensions: int) -> NDArray[np.float64]:
    """A random rotation, shape (dimensions, dimensions), all directions alike."""
    axes, scale = np.linalg.qr(rng.standard_normal((dimensions, dimensions)))
    turned: NDArray[np.float64] = axes * np.sign(np.diag(scale))
    return turned


def load_penguins(path: Path) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Four measures of each penguin, and a number for its species; penguins that nobody measured are left out.

    Raises:
        InvalidSource: The file is not the table of penguins.
    """
    try:
        table = pl.read_csv(path, null_values="NA").drop_nulls(MEASURES)
        measures = table.select(pl.col(name).cast(pl.Float64) for name in MEASURES)
        species = table["species"].cast(pl.String)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidSource(f"{PENGUINS}: {error}") from error
    if not measures.height:
        raise InvalidSource(f"{PENGUINS}: no row has all four measures")
    return measures, species.rank("dense").cast(pl.Int64).to_numpy() - 1


def save_preview(path: Path, numbers: NDArray[np.float64]) -> None:
    """Draw all rows in the plane in which they spread most; colours are the third direction, and no answers."""
    low, middle, high = np.percentile(numbers, [25, 50, 75], axis=0)
    scaled = ((numbers - middle) / (high - low)).clip(-3, 3)
    centred = scaled - scaled.mean(axis=0)
    across, up, deep = (centred @ np.linalg.svd(centred, full_matrices=False)[2][:3].T).T
    save_scatter(path, across, up, shade(deep))
