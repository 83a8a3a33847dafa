"""What a BLEU is made of: the precision of each order of n-grams, the brevity penalty, and both lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graders.diagnostics import FEWEST_ROWS
from graders.metrics.bleu import DEFAULT, bleu, count_parts, sign
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_DECIMALS = 4
"""Of the brevity penalty."""


def bleu_parts(side: PublicSide) -> dict[str, Any] | None:
    """Take the challenge's BLEU apart, over all public rows together.

    Returns:
        `rows`: `order` (words of an n-gram), `matches`, `rows` (n-grams that were given) and `score` (the precision in
        percent, smoothed where nothing matches) of each order; `penalty` (the brevity penalty, from 0 to 1), `length`
        and `expected` (words of the translations and of the references), and sacrebleu's `signature`. None where there
        are too few rows.

    Raises:
        BrokenChallenge: BLEU is not the challenge's metric.
    """
    if side.scorer.function is not bleu:
        raise BrokenChallenge("bleu_parts: the challenge's metric is not bleu")
    inputs = side.scorer.inputs(side.predictions, side.rows)
    if inputs is None or side.count < FEWEST_ROWS:
        return None
    metric = side.scorer.metric
    tokenize = str(metric.params.get("tokenize", DEFAULT))
    found = count_parts(*inputs, tokenize)
    parts = zip(found.counts, found.totals, found.precisions, strict=True)
    return {
        "rows": [
            {"order": order, "matches": matches, "rows": runs, "score": round(float(precision), metric.decimals)}
            for order, (matches, runs, precision) in enumerate(parts, start=1)
        ],
        "penalty": round(float(found.bp), _DECIMALS),
        "length": found.sys_len,
        "expected": found.ref_len,
        "signature": sign(tokenize),
    }
