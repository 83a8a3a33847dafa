"""An invented city and its flats: what they are like, and what they are worth before anybody haggles.

The city is drawn once from its own key, so that the flats to learn from and the hidden ones stand in the same streets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE_KM = 20.0
COLUMNS, ROWS = 4, 3
DISTRICTS = COLUMNS * ROWS
PLACE = 0.33
"""Standard deviation over the city of what a place adds to log price."""
THIS_YEAR = 2025
MONTHS = 36
DECORATIONS = {"毛坯": -0.07, "简装": 0.0, "精装": 0.08, "豪装": 0.18}
"""Bare, simple, fine, luxurious: value of each in log price, when new."""
LOW_RISE_FLOORS = 6
"""Higher houses have a lift by law."""
EASY_FLOORS = 3
"""So many floors cost nothing to climb."""
OLD_YEARS = 30
"""Wear ends and haggling begins."""
FAR_KM = 8
"""From the centre: here the metro counts more."""
ORIENTATIONS = {"南": 0.03, "北": -0.05, "东": 0.0, "西": -0.02, "南北": 0.06}
"""South, north, east, west, south and north."""


@dataclass(frozen=True)
class City:
    """Where districts lie and how they are liked."""

    centres: Floats
    """Centres of districts in km, shape (DISTRICTS, 2)."""
    charm: Floats
    """What the heart of a district adds to log price."""
    extent: Floats
    """How far in km a district's charm reaches."""


def found_city(rng: np.random.Generator) -> City:
    """Draw a city: which district is liked, and where its heart is, differ; how much places differ does not.

    So a model scores about the same in every city.
    """
    cell = SIDE_KM / np.array([COLUMNS, ROWS])
    grid = np.stack(np.meshgrid(np.arange(COLUMNS), np.arange(ROWS)), -1).reshape(-1, 2) + 0.5
    centres = (grid + rng.uniform(-0.35, 0.35, grid.shape)) * cell
    charm = rng.permutation(np.linspace(-1, 1, DISTRICTS))
    extent = rng.permutation(np.linspace(2.0, 3.6, DISTRICTS))
    streets = np.stack(np.meshgrid(*2 * [np.linspace(0, SIDE_KM, 41)]), -1).reshape(-1, 2)
    reach = _reach_at(streets, _metro_line(streets))
    felt = _charm_at(streets, centres, charm, extent)
    # the factor of charm for which charm and reach together have the wanted variance
    (a, b), (_, c) = np.cov(felt, reach)
    factor = (np.sqrt(b**2 - a * (c - PLACE**2)) - b) / a
    return City(centres, charm * factor, extent)


