"""Makes the data of mnist_digits: drawn digits (offline), or those of MNIST, pooled and divided anew (real, t10k)."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.digits import SIZE, draw_digits
from challenges._generators.keys import Keys
from challenges._generators.pictures import save_sheet
from challenges.errors import InvalidSource

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]

TRAIN_ROWS = 12_000
HIDDEN_ROWS = 4_000
POOLS = {"real": ("train", "t10k"), "t10k": ("t10k",)}
"""Parts of MNIST that each source pools."""
REAL_HIDDEN_SHARE = {"real": 1 / 7, "t10k": 1 / 5}
MAGIC = {"images-idx3": 2051, "labels-idx1": 2049}
"""First number of the two kinds of IDX file."""


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
        order = keys.rng("split/rows").permutation(len(x))
        ask, learn = np.split(order, [round(REAL_HIDDEN_SHARE[source] * len(x))])
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


def load_pool(raw: Path, parts: tuple[str, ...]) -> tuple[Images, Labels]:
    """Read parts of MNIST and put them together.

    Raises:
        InvalidSource: A file is not IDX, or images and labels do not match.
    """
    images = [load_idx(raw, part, "images-idx3") for part in parts]
    labels = [load_idx(raw, part, "labels-idx1") for part in parts]
    for part, x, y in zip(parts, images, labels, strict=True):
        if len(x) != len(y) or x.shape[1:] != (SIZE, SIZE):
            raise InvalidSource(f"{part}: {x.shape} images and {len(y)} labels do not belong together")
    return np.concatenate(images), np.concatenate(labels)


def load_idx(raw: Path, part: str, kind: str) -> NDArray[np.uint8]:
    """Read one gzipped IDX file: big-endian header of a magic number and the sizes, then bytes.

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits, "File formats".

    Raises:
        InvalidSource: The file is broken, or of another kind.
    """
    name = f"{part}-{kind}-ubyte.gz"
    dimensions = int(kind[-1])
    try:
        data = gzip.decompress((raw / name).read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidSource(f"{name}: {error}") from error
    start = 4 * (1 + dimensions)
    magic, *shape = struct.unpack(f">{1 + dimensions}I", data[:start]) if len(data) >= start else (0,)
    if magic != MAGIC[kind]:
        raise InvalidSource(f"{name}: not an IDX file of {kind}")
    values = np.frombuffer(data, dtype=np.uint8, offset=start)
    if len(values) != math.prod(shape):
        raise InvalidSource(f"{name}: {len(values)} values, but the header says {shape}")
    return values.reshape(shape)


def measure_pen(images: Images) -> NDArray[np.float64]:
    """Width of the stroke: inked area over half its outline, in pixels."""
    ink = images > 100  # noqa: PLR2004
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    core = padded[:, :-2, 1:-1] & padded[:, 2:, 1:-1] & padded[:, 1:-1, :-2] & padded[:, 1:-1, 2:]
    area, outline = ink.sum((1, 2)), (ink & ~core).sum((1, 2))
    return np.asarray(2 * area / np.maximum(outline, 1))


def measure_skew(images: Images) -> NDArray[np.float64]:
    """Slant of the ink: how many pixels it moves to the right for each pixel upwards, by second moments."""
    weight = np.where(images > 60, images, 0).astype(np.float64)  # noqa: PLR2004
    total = np.maximum(weight.sum((1, 2)), 1e-9)
    across = np.arange(images.shape[2])
    down = np.arange(images.shape[1])
    x = across - (weight.sum(1) @ across / total)[:, None]
    y = down - (weight.sum(2) @ down / total)[:, None]
    mixed = np.einsum("nij,ni,nj->n", weight, y, x, optimize=True)
    vertical = np.einsum("nij,ni->n", weight, y**2, optimize=True)
    return np.asarray(-mixed / np.maximum(vertical, 1e-9))


def name_thirds(values: NDArray[np.float64], names: tuple[str, str, str]) -> NDArray[np.str_]:
    """Names of the lowest, middle and highest third."""
    cuts = np.quantile(values, (1 / 3, 2 / 3))
    return np.array(names)[np.searchsorted(cuts, values, side="right")]
