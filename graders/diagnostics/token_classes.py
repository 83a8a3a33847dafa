"""What tokens of several classes cost a language model: letters, names, spaces, punctuation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graders.models.outputs import BITS

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

NAMES = {
    "N": "names, first time",
    "n": "names, later",
    "l": "other letters",
    "s": "spaces and line ends",
    "p": "punctuation",
}
"""Classes by the letter that stands for them in the hidden column; pages translate the names."""
_FEWEST_TOKENS = 100
"""Smaller classes are not told of."""


def token_classes(side: PublicSide, column: str = "classes") -> dict[str, Any] | None:
    """Average the bits of a token over classes and all public rows.

    Args:
        side: The public rows.
        column: Hidden column of one letter for each token that is to be predicted.

    Returns:
        `rows`: `name`, `rows` (tokens) and `score` (mean bits of one) of each class with at least a hundred tokens;
        None where no model told bits, or the answers (of another source) have no such column.
    """
    bits, classes = side.predictions.extras.get(BITS), side.hidden(column)
    if bits is None or classes is None:
        return None
    public, digits = bits[side.rows], side.scorer.metric.decimals
    letters = np.array([list(text[-public.shape[1] :]) for text in classes.to_list()])
    told = []
    for letter, name in NAMES.items():
        chosen = public[letters == letter]
        if len(chosen) >= _FEWEST_TOKENS:
            told.append({"name": name, "rows": len(chosen), "score": round(float(chosen.mean()), digits)})
    return {"rows": told}
