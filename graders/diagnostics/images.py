"""Pictures of public rows with a wrong label, the most confident ones first; captions tell the prediction only."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graders.diagnostics import PublicSide


def images(side: PublicSide, file: str, array: str = "x", count: int = 20) -> dict[str, Any] | None:
    """Show the worst public rows as pictures.

    Args:
        side: The public rows.
        file: Public NPZ file of the test rows.
        array: Its array of pictures, uint8, shape (rows, height, width) or (rows, height, width, 3).
        count: How many pictures.

    Returns:
        `items` of `png` (base64) and `caption` (what the predicted label is called); None where nothing is wrong, or
        where being wrong gives the answer away.
    """
    chosen = side.worst(count)
    if not len(chosen):
        return None
    pictures = side.array(file, array)
    predicted = side.column(side.scorer.metric.columns[0])
    names = side.names_of(side.scorer.labels)
    return {"items": [{"png": encode(pictures[row]), "caption": names[int(predicted[row])]} for row in chosen]}


def encode(picture: NDArray[Any]) -> str:
    """A picture as PNG in base64."""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
