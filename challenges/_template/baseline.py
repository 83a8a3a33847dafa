"""A first solution for _template: a plane through the readings, by least squares.

python baseline.py --data _template --out submission.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import polars as pl


def main(data: Path, out: Path) -> None:
    """Learn from `train.csv`, write a reading for each row of `test.csv`."""
    train = pl.read_csv(data / "train.csv")
    test = pl.read_csv(data / "test.csv")
    x = np.column_stack([np.ones(len(train)), train["left"], train["right"]])
    x_test = np.column_stack([np.ones(len(test)), test["left"], test["right"]])
    weights, *_ = np.linalg.lstsq(x, train["reading"].to_numpy())
    pl.DataFrame({"id": test["id"], "reading": (x_test @ weights).round(4)}).write_csv(out)
    print(f"wrote {len(test)} rows to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
