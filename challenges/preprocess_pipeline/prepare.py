"""Makes the data of preprocess_pipeline: customers of a shop that does not exist (offline), or the Titanic's (real).

What the shop's customers do is drawn first, in clean numbers; then every column is written down as badly as people do.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.keys import Keys
from challenges._generators.pictures import save_text
from challenges.errors import InvalidSource

TRAIN_ROWS, HIDDEN_ROWS = 6_000, 8_000
HIDDEN_SHARE = 0.4
"""Of the Titanic's passengers."""
FIRST_DAY = dt.date(2023, 1, 2)
"""A Monday."""
DAYS = 730
SATURDAY = 5
CHANNELS = ("app", "web", "store", "phone")
CITY_STARTS = ("An", "Bei", "Chang", "Dong", "Fu", "Guan", "Hai", "Jin")
CITY_ENDS = ("zhou", "shan", "yang", "kou", "ling")
CITY_EFFECT = 1.2
LEVELS = 4
"""Among each four cities of like size, one buys least, one most, and two lie between."""
STEEPNESS = 1.3
"""How much of a purchase the columns explain; the rest is chance."""

MESS = {
    "thousands": 0.3,
    "age 999": 0.02,
    "no age": 0.07,
    "no channel": 0.05,
    "negative": 0.01,
    "small letters": 0.2,
    "space": 0.1,
}
"""Share of rows in which a column is written badly."""

