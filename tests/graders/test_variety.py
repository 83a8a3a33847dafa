"""How varied texts are, compared with the formulas written out."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from graders.variety import measure_distinct, measure_self_bleu

RNG = np.random.default_rng(9)
TEXTS = [" ".join(RNG.choice(list("abcdefgh"), size)) for size in (6, 9, 12, 7)]


def grams(text: str, size: int) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def bleu(text: str, others: list[str]) -> float:
    """BLEU-4 of one sentence with several references; zeros smoothed by halves, one more each time."""
    logs, smoothing = [], 1.0
    for size in (1, 2, 3, 4):
        mine, known = grams(text, size), Counter[tuple[str, ...]]()
        for other in others:
            known |= grams(other, size)
        matches = (mine & known).total()
        if not matches:
            smoothing *= 2
        logs.append(math.log(matches / mine.total() if matches else 1 / (smoothing * mine.total())))
    length = len(text.split())
    nearest = min((abs(len(other.split()) - length), len(other.split())) for other in others)[1]
    penalty = min(0.0, 1 - nearest / length)
    return 100 * math.exp(sum(logs) / 4 + penalty)


def test_self_bleu_is_the_mean_of_bleu_with_all_others_as_references():
    expected = np.mean([bleu(text, [*TEXTS[:at], *TEXTS[at + 1 :]]) for at, text in enumerate(TEXTS)])
    assert measure_self_bleu(TEXTS) == pytest.approx(expected, rel=1e-9)


def test_equal_texts_are_wholly_alike_and_different_ones_not_at_all():
    assert measure_self_bleu(["the fox ran home"] * 3) == pytest.approx(100)
    different = measure_self_bleu(["a b c d e", "f g h i j"])
    assert different is not None
    assert different < 10
    assert measure_self_bleu(["alone"]) is None
    assert measure_self_bleu([]) is None


def test_distinct_pairs_are_counted_over_all_texts():
    words = [text.split() for text in TEXTS]
    pairs = [pair for each in words for pair in pairwise(each)]
    assert measure_distinct(words, 2) == pytest.approx(len(set(pairs)) / len(pairs))
    assert measure_distinct([["a"], []], 2) == 1.0
