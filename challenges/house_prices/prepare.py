"""Makes the data of house_prices: flats of an invented city (offline), or California's census of 1990 (real).

A row of the census is a block group, 500 households on average.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.city import City, build_flats, found_city, haggle, survey, value
from challenges._generators.keys import Keys
from challenges._generators.pictures import save_scatter, shade
from challenges.errors import InvalidSource

TRAIN_ROWS = 8000
HIDDEN_ROWS = 4000
REAL_HIDDEN_SHARE = 0.3
ARCHIVE, TABLE = "housing.tgz", "housing.csv"
TABLE_LIMIT_BYTES = 10_000_000

COLUMNS = (
    "area", "rooms", "build_year", "floor", "total_floors", "elevator", "decoration", "orientation",
    "school_zone", "parking", "district", "lat", "lon", "metro_km", "months_since_2022",
)  # fmt: skip
GAPS = {"build_year": 0.06, "metro_km": 0.08, "decoration": 0.05}
"""Share of empty cells by column."""
SLIPS = 0.004
"""Share of flats whose area was typed ten times too large."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of the real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline` or `real`.
    """
    if source == "real":
        train, test = split_blocks(load_blocks(raw / ARCHIVE), keys)
        district, place = "ocean_proximity", ("longitude", "latitude")
    else:
        city = found_city(keys.rng("city"))
        train, test = (sell_flats(city, rows, keys, part) for part, rows in _PARTS.items())
        district, place = "district", ("lon", "lat")
    test = test.insert_column(0, pl.Series("id", keys.ids(test.height))).sort("id")
    train.write_csv(public / "train.csv")
    test.drop("price").write_csv(public / "test.csv")
    typical = float(train["price"].median())  # type: ignore[arg-type]
    test.select("id", price=pl.lit(typical)).write_csv(public / "sample_submission.csv")
    test.select(
        "id",
        "price",
        slice_district=district,
        slice_missing=name_gaps(test),
        slice_price=name_tenths(test["price"].to_numpy()),
    ).write_parquet(hidden / "answers.parquet")
    picture = train.head(3000)
    colours = shade(picture["price"].to_numpy())
    save_scatter(public / "preview.png", picture[place[0]].to_numpy(), picture[place[1]].to_numpy(), colours)


_PARTS = {"train": TRAIN_ROWS, "test": HIDDEN_ROWS}


def sell_flats(city: City, count: int, keys: Keys, part: str) -> pl.DataFrame:
    """Build, survey, sell and write down the flats of one part; each step has a key of its own.

    Published places are rounded to ten centimetres, and published numbers come from another stream than prices.
    """
    flats = survey(city, build_flats(count, keys.rng(f"{part}/rows")))
    price = haggle(value(city, flats), flats, keys.rng(f"{part}/prices"))
    written = flats.with_columns(
        lat=(30 + pl.col("y") * 0.009).round(6),
        lon=(104 + pl.col("x") * 0.0104).round(6),
        months_since_2022="month",
    ).select(COLUMNS)
    return smudge(written, keys.rng(f"{part}/smudges")).with_columns(price=price)


def smudge(flats: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Lose some cells and mistype some areas, as clerks do."""
    for name, share in GAPS.items():
        lost = pl.Series(rng.random(flats.height) < share)
        flats = flats.with_columns(pl.when(lost).then(None).otherwise(pl.col(name)).alias(name))
    slipped = pl.Series(rng.random(flats.height) < SLIPS)
    area = pl.col("area")
    return flats.with_columns(pl.when(slipped).then((area * 10).round(1)).otherwise(area).alias("area"))


def name_gaps(table: pl.DataFrame) -> pl.Expr:
    """For each row: which column is empty; `none`, or `several`."""
    names = [name for name in table.columns if name != "id"]
    count = pl.sum_horizontal(pl.col(name).is_null() for name in names)
    first = pl.coalesce(pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in names)
    return pl.when(count > 1).then(pl.lit("several")).otherwise(first.fill_null("none"))


def name_tenths(prices: NDArray[np.float64]) -> pl.Series:
    """For each row: in which tenth of all prices it is, from `01` (cheapest) to `10`."""
    cuts = np.quantile(prices, np.arange(1, 10) / 10)
    return pl.Series([f"{tenth + 1:02d}" for tenth in np.searchsorted(cuts, prices, side="right")])


def load_blocks(archive: Path) -> pl.DataFrame:
    """Read the table inside the archive, without unpacking anything to disk.

    Raises:
        InvalidSource: The archive does not hold the table.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            member = tar.getmember(TABLE)
            content = tar.extractfile(member)
            if content is None or member.size > TABLE_LIMIT_BYTES:
                raise InvalidSource(f"{ARCHIVE}: {TABLE} is not a file of at most {TABLE_LIMIT_BYTES} bytes")
            return pl.read_csv(content.read()).rename({"median_house_value": "price"})
    except (KeyError, tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InvalidSource(f"{ARCHIVE}: {error}") from error


def split_blocks(blocks: pl.DataFrame, keys: Keys) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pool all block groups and divide them anew with the installation's key."""
    blocks = blocks.unique(maintain_order=True)
    learn, ask = keys.divide(blocks.height, round(blocks.height * REAL_HIDDEN_SHARE))
    return blocks[learn], blocks[ask]
