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
VIEWS, CLIMBS, TURNS = 60, 4, 400
"""Of the preview: views that are tried, how many are mended, and in how many steps."""
CELLS, REACH = 20, 2.5
"""Of the grid that crowding is counted on: cells along a side, and how far it reaches, in spreads of the rows."""

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
    """Draw all rows as they are seen from where they crowd most, which shows groups and tells none.

    Colours are the third direction, and no answers; single far rows are drawn at the margin.
    """
    low, middle, high = np.percentile(numbers, [25, 50, 75], axis=0)
    scaled = ((numbers - middle) / (high - low)).clip(-3, 3)
    seen = find_view(scaled)
    across, up, deep = seen.clip(*np.percentile(seen, [0.5, 99.5], axis=0)).T
    save_scatter(path, across, up, shade(deep), size=(640, 420), labels=("first direction", "second direction"))


def find_view(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows along three directions: a plane in which they crowd into as few cells as possible, and a third one.

    Rows are made round first, so that it is not the longest directions that are found but the most uneven ones. No
    answer is looked at, and the chances it takes are the same on all installations.

    Source: Friedman and Tukey, A Projection Pursuit Algorithm for Exploratory Data Analysis, 1974.
    """
    centred = rows - rows.mean(axis=0)
    lengths, axes = np.linalg.eigh(np.cov(centred.T))
    round_rows = centred @ axes / np.sqrt(lengths)
    rng = np.random.default_rng(0)
    drawn = [turn(rng, rows.shape[1])[:, :2] for _ in range(VIEWS)]
    begun = sorted(drawn, key=lambda view: -measure_crowding(round_rows @ view))[:CLIMBS]
    plane = max((climb(round_rows, view, rng) for view in begun), key=lambda view: measure_crowding(round_rows @ view))
    third = climb(round_rows, np.linalg.qr(np.hstack([plane, turn(rng, rows.shape[1])[:, :1]]))[0], rng, fixed=2)
    return np.asarray(round_rows @ third)


def climb(
    rows: NDArray[np.float64], view: NDArray[np.float64], rng: np.random.Generator, fixed: int = 0
) -> NDArray[np.float64]:
    """Turn a view a little, again and again, as long as rows crowd more; its first `fixed` directions stay."""
    best = measure_crowding(rows @ view)
    for step in range(TURNS):
        moved = rng.normal(0, 0.5 * (1 - step / TURNS) + 0.02, view.shape)
        moved[:, :fixed] = 0
        axes, scale = np.linalg.qr(view + moved)
        turned = axes * np.sign(np.diag(scale))
        found = measure_crowding(rows @ turned)
        if found > best:
            view, best = turned, found
    return view


def measure_crowding(points: NDArray[np.float64]) -> float:
    """Pairs of rows that lie in the same cell of a grid over the middle of the view."""
    cells = ((points + REACH) * (CELLS / (2 * REACH))).astype(np.int64).clip(0, CELLS - 1)
    counts = np.bincount(np.ravel_multi_index(tuple(cells.T), (CELLS,) * points.shape[1]))
    return float(np.dot(counts, counts))
