"""Makes the data of mnist_digits: drawn digits (offline), or pictures of MNIST (real, t10k) or of clothes (fashion).

Real pictures are pooled and divided anew.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.digits import draw_digits
from challenges._generators.idx import load_pool
from challenges._generators.keys import Keys
from challenges._generators.pictures import save_sheet
from challenges._generators.slices import measure_pen, name_slant, name_thirds

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]

TRAIN_ROWS = 12_000
HIDDEN_ROWS = 4_000
POOLS = {"real": ("train", "t10k"), "t10k": ("t10k",), "fashion": ("train", "t10k")}
"""Parts that each source pools."""
REAL_HIDDEN_SHARE = {"real": 1 / 7, "t10k": 1 / 5, "fashion": 1 / 7}


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`; `real` (all four files of MNIST); `t10k` (its two small files); `fashion` (four files of
            the same form with clothes in them).
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
    groups = {} if source == "fashion" else group_digits(x)
    pl.DataFrame({"id": ids, "label": y.astype(np.int64), **groups}).write_parquet(hidden / "answers.parquet")


def group_digits(x: Images) -> dict[str, NDArray[np.str_]]:
    """Groups for diagnostics; clothes have neither a pen nor a slant."""
    thirds = name_thirds(measure_pen(x), ("thin", "medium", "thick"))
    return {"slice_pen_width": thirds, "slice_skew": name_slant(x)}


def write_digits(part: str, count: int, keys: Keys) -> tuple[Images, Labels]:
    """Draw digits of one part: labels, handwriting and paper each from a key of their own."""
    labels = keys.rng(f"{part}/labels").integers(0, 10, count).astype(np.uint8)
    return draw_digits(labels, keys.rng(f"{part}/shapes"), keys.rng(f"{part}/noise")), labels
