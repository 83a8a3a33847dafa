"""A first solution for svd_compress: subtract the mean, take the 24 strongest singular directions.

That is principal component analysis, and it is what one would do with clean images. Some of these are noise, and loud
noise pulls at the mean and at every direction: finding them first is where you can do better.

    python baseline.py --data svd_compress --out submission.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 24


def find_directions(images: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of shape (784,) and directions of shape (24, 784), the strongest first."""
    mean = images.mean(0)
    _, _, directions = np.linalg.svd(images - mean, full_matrices=False)
    return mean, directions[:DIRECTIONS]


def main(data: Path, out: Path) -> None:
    """Write the submission.

    Args:
        data: Folder with `train.npz`.
        out: The NPZ file to write.
    """
    with np.load(data / "train.npz") as train:
        images = train["image"].astype(np.float32) / 255
    mean, directions = find_directions(images)
    np.savez(out, mean=mean.astype(np.float32), components=directions.astype(np.float32))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the downloaded files")
    parser.add_argument("--out", type=Path, default=Path("submission.npz"), help="file to write")
    given = parser.parse_args()
    main(given.data, given.out)
