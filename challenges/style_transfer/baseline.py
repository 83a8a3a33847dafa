"""A first solution for style_transfer: give each picture the colours of its style, and leave its shapes alone.

Red, green and blue of all pixels are a cloud of points. One matrix turns and stretches the cloud of the picture until
it has the mean and the covariance of the style's. Strokes, tiles and waves have no part in it: a style is more than its
colours, and that is where you can do better.

    python baseline.py --data style_transfer --out submission.zip
"""

from __future__ import annotations

import argparse
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

NEGLIGIBLE = 1.0
"""Added to the variance of each colour, so that a grey picture can be divided by it; in squared grey levels."""


def transfer_colours(content: Pixels, style: Pixels) -> Pixels:
    """Give `content` the mean and covariance of the colours of `style`; all of shape (height, width, 3)."""
    mine, theirs = (picture.reshape(-1, 3).astype(np.float64) for picture in (content, style))
    whitened = (mine - mine.mean(0)) @ raise_to(covariance(mine), -0.5)
    coloured = whitened @ raise_to(covariance(theirs), 0.5) + theirs.mean(0)
    rounded: Pixels = np.clip(np.rint(coloured), 0, 255).astype(np.uint8)
    return rounded.reshape(content.shape)


def covariance(colours: Floats) -> Floats:
    """Covariance of red, green and blue, shape (3, 3)."""
    return np.asarray(np.cov(colours.T) + NEGLIGIBLE * np.eye(3))


def raise_to(matrix: Floats, power: float) -> Floats:
    """A power of a symmetric matrix whose eigenvalues are positive."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * values**power @ vectors.T)


def main(data: Path, out: Path) -> None:
    """Write the submission.

    Args:
        data: Folder with `pictures.npz`.
        out: The zip archive to write.
    """
    with np.load(data / "pictures.npz") as pictures:
        ids, contents, styles = pictures["id"].tolist(), pictures["content"], pictures["style"]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content, style in zip(ids, contents, styles, strict=True):
            buffer = BytesIO()
            Image.fromarray(transfer_colours(content, style)).save(buffer, "PNG")
            archive.writestr(f"out/{name}.png", buffer.getvalue())
    print(f"wrote {len(ids)} pictures to {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the downloaded files")
    parser.add_argument("--out", type=Path, default=Path("submission.zip"), help="file to write")
    given = parser.parse_args()
    main(given.data, given.out)
