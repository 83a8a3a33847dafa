"""Pictures of public rows with the boxes that a participant drew into them; the true ones are never shown."""

from __future__ import annotations

import base64
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

from graders.diagnostics import shorten

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_PICTURES = 12
_MOST_BOXES = 20
_SIDE = 320
"""Larger pictures are shown smaller, in pixels."""
_QUALITY = 88
_DIGITS = 3
Picture = dict[str, Any]


def boxes(side: PublicSide, of: str, file: str) -> dict[str, Any] | None:
    """Show pictures of a public archive with boxes.

    Args:
        side: With what `grade.py` shows.
        of: Its name: `note` (which boxes are drawn, in both languages) and `pictures` of `file` (its name in the
            archive) and `boxes` of `name` (text, or one in both languages), `kind` (a whole number, which decides the
            colour), `score` and `box` (left, top, width and height in pixels).
        file: Public zip archive of pictures.

    Returns:
        `note` and the first twelve `pictures`, each with `jpeg` (base64), its `width` and `height` as it was, and the
        first twenty `boxes`, which are cut off at its edges; None where there is no picture.
    """
    told = side.told(of)
    chosen = told["pictures"][:_MOST_PICTURES]
    pictures = _read(side, file, [row["file"] for row in chosen])
    shown = [{**pictures[row["file"]], "boxes": []} for row in chosen]
    for picture, row in zip(shown, chosen, strict=True):
        cut = [{**box, "box": _cut_off(box["box"], picture)} for box in row["boxes"][:_MOST_BOXES]]
        picture["boxes"] = [{**box, "score": shorten(box["score"], _DIGITS)} for box in cut if min(box["box"][2:]) > 0]
    return {"note": told["note"], "pictures": shown} if shown else None


def _read(side: PublicSide, file: str, names: list[str]) -> dict[str, Picture]:
    """Pictures by name; each is read once, since every submission is shown with the same ones."""
    kept: dict[str, Picture] = side.challenge.kept.setdefault(f"boxes in {file}", {})
    missing = [name for name in names if name not in kept]
    if missing:
        with zipfile.ZipFile(BytesIO(side.challenge.read_public(file))) as archive:
            for name in missing:
                kept[name] = _pack(archive.read(name))
    return kept


def _pack(content: bytes) -> Picture:
    with Image.open(BytesIO(content)) as picture:
        small = picture.convert("RGB")
    width, height = small.size
    small.thumbnail((_SIDE, _SIDE))
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    return {"jpeg": base64.b64encode(buffer.getvalue()).decode("ascii"), "width": width, "height": height}


def _cut_off(box: list[float], picture: Picture) -> list[float]:
    """The part of a box within its picture, to a tenth of a pixel; one outside has no width or height left."""
    ends = [(start, start + size) for start, size in zip(box[:2], box[2:], strict=True)]
    spans = [
        (max(first, 0.0), min(last, float(picture[side])))
        for (first, last), side in zip(ends, ("width", "height"), strict=True)
    ]
    starts, sizes = [first for first, _ in spans], [last - first for first, last in spans]
    return [round(number, 1) for number in (*starts, *sizes)]
