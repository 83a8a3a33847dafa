"""Lines over a quantity, as a challenge's `grade.py` tells them: variance by dimensions, densities, traces."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from graders.diagnostics import shorten

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_POINTS = 500


def curve(side: PublicSide, of: str) -> dict[str, Any] | None:
    """Draw lines.

    Args:
        side: With what `grade.py` shows.
        of: Its name: `x_label`, `y_label` and `lines` of `name` (all texts in both languages) and `points` (x, y).

    Returns:
        The same with five digits, at most five hundred points a line, without what is not finite; None where no line is
        left.
    """
    told = side.told(of)
    lines = []
    for line in told["lines"]:
        points = [(float(x), float(y)) for x, y in line["points"][:_MOST_POINTS]]
        finite = [[shorten(x), shorten(y)] for x, y in points if math.isfinite(x) and math.isfinite(y)]
        if finite:
            lines.append({"name": line["name"], "points": finite})
    return {"x_label": told["x_label"], "y_label": told["y_label"], "lines": lines} if lines else None
