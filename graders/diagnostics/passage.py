"""A published passage with what each of its characters, or words, cost a language model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from graders.models.outputs import BITS, SHOWN
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graders.diagnostics import PublicSide


def passage(side: PublicSide, file: str = "passage.txt", unit: str = "character") -> dict[str, Any] | None:
    """Lay the bits of the shown row beside its text.

    Args:
        side: Of its rows none is shown: the passage is public and not scored.
        file: Public text file with the passage.
        unit: `character`, or `word`: each word, and each end of a line, is one token.

    Returns:
        `text` (of words: a list of them), and `bits` with a number for each of its characters or words, None where one
        was not predicted (the first ones). A character of several tokens costs what they cost together. None where no
        row is shown.

    Raises:
        BrokenChallenge: There are not as many words in the passage as tokens in the shown row.
    """
    shown, model = side.predictions.extras.get(SHOWN + BITS), side.challenge.manifest.model
    if shown is None or model is None or not len(shown):
        return None
    text = side.challenge.read_public(file).decode()
    costs = np.concatenate([np.full(model.first_scored + 1, np.nan), shown[0].astype(np.float64)])
    if unit == "word":
        words = re.findall(r"\n|\S+ ?", text)
        if len(words) != len(costs):
            raise BrokenChallenge(f"{file} has {len(words)} words, and the shown row {len(costs)} tokens")
        return {"text": words, "bits": _tell(costs)}
    tokens = -(-len(costs) // len(text))
    costs = np.append(costs, np.full(tokens * len(text) - len(costs), np.nan))
    bits = costs.reshape(len(text), tokens).sum(1)
    return {"text": text, "bits": _tell(bits)}


def _tell(costs: NDArray[np.float64]) -> list[float | None]:
    return [round(float(cost), 2) if np.isfinite(cost) else None for cost in costs]
