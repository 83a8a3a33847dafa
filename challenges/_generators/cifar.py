"""CIFAR-10 as it is distributed: a gzipped tar of binary batches, read from memory and never unpacked to disk."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from challenges.errors import InvalidSource

ARCHIVE = "cifar-10-binary.tar.gz"
SIDE = 32
"""Side of an image, in pixels."""
CLASSES = 10
BATCHES = tuple(
    f"cifar-10-batches-bin/{name}.bin" for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")
)
RECORD_BYTES = 1 + 3 * SIDE * SIDE
"""One byte for the label, then the red, the green and the blue plane, row by row."""
BATCH_RECORDS = 10_000
MOST_BYTES = 2 * len(BATCHES) * BATCH_RECORDS * RECORD_BYTES
"""What the archive may unpack to: twice its batches, which leaves room for the texts beside them."""
MOST_MEMBERS = 100

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]


def load_cifar(archive: Path) -> tuple[Images, Labels]:
    """Read all images of CIFAR-10's binary version.

    Names in the archive are compared with those of the batches, and never used as paths.

    Returns:
        Images of shape (n, 3, 32, 32) and labels of shape (n,).

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009; "Binary version".

    Raises:
        InvalidSource: The archive is broken, lacks a batch, or unpacks to more than it should.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            found = _read_batches(tar, archive.name)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InvalidSource(f"{archive.name}: {error}") from error
    missing = [name for name in BATCHES if name not in found]
    if missing:
        raise InvalidSource(f"{archive.name}: {missing[0]} is missing")
    records = np.concatenate([found.pop(name) for name in BATCHES])
    labels = records[:, 0].copy()
    if labels.max(initial=0) >= CLASSES:
        raise InvalidSource(f"{archive.name}: label {labels.max()} is not one of {CLASSES} classes")
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE), labels


def _read_batches(tar: tarfile.TarFile, archive: str) -> dict[str, Images]:
    """Records of each batch that is there; the sizes are added up before anything is unpacked."""
    found: dict[str, Images] = {}
    for count, member in enumerate(tar, 1):
        if count > MOST_MEMBERS or member.offset_data + member.size > MOST_BYTES:
            raise InvalidSource(f"{archive}: it unpacks to more than {MOST_MEMBERS} files or {MOST_BYTES} bytes")
        if member.name in BATCHES:
            found[member.name] = _read_batch(tar, member)
    return found


def _read_batch(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Images:
    if not member.isfile() or not 0 < member.size <= BATCH_RECORDS * RECORD_BYTES or member.size % RECORD_BYTES:
        raise InvalidSource(f"{member.name} is not a file of whole records, at most {BATCH_RECORDS}")
    content = tar.extractfile(member)
    return np.frombuffer(content.read() if content else b"", dtype=np.uint8).reshape(-1, RECORD_BYTES)
