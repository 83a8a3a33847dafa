"""MNIST as it is distributed: gzipped IDX files of images and labels, in two parts."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from challenges.errors import InvalidSource

SIDE = 28
"""Side of an image, in pixels."""
MAGIC = {"images-idx3": 2051, "labels-idx1": 2049}
"""First number of the two kinds of IDX file."""


def load_pool(raw: Path, parts: tuple[str, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read parts of MNIST (`train`, `t10k`) and put them together.

    Returns:
        Images of shape (n, 28, 28) and labels of shape (n,).

    Raises:
        InvalidSource: A file is not IDX, or images and labels do not match.
    """
    images = [load_idx(raw, part, "images-idx3") for part in parts]
    labels = [load_idx(raw, part, "labels-idx1") for part in parts]
    for part, x, y in zip(parts, images, labels, strict=True):
        if len(x) != len(y) or x.shape[1:] != (SIDE, SIDE):
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
