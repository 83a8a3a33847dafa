"""What tokens of several groups cost a language model; which groups there are, the challenge says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graders.models.outputs import BITS

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_FEWEST_TOKENS = 100
"""Smaller groups are not told of."""


def token_groups(
    side: PublicSide, column: str, letters: str, en: list[str], zh: list[str], weight: str = ""
) -> dict[str, Any] | None:
    """Average the bits of a token over groups and all public rows.

    Args:
        side: The public rows.
        column: Hidden column of one letter for each token that is to be predicted.
        letters: Of the groups, in the order to tell of them.
        en: Their names in English.
        zh: Their names in Chinese.
        weight: Hidden column of numbers: rows where it is 0 are left out; empty: none is.

    Returns:
        `rows`: `name` (in both languages), `rows` (tokens) and `score` (mean bits of one) of each group with at least a
        hundred tokens; None where no model told bits, or the answers (of another source) have no such column.
    """
    bits, groups = side.predictions.extras.get(BITS), side.hidden(column)
    if bits is None or groups is None:
        return None
    public, digits = side.weighed(bits[side.rows], weight), side.scorer.metric.decimals
    found = side.weighed(np.array([list(text[-public.shape[1] :]) for text in groups.to_list()]), weight)
    told = []
    for letter, english, chinese in zip(letters, en, zh, strict=True):
        chosen = public[found == letter]
        if len(chosen) >= _FEWEST_TOKENS:
            score = round(float(chosen.mean()), digits)
            told.append({"name": {"en": english, "zh": chinese}, "rows": len(chosen), "score": score})
    return {"rows": told}