Floats = NDArray[np.float64]


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public`, answers and training labels into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`, or `real` (the Titanic's passengers).
    """
    if source == "real":
        train, test, label = divide(load_passengers(raw), keys)
    else:
        effects = draw_cities(keys)
        train, test, label = *(draw_part(part, rows, effects, keys) for part, rows in _PARTS), "bought"
    ids = np.array(keys.ids(len(train) + len(test)))
    train = train.insert_column(0, pl.Series("id", ids[: len(train)])).sort("id")
    test = test.insert_column(0, pl.Series("id", ids[len(train) :])).sort("id")
    slices = [name for name in train.columns if name.startswith("slice_")]
    train.drop(slices).write_csv(public / "train.csv")
    test.drop([*slices, label]).write_csv(public / "test.csv")
    np.savez(hidden / "train.npz", label=train[label].to_numpy())
    test.select("id", *slices, label=label).write_parquet(hidden / "answers.parquet")
    save_sample(public / "sample_submission.zip", train["id"], test["id"])
    lines = (public / "train.csv").read_text(encoding="utf-8").splitlines()[:20]
    save_text(public / "preview.png", [(f"{line}\n", (60, 60, 60)) for line in lines], size=(720, 460))


_PARTS = (("train", TRAIN_ROWS), ("test", HIDDEN_ROWS))


def draw_cities(keys: Keys) -> Floats:
    """How gladly the people of each city buy, from the largest city to the smallest."""
    rng = keys.rng("cities")
    levels = np.linspace(-CITY_EFFECT, CITY_EFFECT, LEVELS)
    blocks = len(CITY_STARTS) * len(CITY_ENDS) // LEVELS
    return np.concatenate([rng.permutation(levels) for _ in range(blocks)]) + rng.normal(0, 0.1, blocks * LEVELS)


def draw_part(part: str, rows: int, effects: Floats, keys: Keys) -> pl.DataFrame:
    """Draw customers, decide what they do, and write them down."""
    rng = keys.rng(f"{part}/rows")
    weights = 1 / np.arange(1, len(effects) + 1)
    income = np.exp(rng.normal(9, 0.6, rows))
    age = rng.integers(18, 80, rows)
    city = rng.choice(len(effects), rows, p=weights / weights.sum())
    hour = rng.integers(0, 24, rows)
    day = rng.integers(0, DAYS, rows)
    habit = rng.normal(0, 1, rows)
    channel = rng.choice(len(CHANNELS), rows, p=(0.4, 0.3, 0.2, 0.1))
    liking = (
        0.9 * (np.log(income) - 9)
        - 0.0016 * (age - 45) ** 2
        + effects[city]
        + 0.8 * np.cos(2 * np.pi * (hour - 20) / 24)
        + 0.7 * (day % 7 >= SATURDAY)
        - 0.6 * habit * (channel == CHANNELS.index("app"))
        + 0.6 * (channel == CHANNELS.index("store"))
        - 0.1
    )
    chances = 1 / (1 + np.exp(-STEEPNESS * liking))
    bought = (keys.rng(f"{part}/labels").random(rows) < chances).astype(np.int64)
    clean = {"income": income, "age": age, "city": city, "hour": hour, "day": day, "channel": channel}
    table = write_down({**clean, "spend": np.exp(habit) * income * 0.05}, keys.rng(f"{part}/mess"))
    return table.with_columns(bought=pl.Series(bought))


def write_down(clean: dict[str, NDArray[np.generic]], mess: np.random.Generator) -> pl.DataFrame:
    """Write clean numbers as people do: three kinds of dates, two units, slips of the pen, gaps."""
    rows = len(clean["age"])
    is_short = mess.random(rows) < MESS["thousands"]
    ages = np.where(mess.random(rows) < MESS["age 999"], 999, clean["age"]).astype(object)
    ages[mess.random(rows) < MESS["no age"]] = None
    style = mess.integers(0, 3, rows)
    channel = np.where(mess.random(rows) < MESS["no channel"], len(CHANNELS), clean["channel"])
    channels = np.array([*CHANNELS, ""], dtype=object)[channel]
    spends = clean["spend"].astype(np.float64).round(2) * np.where(mess.random(rows) < MESS["negative"], -1, 1)
    return pl.DataFrame(
        {
            "income": [
                f"{value / 1000:.2f}k" if short else f"¥{value:.0f}"
                for value, short in zip(clean["income"].tolist(), is_short.tolist(), strict=True)
            ],
            "age": pl.Series(ages.tolist(), dtype=pl.Int64),
            "city": spell_cities(clean["city"], mess),
            "hour": clean["hour"],
            "date": [write_date(*pair) for pair in zip(clean["day"].tolist(), style.tolist(), strict=True)],
            "spend": spends.round(2),
            "channel": channels.tolist(),
            "slice_channel": np.where(channels == "", "(empty)", channels).tolist(),
            "slice_date": np.array(("2023-01-02", "02/01/2023", "Jan 02 2023"))[style].tolist(),
        }
    )


def spell_cities(city: NDArray[np.generic], mess: np.random.Generator) -> list[str]:
    """Names of cities, some in small letters, some with a space too many."""
    names = np.array([start + end for end in CITY_ENDS for start in CITY_STARTS])[city]
    small, spaced = (mess.random(len(city)) < MESS[name] for name in ("small letters", "space"))
    return [
        (" " if space else "") + (name.lower() if low else name)
        for name, low, space in zip(names.tolist(), small.tolist(), spaced.tolist(), strict=True)
    ]


def write_date(day: int, style: int) -> str:
    """A date in one of three ways; the second has the day first."""
    return (FIRST_DAY + dt.timedelta(days=day)).strftime(("%Y-%m-%d", "%d/%m/%Y", "%b %d %Y")[style])


def load_passengers(raw: Path) -> pl.DataFrame:
    """The Titanic's passengers whose fate is told, 891 rows.

    Raises:
        InvalidSource: The file is no such table.
    """
    try:
        table = pl.read_csv(raw / "train.csv")
        groups = {"slice_sex": pl.col("Sex"), "slice_class": pl.format("class {}", "Pclass")}
        return table.drop("PassengerId").with_columns(**groups)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InvalidSource(f"train.csv: {error}") from error


def divide(table: pl.DataFrame, keys: Keys) -> tuple[pl.DataFrame, pl.DataFrame, str]:
    """Training and hidden rows, and the name of the label."""
    learn, ask = keys.divide(len(table), round(HIDDEN_SHARE * len(table)))
    return table[learn], table[ask], "Survived"


def save_sample(path: Path, *ids: pl.Series) -> None:
    """Write a submission of one column that says nothing."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, listed in zip(("train.csv", "test.csv"), ids, strict=True):
            content = pl.DataFrame({"id": listed, "nothing": np.zeros(len(listed), dtype=np.int64)}).write_csv()
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
