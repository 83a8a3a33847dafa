"""Makes the data of style_transfer: pictures, styles to repaint them in, and the random filters that compare styles.

Offline, styles are drawn, and so are half of the pictures; the others are pieces of two photographs. Source `real`
takes styles from four paintings, and pictures from three photographs. Nobody has right answers: only the filters are
hidden.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

from challenges._generators.canvas import Pen, Pose, paint_backdrops
from challenges._generators.keys import Keys
from challenges._generators.pictures import save_sheet
from challenges._generators.sprite_figures import FIGURES, draw_figure
from challenges._generators.textures import draw_textures
from challenges.errors import InvalidSource

Pixels = NDArray[np.uint8]

SIDE = 96
PAIRS = 40
STYLES = 20
PAINTINGS = ("candy.jpg", "mosaic.jpg", "rain-princess-cropped.jpg", "udnie.jpg")
PHOTOGRAPH = "amber.jpg"
SIDES = ("public", "private")
"""Each has filters of its own."""
FILTERS = {3: 48, 7: 64, 11: 48}
"""How many filters there are of each size in pixels."""
EVENNESS = 0.3
"""How much of its mean a filter keeps: it answers to differences between pixels mostly, and a little to brightness."""
THINGS = 4
"""Of a drawn scene."""
CROPS = (0.45, 0.95)
"""Sides of a piece of a photograph, as shares of its shorter side."""
STYLE_CROPS = (0.35, 0.6)
PREVIEW_PAIRS = 10


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write pictures into `public`, and the filters into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`, or `real` (paintings).
    """
    contents, styles = make_pictures(raw, keys, source)
    ids = sorted(keys.ids(PAIRS))
    chosen = keys.rng("pairs").permutation(np.arange(PAIRS) % STYLES)
    np.savez_compressed(public / "pictures.npz", id=np.array(ids), content=contents, style=styles[chosen])
    pl.DataFrame({"id": ids, "style": chosen}).write_csv(public / "pairs.csv")
    save_archive(public / "sample_submission.zip", dict(zip(ids, contents, strict=True)))
    save_preview(public / "preview.png", contents, styles[chosen])
    np.savez_compressed(hidden / "pictures.npz", content=contents, style=styles, chosen=chosen)
    for side in SIDES:
        bank = draw_bank(keys.rng(f"bank/{side}"))
        np.savez(hidden / f"bank_{side}.npz", **bank)  # type: ignore[arg-type]
    pl.DataFrame({"id": ids}).write_parquet(hidden / "answers.parquet")


def make_pictures(raw: Path, keys: Keys, source: str) -> tuple[Pixels, Pixels]:
    """Pictures to repaint, shape (40, 96, 96, 3), and styles, shape (20, 96, 96, 3)."""
    photographs = [np.asarray(image) for image in load_sample_images().images]
    crops = keys.rng("content/crops")
    if source == "real":
        photographs.append(load_picture(raw / PHOTOGRAPH))
        paintings = [load_picture(raw / name) for name in PAINTINGS]
        contents = cut(photographs, PAIRS, CROPS, crops)
        styles = cut(paintings, STYLES, STYLE_CROPS, keys.rng("styles/crops"))
    else:
        scenes = draw_scenes(PAIRS // 2, keys.rng("content/scenes"))
        contents = np.concatenate([cut(photographs, PAIRS - len(scenes), CROPS, crops), scenes])
        styles = draw_textures(STYLES, SIDE, keys.rng("styles/textures"))
    return contents[keys.rng("content/order").permutation(PAIRS)], styles


def load_picture(path: Path) -> Pixels:
    """A photograph or painting as pixels, shape (height, width, 3).

    Raises:
        InvalidSource: It is none.
    """
    try:
        with Image.open(path, formats=["JPEG"]) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidSource(f"{path.name} is no JPEG picture: {error}") from error


def cut(pictures: list[Pixels], count: int, share: tuple[float, float], rng: np.random.Generator) -> Pixels:
    """Cut squares out of large pictures, from each in turn; half of them are mirrored. Shape (count, 96, 96, 3)."""
    cuts = []
    for place in range(count):
        picture = pictures[place % len(pictures)]
        height, width = picture.shape[:2]
        size = int(rng.uniform(*share) * min(height, width))
        top, left = rng.integers(0, height - size + 1), rng.integers(0, width - size + 1)
        piece = picture[top : top + size, left : left + size, :][:, :: 1 - 2 * int(rng.integers(2))]
        small = Image.fromarray(np.ascontiguousarray(piece)).resize((SIDE, SIDE), Image.Resampling.BOX)
        cuts.append(np.asarray(small))
    return np.stack(cuts)


def draw_scenes(count: int, rng: np.random.Generator) -> Pixels:
    """Four things each in front of a backdrop, shape (count, 96, 96, 3)."""
    pixels = paint_backdrops(count, SIDE, rng)
    for _ in range(THINGS):
        kinds = rng.integers(0, len(FIGURES), count)
        x, y = rng.uniform(0.12 * SIDE, 0.88 * SIDE, (2, count))
        scale, turn = rng.uniform(0.17, 0.37, count) * SIDE, rng.uniform(-0.4, 0.4, count)
        mirror, shear = 1 - 2 * rng.integers(0, 2, count), rng.uniform(-0.2, 0.2, count)
        pose = np.stack([x, y, scale, turn, mirror, shear]).astype(np.float32)
        for kind in np.unique(kinds).tolist():
            rows = np.flatnonzero(kinds == kind)
            part = pixels[rows]
            draw_figure(Pen(part, Pose(*pose[:, rows])), kind, len(rows), rng)
            pixels[rows] = part
    rounded = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(rounded.reshape(count, 3, SIDE, SIDE).transpose(0, 2, 3, 1))


def draw_bank(rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Random filters of length 1 by their size, each of shape (filters, size, size, 3)."""
    bank = {}
    for size, count in FILTERS.items():
        filters = rng.standard_normal((count, size, size, 3))
        filters -= (1 - EVENNESS) * filters.mean((1, 2, 3), keepdims=True)
        filters /= np.sqrt((filters**2).sum((1, 2, 3), keepdims=True))
        bank[f"filters_{size}"] = filters.astype(np.float32)
    return bank


def save_archive(path: Path, pictures: dict[str, Pixels]) -> None:
    """Write pictures as a submission, the same bytes each time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, picture in pictures.items():
            buffer = BytesIO()
            Image.fromarray(picture).save(buffer, "PNG", optimize=True)
            archive.writestr(zipfile.ZipInfo(f"out/{name}.png"), buffer.getvalue())


def save_preview(path: Path, contents: Pixels, styles: Pixels) -> None:
    """Some pictures above the styles that they shall get."""
    rows: list[Any] = [contents[:PREVIEW_PAIRS], styles[:PREVIEW_PAIRS]]
    save_sheet(path, np.concatenate(rows), columns=PREVIEW_PAIRS)
