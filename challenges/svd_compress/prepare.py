"""Makes the data of svd_compress: digits, drawn (offline) or MNIST's (real, t10k), some of them spoiled by noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.digits import draw_digits
from challenges._generators.idx import load_pool
from challenges._generators.keys import Keys
from challenges._generators.pictures import save_sheet

TRAIN_ROWS, HIDDEN_ROWS = 3_000, 1_500
PIXELS = 28 * 28
DIMENSIONS = 24
SPOILED_SHARE = 0.06
LOUDEST = 4.0
"""A spoiled image is noise of up to so many times the brightest pixel."""
WHITE = 255
CLASSES = 10
POOLS = {"real": ("train", "t10k"), "t10k": ("t10k",)}
"""Parts of MNIST that each source pools."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public`, hidden images and answers into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`; `real` (all four files of MNIST); `t10k` (its two small files).
    """
    clean, (images, labels) = make_parts(raw, keys, source)
    train = spoil(clean, keys)
    np.savez_compressed(public / "train.npz", image=train)
    np.savez(
        public / "sample_submission.npz",
        mean=np.zeros(PIXELS, dtype=np.float32),
        components=np.eye(1, PIXELS, dtype=np.float32),
    )
    save_sheet(public / "preview.png", np.minimum(train[:160], WHITE).astype(np.uint8).reshape(-1, 28, 28), columns=20)
    ids = np.array(keys.ids(len(images)))
    order = np.argsort(ids)
    np.savez_compressed(hidden / "images.npz", image=images[order])
    np.savez_compressed(hidden / "train.npz", image=train, basis=find_basis(clean))
    pl.DataFrame({"id": ids[order], "label": labels[order].astype(np.int64)}).write_parquet(hidden / "answers.parquet")


def make_parts(
    raw: Path, keys: Keys, source: str
) -> tuple[NDArray[np.uint8], tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Clean training images, and hidden images with the digits they show; an image is a row of 784 bytes."""
    if source not in POOLS:
        labels = [keys.rng(f"{part}/labels").integers(0, CLASSES, rows).astype(np.uint8) for part, rows in _PARTS]
        drawn = [
            draw_digits(digits, keys.rng(f"{part}/shapes"), keys.rng(f"{part}/noise")).reshape(-1, PIXELS)
            for digits, (part, _) in zip(labels, _PARTS, strict=True)
        ]
        return drawn[0], (drawn[1], labels[1])
    x, y = load_pool(raw, POOLS[source])
    learn, hidden = keys.divide(len(x), HIDDEN_ROWS)
    return x[learn[:TRAIN_ROWS]].reshape(-1, PIXELS), (x[hidden].reshape(-1, PIXELS), y[hidden])


_PARTS = (("train", TRAIN_ROWS), ("test", HIDDEN_ROWS))


def spoil(clean: NDArray[np.uint8], keys: Keys) -> NDArray[np.uint16]:
    """Replace some images by noise, each as loud as it happens to be; pixels may then exceed 255."""
    rng = keys.rng("train/spoiled")
    rows = np.flatnonzero(rng.random(len(clean)) < SPOILED_SHARE)
    loudness = rng.uniform(0, LOUDEST, (len(rows), 1))
    spoiled = clean.astype(np.uint16)
    spoiled[rows] = np.rint(WHITE * loudness * rng.random((len(rows), clean.shape[1])))
    return spoiled


def find_basis(clean: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The best directions of the images as they were before they were spoiled, shape (24, 784)."""
    centred = clean.astype(np.float64) - clean.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return np.asarray(vectors[:, : -DIMENSIONS - 1 : -1].T.round(6), dtype=np.float32)
