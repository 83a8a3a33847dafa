"""A first solution for stock_prediction: ridge regression on what happened in the last five days.

Prices become returns (how far a day moved from the one before), which can be compared between stocks. One straight line
for each of the five closes is fitted to the last returns of stock and index and to the last news. It knows nothing of
longer runs, of volatility, or of how much was traded: there you can do better.

    python baseline.py --data stock_prediction --out submission.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

CLOSE, INDEX, NEWS = 3, 5, 6
"""Places on the last axis of `x`: open, high, low, close, volume, index, news."""
DAYS = 5
PENALTY = 100.0


def make_features(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Turn windows (rows, 60 days, 7) into a matrix (rows, 15): returns of stock and index, and news."""
    returns = np.diff(np.log(x[:, :, [CLOSE, INDEX]].astype(np.float64)), axis=1)
    news = x[:, -DAYS:, NEWS].astype(np.float64)
    return np.hstack([returns[:, -DAYS:, 0], returns[:, -DAYS:, 1], news])


def main(data: Path, out: Path) -> None:
    """Learn from `train.npz`, write five closes for each row of `test.npz`."""
    with np.load(data / "train.npz") as arrays:
        x, y = make_features(arrays["x"]), arrays["y"].astype(np.float64)
    with np.load(data / "test.npz") as arrays:
        ids, x_test = arrays["id"], make_features(arrays["x"])

    # a column that never changes has spread 0: divide it by 1 instead
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread[spread == 0] = 1.0
    x, x_test = (x - mean) / spread, (x_test - mean) / spread

    # ridge regression in closed form, for all five closes at once: (XᵀX + λI) W = Xᵀ(Y − ȳ)
    weights = np.linalg.solve(x.T @ x + PENALTY * np.eye(x.shape[1]), x.T @ (y - y.mean(axis=0)))
    closes = y.mean(axis=0) + x_test @ weights

    columns = {f"close_{day + 1}": closes[:, day].round(4) for day in range(closes.shape[1])}
    pl.DataFrame({"id": ids, **columns}).write_csv(out)
    print(f"wrote {len(ids)} rows to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz and test.npz")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
