"""BLEU of a whole corpus: how many runs of one to four words a translation shares with its reference."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from sacrebleu.metrics.bleu import BLEU, BLEUScore

from graders.metrics import NO_ROWS, check_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIRECTION = "max"
BEST = 100.0
TAKES = "texts"

ORDERS = 4
"""Longest run of words that is counted."""
TOKENIZERS = ("13a", "char", "intl", "none", "zh")
"""Ways to cut a text into words that need no download; `zh` takes each Chinese character for a word."""
DEFAULT = "13a"
"""Of sacrebleu: words of European languages."""
_KEPT = 1 << 14
"""Pairs whose counts are remembered: a score, its standard error, and the same rows by slices."""


def bleu(y_true: NDArray[Any], y_pred: NDArray[Any], tokenize: str = DEFAULT) -> float:
    """Geometric mean of the four precisions of runs of words, times a penalty where the whole is too short.

    Runs are counted over all rows before anything is divided: it is no mean of the rows' scores. An order without a
    single match is smoothed as sacrebleu does (`exp`).

    Args:
        y_true: References, shape (n,), texts.
        y_pred: Translations, shape (n,), texts.
        tokenize: One of `TOKENIZERS`.

    Returns:
        A number in [0, 100]; higher is better. 0 where no text has four words.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED where n is 0.
        ValueError: There is no such tokenizer.

    Source: Papineni and others, BLEU: a Method for Automatic Evaluation of Machine Translation, 2002;
    `sacrebleu.corpus_bleu`, Post, A Call for Clarity in Reporting BLEU Scores, 2018.

    >>> round(bleu(np.array(["我喜欢你的猫。"]), np.array(["我喜欢那只猫。"]), tokenize="zh"), 2)
    30.74
    """
    if not len(y_true):
        return check_finite(np.nan, NO_ROWS)
    return _score(_count_rows(y_true, y_pred, tokenize).sum(axis=0))


def count_parts(y_true: NDArray[Any], y_pred: NDArray[Any], tokenize: str = DEFAULT) -> BLEUScore:
    """What BLEU is made of, over all rows: `counts`, `totals` and `precisions` of each order, `bp`, both lengths."""
    return _compute(_count_rows(y_true, y_pred, tokenize).sum(axis=0))


def sign(tokenize: str = DEFAULT) -> str:
    """The signature by which papers say how a BLEU was computed, with the version of sacrebleu.

    >>> sign("zh").startswith("nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:")
    True
    """
    counter = BLEU(tokenize=tokenize)
    counter.corpus_score([""], [[""]])  # a signature names the number of references, which is known afterwards
    return str(counter.get_signature())


def influence(y_true: NDArray[Any], y_pred: NDArray[Any], tokenize: str = DEFAULT) -> NDArray[np.float64]:
    """How much each row moves BLEU, shape (n,): the derivative by each count, times the row's excess."""
    rows = _count_rows(y_true, y_pred, tokenize).astype(np.float64)
    length, expected, *counts = rows.sum(axis=0)
    matches, runs = np.array(counts[:ORDERS]), np.array(counts[ORDERS:])
    slope = np.zeros(rows.shape[1])
    if length < expected and length > 0:
        slope[:2] = expected / length**2, -1 / length
    slope[2 : 2 + ORDERS] = np.divide(1 / ORDERS, matches, out=np.zeros(ORDERS), where=matches > 0)
    slope[2 + ORDERS :] = -np.divide(1 / ORDERS, runs, out=np.zeros(ORDERS), where=runs > 0)
    score = _score(rows.sum(axis=0).astype(np.int64))
    return np.asarray(score * len(rows) * ((rows - rows.mean(axis=0)) @ slope))


def _score(counts: NDArray[np.int64]) -> float:
    return min(float(_compute(counts).score), BEST)


def _compute(counts: NDArray[np.int64]) -> BLEUScore:
    length, expected, *others = counts.tolist()
    return BLEU.compute_bleu(others[:ORDERS], others[ORDERS:], length, expected, smooth_method="exp")


def _count_rows(y_true: NDArray[Any], y_pred: NDArray[Any], tokenize: str) -> NDArray[np.int64]:
    """Of each row: words given, words of the reference, matches and runs of each order; shape (n, 2 + 2 ORDERS)."""
    return np.array([_count(*pair, tokenize) for pair in zip(y_true.tolist(), y_pred.tolist(), strict=True)])


@lru_cache(maxsize=_KEPT)
def _count(reference: str, given: str, tokenize: str) -> tuple[int, ...]:
    found = _counter(tokenize).sentence_score(given, [reference])
    return (found.sys_len, found.ref_len, *found.counts, *found.totals)


@lru_cache
def _counter(tokenize: str) -> BLEU:
    if tokenize not in TOKENIZERS:
        raise ValueError(f"tokenize must be one of {', '.join(TOKENIZERS)}, not {tokenize!r}")
    return BLEU(tokenize=tokenize, effective_order=True)
