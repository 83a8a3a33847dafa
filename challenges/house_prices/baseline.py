"""A first solution for house_prices: ridge regression on the logarithm of the price, written out in numpy.

Numbers become standardised columns with a flag where they were missing, words become one column each. The error is
measured on a logarithmic scale, so the model predicts log(price + 1), and sizes enter as logarithms too. A straight
line knows nothing of neighbourhoods, of areas that were typed ten times too large, or of effects that depend on one
another: there you can do better.

    python baseline.py --data house_prices --out submission.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

PENALTY = 1.0
LONG_TAILED = ["area", "metro_km", "total_rooms", "total_bedrooms", "population", "households", "median_income"]
"""Columns (of either source) that are better seen on a logarithmic scale."""


def make_features(train: pl.DataFrame, table: pl.DataFrame) -> NDArray[Any]:
    """Turn a table into a matrix; medians, means and levels come from `train` alone."""
    columns = []
    for name in train.columns:
        if name == "price":
            continue
        if train[name].dtype == pl.String:
            levels = sorted(train[name].drop_nulls().unique())
            columns += [(table[name] == level).fill_null(value=False).to_numpy().astype(float) for level in levels]
        else:
            known = train[name].drop_nulls().to_numpy()
            numbers = table[name].fill_null(float(np.median(known))).to_numpy()
            if name in LONG_TAILED:
                known, numbers = np.log1p(known), np.log1p(numbers)
            columns.append((numbers - known.mean()) / known.std())
            if train[name].null_count():
                columns.append(table[name].is_null().to_numpy().astype(float))
    return np.column_stack(columns)


def main(data: Path, out: Path) -> None:
    """Learn from `train.csv`, write a price for each row of `test.csv`."""
    train = pl.read_csv(data / "train.csv", infer_schema_length=None)
    test = pl.read_csv(data / "test.csv", infer_schema_length=None)

    x, x_test = make_features(train, train), make_features(train, test)
    y = np.log1p(train["price"].to_numpy())

    # ridge regression in closed form: (XᵀX + λI) w = Xᵀ(y − ȳ)
    centre = x.mean(axis=0)
    centred = x - centre
    weights = np.linalg.solve(centred.T @ centred + PENALTY * np.eye(x.shape[1]), centred.T @ (y - y.mean()))
    log_price = y.mean() + (x_test - centre) @ weights

    # a straight line can run away where the table is wrong: stay within the prices that were ever paid
    price = np.expm1(np.clip(log_price, y.min(), y.max()))
    pl.DataFrame({"id": test["id"], "price": price.round(2)}).write_csv(out)
    print(f"wrote {len(price)} rows to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
