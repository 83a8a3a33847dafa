"""Makes the data of cifar10: drawn things (offline), or CIFAR-10, pooled and divided anew (real)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.cifar import ARCHIVE, Images, load_cifar
from challenges._generators.keys import Keys
from challenges._generators.pictures import save_sheet
from challenges._generators.slices import name_ranges
from challenges._generators.sprites import Sprites, draw_part, name_occlusion, name_scale

TRAIN_ROWS = 6_000
HIDDEN_ROWS = 2_000
REAL_HIDDEN_SHARE = 1 / 6
PREVIEW = 160
SHARP, BLURRED = 0.01, 0.6
"""Blur in pixels, from which an image counts as a little or much blurred."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`, or `real` (CIFAR-10).
    """
    slices: dict[str, NDArray[np.str_]] = {}
    if source == "real":
        x, y = load_cifar(raw / ARCHIVE)
        learn, ask = keys.divide(len(x), round(REAL_HIDDEN_SHARE * len(x)))
        train, images, labels = (x[learn], y[learn]), x[ask], y[ask]
    else:
        sprites, drawn = draw_part("train", TRAIN_ROWS, keys)
        train = sprites.images, drawn
        sprites, labels = draw_part("test", HIDDEN_ROWS, keys)
        images, slices = sprites.images, name_slices(sprites)
    ids = np.array(keys.ids(len(images)))
    order = np.argsort(ids)
    np.savez_compressed(public / "train.npz", x=to_pixels(train[0]), y=train[1])
    np.savez_compressed(public / "test.npz", id=ids[order], x=to_pixels(images[order]))
    sample: dict[str, Any] = {"id": ids[order], "label": np.zeros(len(ids), dtype=np.int64)}
    pl.DataFrame(sample).write_csv(public / "sample_submission.csv")
    save_sheet(public / "preview.png", to_pixels(train[0][:PREVIEW]), columns=20)
    answers = pl.DataFrame({"id": ids, "label": labels.astype(np.int64), **slices})
    answers[order].write_parquet(hidden / "answers.parquet")


def to_pixels(planes: Images) -> Images:
    """From planes (n, 3, 32, 32) to pixels (n, 32, 32, 3), as programs that show pictures take them."""
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def name_slices(sprites: Sprites) -> dict[str, NDArray[np.str_]]:
    """Groups by which diagnostics tell the score."""
    return {
        "slice_scale": name_scale(sprites),
        "slice_blur": name_ranges(sprites.blur, (SHARP, BLURRED), ("sharp", "a little blurred", "much blurred")),
        "slice_occlusion": name_occlusion(sprites),
    }
