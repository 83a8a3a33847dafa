"""A published passage with what each of its characters cost a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graders.models.outputs import BITS, SHOWN

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide


def passage(side: PublicSide, file: str = "passage.txt") -> dict[str, Any] | None:
    """Lay the bits of the shown row beside its text.

    Args:
        side: Of its rows none is shown: the passage is public and not scored.
        file: Public text file with the passage.

    Returns:
        `text`, and `bits` with a number for each of its characters, None where a character was not foretold (the
        first ones). A character of several tokens costs what they cost together. None where no row is shown.
    """
    shown, model = side.predictions.extras.get(SHOWN + BITS), side.challenge.manifest.model
    if shown is None or model is None or not len(shown):
        return None
    text = side.challenge.read_public(file).decode()
    costs = np.concatenate([np.full(model.first_scored + 1, np.nan), shown[0].astype(np.float64)])
    tokens = -(-len(costs) // len(text))
    costs = np.append(costs, np.full(tokens * len(text) - len(costs), np.nan))
    bits = costs.reshape(len(text), tokens).sum(1)
    return {"text": text, "bits": [round(float(cost), 2) if np.isfinite(cost) else None for cost in bits]}
