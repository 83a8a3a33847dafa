"""Rows of pictures side by side, as a challenge's `grade.py` tells them: an image and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graders.diagnostics.images import encode

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_ROWS = 12


def gallery(side: PublicSide, of: str) -> dict[str, Any] | None:
    """Show pictures.

    Args:
        side: With what `grade.py` shows.
        of: Its name: `columns` (their headings, in both languages) and `rows` of `pictures` (one for each column,
            uint8, shape (height, width) or (height, width, 3)) and `caption` (text, or one in both languages).

    Returns:
        `columns`, and `rows` of `pictures` (PNG in base64) and `caption`, the first twelve; None where there is none.
    """
    told = side.told(of)
    rows = [
        {"pictures": [encode(picture) for picture in row["pictures"]], "caption": row["caption"]}
        for row in told["rows"][:_MOST_ROWS]
    ]
    return {"columns": told["columns"], "rows": rows} if rows else None
