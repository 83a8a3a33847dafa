"""What tokens cost by how many were read before them: whether a language model makes use of what came earlier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graders.diagnostics import FEWEST_ROWS
from graders.models.outputs import BITS

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide


def positions(side: PublicSide, step: int = 16, weight: str = "") -> dict[str, Any] | None:
    """Average the bits of a token over ranges of positions and all public rows.

    Args:
        side: The public rows.
        step: Positions in a range.
        weight: Hidden column of numbers: rows where it is 0 are left out; empty: none is.

    Returns:
        `rows`: `name` (numbers of tokens read before, such as `17–32`), `rows` (tokens) and `score` (mean bits of one)
        of each range; None where no model told bits, or there are too few rows.
    """
    bits = side.predictions.extras.get(BITS)
    model = side.challenge.manifest.model
    if bits is None or model is None or side.count < FEWEST_ROWS:
        return None
    public, digits = side.weighed(bits[side.rows], weight), side.scorer.metric.decimals
    told = []
    for start in range(0, public.shape[1], step):
        part = public[:, start : start + step]
        first = model.first_scored + start + 1
        name = f"{first}–{first + part.shape[1] - 1}"
        told.append({"name": name, "rows": part.size, "score": round(float(part.mean()), digits)})
    return {"rows": told}
