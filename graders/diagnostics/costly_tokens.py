"""Which tokens cost a language model most, all their appearances together: what it would pay to learn next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from graders.diagnostics import shorten
from graders.models.outputs import BITS, EXPECTED

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_FEWEST_TOKENS = 100
"""Tokens that come more rarely are not told of."""
_MOST_ROWS = 15


def costly_tokens(side: PublicSide, file: str = "vocab.json", weight: str = "") -> dict[str, Any] | None:
    """Add up the bits of each token that was to be predicted, over all public rows.

    Args:
        side: The public rows.
        file: Public JSON file with `characters`: of each token id, the character that it stands for.
        weight: Hidden column of numbers: rows where it is 0 are left out; empty: none is.

    Returns:
        `rows`: `name` (the character), `rows` (how often it was to be predicted), `score` (mean bits of one) and
        `share` (of all bits, in percent) of the fifteen that cost most, of those that come at least a hundred times.
        None where no model told bits, or a character is more than one token.
    """
    bits, expected = side.predictions.extras.get(BITS), side.predictions.extras.get(EXPECTED)
    vocabulary = json.loads(side.challenge.read_public(file))
    if bits is None or expected is None or vocabulary.get("tokens_per_character", 1) != 1:
        return None
    costs = side.weighed(bits[side.rows], weight).ravel().astype(np.float64)
    tokens = side.weighed(expected[side.rows], weight).ravel()
    characters = vocabulary["characters"]
    counts = np.bincount(tokens, minlength=len(characters))
    sums = np.bincount(tokens, costs, minlength=len(characters))
    whole = sums.sum()
    frequent = [token for token in np.argsort(-sums, kind="stable").tolist() if counts[token] >= _FEWEST_TOKENS]
    told = [
        {
            "name": characters[token],
            "rows": int(counts[token]),
            "score": shorten(float(sums[token] / counts[token])),
            "share": shorten(float(100 * sums[token] / whole)) if whole else 0.0,
        }
        for token in frequent[:_MOST_ROWS]
    ]
    return {"rows": told} if told else None
