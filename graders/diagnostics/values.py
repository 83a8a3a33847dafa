"""Numbers by name, as a challenge's `grade.py` tells them: a score for each target, each column, each step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from graders.diagnostics import shorten

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_ROWS = 80


def values(side: PublicSide, of: str) -> dict[str, Any] | None:
    """List numbers.

    Args:
        side: With what `grade.py` shows.
        of: Its name: `label` (what the numbers are, in both languages) and `rows` of `name` (text, or one in both
            languages) and `value`.

    Returns:
        The same with five digits, the first eighty rows, without what is not finite; None where nothing is left.
    """
    told = side.told(of)
    rows = [
        {"name": row["name"], "value": shorten(float(row["value"]))}
        for row in told["rows"][:_MOST_ROWS]
        if math.isfinite(row["value"])
    ]
    return {"label": told["label"], "rows": rows} if rows else None
