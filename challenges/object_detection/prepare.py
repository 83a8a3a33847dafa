"""Makes the data of object_detection: drawn scenes (offline), or the blood cells of BCCD, divided anew (real)."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from challenges._generators.keys import Keys
from challenges._generators.pictures import PALETTE, save_sheet
from challenges._generators.scenes import SIDE, draw_scenes
from challenges._generators.sprites import CLASSES
from challenges.errors import InvalidSource

TRAIN_PICTURES, HIDDEN_PICTURES = 1_200, 300
REAL_HIDDEN_SHARE = 0.3
CELLS = ("RBC", "WBC", "Platelets")
JPEG_QUALITY = 88
PREVIEW = 18
TABLE = "test.csv"
"""Under this name BCCD lists the boxes of all its pictures."""
EPOCH = (1980, 1, 1, 0, 0, 0)

Boxes = NDArray[np.int64]


@dataclass(frozen=True)
class Pictures:
    """Pictures as JPEG files, and the boxes in them."""

    files: list[bytes]
    size: tuple[int, int]
    """Width and height of each, in pixels."""
    picture: NDArray[np.int64]
    """Place of each box's picture, shape (boxes,)."""
    category: NDArray[np.int64]
    """From 1, shape (boxes,)."""
    box: Boxes
    """Left, top, width and height in pixels, shape (boxes, 4)."""

    def take(self, places: NDArray[np.intp]) -> Pictures:
        """Some of the pictures, in this order."""
        new = np.full(len(self.files), -1)
        new[places] = np.arange(len(places))
        order = np.argsort(new[self.picture], kind="stable")
        kept = order[new[self.picture[order]] >= 0]
        files = [self.files[place] for place in places.tolist()]
        return Pictures(files, self.size, new[self.picture[kept]], self.category[kept], self.box[kept])


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`, or `real` (BCCD).
    """
    names: Sequence[str] = CELLS if source == "real" else CLASSES
    if source == "real":
        every = load_cells(raw)
        learn, ask = keys.divide(len(every.files), round(REAL_HIDDEN_SHARE * len(every.files)))
        train, test = every.take(learn), every.take(ask)
    else:
        train, test = draw("train", TRAIN_PICTURES, keys), draw("test", HIDDEN_PICTURES, keys)
    ids = np.array(keys.ids(len(test.files)))
    order = np.argsort(ids)
    publish(train, test.take(order), ids[order].tolist(), names, public)
    hide(test.take(order), ids[order], names, hidden)


def publish(train: Pictures, test: Pictures, ids: list[str], names: Sequence[str], public: Path) -> None:
    """Write what participants get; `ids` are those of the test pictures, ascending."""
    width, height = test.size
    learn, ask = [f"train/{number:04}.jpg" for number in range(1, len(train.files) + 1)], [f"test/{n}.jpg" for n in ids]
    save_archive(public / "images.zip", dict(zip(learn + ask, train.files + test.files, strict=True)))
    save_json(public / "train.json", annotate(train, learn, names))
    table = pl.DataFrame({"id": ids, "file_name": ask})
    table.with_columns(width=pl.lit(width), height=pl.lit(height)).write_csv(public / "test.csv")
    sample = [{"image_id": name, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.5} for name in ids]
    save_json(public / "sample_submission.json", sample)
    save_preview(public / "preview.png", train)


def hide(test: Pictures, ids: NDArray[np.str_], names: Sequence[str], hidden: Path) -> None:
    """Write what participants never get."""
    counts = np.bincount(test.picture, minlength=len(ids))
    pl.DataFrame({"id": ids, "objects": counts}).write_parquet(hidden / "answers.parquet")
    np.savez(hidden / "objects.npz", picture=test.picture, category=test.category, box=test.box)
    np.savez(hidden / "about.npz", categories=np.array(names), size=np.array(test.size))


def draw(part: str, count: int, keys: Keys) -> Pictures:
    """Draw one part of the offline data."""
    scenes = draw_scenes(part, count, keys)
    files = []
    for pixels in scenes.pictures:
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "JPEG", quality=JPEG_QUALITY)
        files.append(content.getvalue())
    return Pictures(files, (SIDE, SIDE), scenes.picture, scenes.kind + 1, scenes.box)


def load_cells(raw: Path) -> Pictures:
    """BCCD's pictures and boxes; boxes are clipped to their picture, and those without an area left out.

    Raises:
        InvalidSource: The table is broken, or a picture is missing or of another size.
    """
    try:
        with (raw / TABLE).open(encoding="utf-8", newline="") as file:
            rows = [(row["filename"], CELLS.index(row["cell_type"]) + 1, read_box(row)) for row in csv.DictReader(file)]
        names = sorted({name for name, *_ in rows})
        files = [(raw / Path(name).name).read_bytes() for name in names]
        sizes = {Image.open(io.BytesIO(content), formats=["JPEG"]).size for content in files}
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise InvalidSource(f"{TABLE}: {error}") from error
    if len(sizes) != 1:
        raise InvalidSource(f"{TABLE}: the pictures are of {len(sizes)} sizes")
    (size,) = sizes
    picture = np.searchsorted(names, [name for name, *_ in rows])
    corners = np.clip([box for *_, box in rows], 0, [*size, *size])
    box = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    kept = (box[:, 2:] > 0).all(1)
    every = Pictures(files, size, picture[kept], np.array([category for _, category, _ in rows])[kept], box[kept])
    return every.take(np.arange(len(files)))


def read_box(row: dict[str, str]) -> list[int]:
    """Left, top, right and bottom of a line of the table."""
    return [int(row[name]) for name in ("xmin", "ymin", "xmax", "ymax")]


def annotate(pictures: Pictures, files: list[str], names: Sequence[str]) -> dict[str, Any]:
    """Boxes in the form of COCO's files of annotations."""
    width, height = pictures.size
    boxes = zip(pictures.picture.tolist(), pictures.category.tolist(), pictures.box.tolist(), strict=True)
    return {
        "images": [
            {"id": number, "file_name": name, "width": width, "height": height} for number, name in enumerate(files, 1)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": picture + 1,
                "category_id": category,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            for number, (picture, category, box) in enumerate(boxes, 1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
    }


def save_json(path: Path, content: Any) -> None:
    """Write JSON on one line, as short as it can be."""
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def save_archive(path: Path, files: dict[str, bytes]) -> None:
    """Write a zip archive of files that are packed already; neither order nor times tell anything."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), files[name])


def save_preview(path: Path, train: Pictures) -> None:
    """Write a sheet of training pictures with their boxes, a colour for each kind of thing."""
    sheet = []
    for place, content in enumerate(train.files[:PREVIEW]):
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        pen = ImageDraw.Draw(picture)
        of_picture = train.picture == place
        for category, (x, y, width, height) in zip(
            train.category[of_picture].tolist(), train.box[of_picture].tolist(), strict=True
        ):
            pen.rectangle((x, y, x + width - 1, y + height - 1), outline=PALETTE[(category - 1) % len(PALETTE)])
        sheet.append(np.asarray(picture.resize((SIDE, SIDE * train.size[1] // train.size[0]))))
    save_sheet(path, np.stack(sheet), columns=6)