def build_flats(count: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw flats without prices: every column true and complete, `x` and `y` in km."""
    area = np.clip(np.exp(rng.normal(4.45, 0.38, count)), 22, 420).round(1)
    total_floors = rng.choice([6, 11, 18, 28, 33], count, p=[0.35, 0.25, 0.2, 0.12, 0.08])
    return pl.DataFrame(
        {
            "x": rng.uniform(0, SIDE_KM, count),
            "y": rng.uniform(0, SIDE_KM, count),
            "area": area,
            "rooms": np.clip(np.rint(area / rng.normal(28, 5, count)), 1, 8).astype(np.int64),
            "build_year": np.clip(THIS_YEAR - rng.gamma(2.2, 8, count), 1955, THIS_YEAR).astype(np.int64),
            "floor": rng.integers(1, total_floors + 1),
            "total_floors": total_floors,
            "elevator": ((total_floors > LOW_RISE_FLOORS) | rng.binomial(1, 0.15, count)).astype(np.int64),
            "decoration": rng.choice(list(DECORATIONS), count, p=[0.2, 0.4, 0.3, 0.1]),
            "orientation": rng.choice(list(ORIENTATIONS), count, p=[0.3, 0.15, 0.15, 0.15, 0.25]),
            "school_zone": rng.binomial(1, 0.25, count),
            "parking": rng.poisson(0.8, count),
            "month": rng.integers(0, MONTHS, count),
            "detour": rng.exponential(0.2, count),
        }
    )


def survey(city: City, flats: pl.DataFrame) -> pl.DataFrame:
    """Add what follows from where a flat stands: district, way to the metro in km."""
    places = flats.select("x", "y").to_numpy()
    nearest = _square_distances(places, city.centres).argmin(1)
    names = np.array([f"D{number:02d}" for number in range(1, DISTRICTS + 1)])
    return flats.with_columns(
        district=names[nearest],
        metro_km=(_metro_line(places) + flats["detour"].to_numpy()).round(2),
    )


def value(city: City, flats: pl.DataFrame) -> Floats:
    """Logarithm of what each surveyed flat is worth, in yuan."""
    column = {name: flats[name].to_numpy() for name in flats.columns}
    age = THIS_YEAR - column["build_year"]
    size = 9.7 + 0.92 * np.log(column["area"])
    return np.asarray(size + _place(city, flats) + _building(column, age) + _comfort(column, age))


def haggle(worth: Floats, flats: pl.DataFrame, rng: np.random.Generator) -> Floats:
    """Prices paid, rounded to 100 yuan; those of old flats scatter more, and a few buyers are very lucky or not."""
    age = THIS_YEAR - flats["build_year"].to_numpy()
    spread = np.where(age > OLD_YEARS, 0.125, 0.085)
    talk = rng.normal(0, spread) + 0.02 * rng.standard_t(3, len(worth))
    return np.maximum(np.exp(worth + talk).round(-2), 100.0)


def _place(city: City, flats: pl.DataFrame) -> Floats:
    places = flats.select("x", "y").to_numpy()
    return _charm_at(places, city.centres, city.charm, city.extent) + _reach_at(places, flats["metro_km"].to_numpy())


def _reach_at(places: Floats, metro_km: Floats) -> Floats:
    to_centre = np.hypot(*(places - SIDE_KM / 2).T)
    walk = 0.10 * np.log1p(metro_km) * np.where(to_centre > FAR_KM, 1.4, 1.0)
    return np.asarray(-0.035 * to_centre - walk)


def _metro_line(places: Floats) -> Floats:
    """Distance in km to the one winding line, from west to east."""
    x, y = places.T
    return np.asarray(np.abs(SIDE_KM / 2 - 3 * np.sin(x / 2) - y))


def _building(column: dict[str, NDArray[Any]], age: Floats) -> Floats:
    floor, total = column["floor"], column["total_floors"]
    stairs = np.where((column["elevator"] == 0) & (floor > EASY_FLOORS), 0.03 * (floor - EASY_FLOORS), 0.0)
    view = 0.03 * np.sin(np.pi * floor / total)
    return np.asarray(-0.009 * age + 0.0001 * age**2 - stairs + view)


def _comfort(column: dict[str, NDArray[Any]], age: Floats) -> Floats:
    decoration = np.array([DECORATIONS[name] for name in column["decoration"].tolist()])
    orientation = np.array([ORIENTATIONS[name] for name in column["orientation"].tolist()])
    worn = 1 - np.minimum(age, OLD_YEARS) / (2 * OLD_YEARS)
    family = 0.14 * ((column["school_zone"] == 1) & (column["rooms"] > 1))
    parking = 0.05 * np.minimum(column["parking"], 2)
    month = column["month"]
    season = 0.05 * np.sin(2 * np.pi * month / MONTHS) + 0.004 * month
    return np.asarray(decoration * worn + orientation + family + parking + season)


def _charm_at(places: Floats, centres: Floats, charm: Floats, extent: Floats) -> Floats:
    return np.asarray((charm * np.exp(-_square_distances(places, centres) / (2 * extent**2))).sum(1))


def _square_distances(places: Floats, centres: Floats) -> Floats:
    return np.asarray(((places[:, None, :] - centres[None, :, :]) ** 2).sum(2))
