"""Makes the data of cifar10: drawn things (offline), or CIFAR-10, pooled and divided anew (real)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.cifar import ARCHIVE, Images, Labels, load_cifar
from challenges._generators.keys import Keys
from challenges._generators.pictures import save_sheet
from challenges._generators.slices import name_ranges, name_thirds
from challenges._generators.sprites import CLASSES, Sprites, draw_sprites

TRAIN_ROWS = 6_000
HIDDEN_ROWS = 2_000
REAL_HIDDEN_SHARE = 1 / 6
PREVIEW = 160
MUCH_HIDDEN, BARELY_HIDDEN = 0.1, 0.02
"""Shares of a thing behind the panel, from which it counts as much or a little hidden."""
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
        order = keys.rng("split/rows").permutation(len(x))
        ask, learn = np.split(order, [round(REAL_HIDDEN_SHARE * len(x))])
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


def draw_part(part: str, count: int, keys: Keys) -> tuple[Sprites, Labels]:
    """Draw images of one part: labels, shapes and photography each from a key of their own."""
    labels = keys.rng(f"{part}/labels").integers(0, len(CLASSES), count).astype(np.uint8)
    return draw_sprites(labels, keys.rng(f"{part}/shapes"), keys.rng(f"{part}/noise")), labels


def to_pixels(planes: Images) -> Images:
    """From planes (n, 3, 32, 32) to pixels (n, 32, 32, 3), as programs that show pictures take them."""
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def name_slices(sprites: Sprites) -> dict[str, NDArray[np.str_]]:
    """Groups by which diagnostics tell the score."""
    hidden = ("free", "a little hidden", "much hidden")
    return {
        "slice_scale": name_thirds(sprites.scale, ("small", "medium", "large")),
        "slice_blur": name_ranges(sprites.blur, (SHARP, BLURRED), ("sharp", "a little blurred", "much blurred")),
        "slice_occlusion": name_ranges(sprites.occlusion, (BARELY_HIDDEN, MUCH_HIDDEN), hidden),
    }
