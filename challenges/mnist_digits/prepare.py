"""Makes the data of mnist_digits: drawn digits (offline), or those of MNIST, pooled and divided anew (real, t10k)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.digits import draw_digits
from challenges._generators.idx import load_pool
from challenges._generators.keys import Keys
from challenges._generators.pictures import save_sheet
from challenges._generators.slices import measure_pen, measure_skew, name_thirds

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]

TRAIN_ROWS = 12_000
HIDDEN_ROWS = 4_000
POOLS = {"real": ("train", "t10k"), "t10k": ("t10k",)}
"""Parts of MNIST that each source pools."""
REAL_HIDDEN_SHARE = {"real": 1 / 7, "t10k": 1 / 5}


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`; `real` (all four files of MNIST); `t10k` (its two small files).
    """
    if source in POOLS:
        x, y = load_pool(raw, POOLS[source])
        learn, ask = keys.divide(len(x), round(REAL_HIDDEN_SHARE[source] * len(x)))
        train, test = (x[learn], y[learn]), (x[ask], y[ask])
    else:
        train, test = write_digits("train", TRAIN_ROWS, keys), write_digits("test", HIDDEN_ROWS, keys)
    ids = np.array(keys.ids(len(test[0])))
    order = np.argsort(ids)
    ids, x, y = ids[order], test[0][order], test[1][order]
    np.savez_compressed(public / "train.npz", x=train[0], y=train[1])
    np.savez_compressed(public / "test.npz", id=ids, x=x)
    pl.DataFrame({"id": ids, "label": np.zeros(len(ids), dtype=np.int64)}).write_csv(public / "sample_submission.csv")
    save_sheet(public / "preview.png", train[0][:160], columns=20)
    pl.DataFrame(
        {
            "id": ids,
            "label": y.astype(np.int64),
            "slice_pen_width": name_thirds(measure_pen(x), ("thin", "medium", "thick")),
            "slice_skew": name_thirds(measure_skew(x), ("leaning left", "upright", "leaning right")),
        }
    ).write_parquet(hidden / "answers.parquet")


def write_digits(part: str, count: int, keys: Keys) -> tuple[Images, Labels]:
    """Draw digits of one part: labels, handwriting and paper each from a key of their own."""
    labels = keys.rng(f"{part}/labels").integers(0, 10, count).astype(np.uint8)
    return draw_digits(labels, keys.rng(f"{part}/shapes"), keys.rng(f"{part}/noise")), labels
