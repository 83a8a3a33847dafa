"""How varied generated texts are: within one, and from one to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sacrebleu.metrics.bleu import BLEU

if TYPE_CHECKING:
    from collections.abc import Sequence


def measure_distinct(texts: Sequence[Sequence[str]], size: int) -> float:
    """Share of different ones among all groups of neighbouring units, from 0 to 1; 1 where there is no group.

    Args:
        texts: Each as its units: words, or characters.
        size: Units of a group.

    Source: Li and others, A Diversity-Promoting Objective Function for Neural Conversation Models, 2016 (distinct-n).

    >>> measure_distinct(["abab"], 2)
    0.6666666666666666
    """
    groups = [tuple(text[at : at + size]) for text in texts for at in range(len(text) - size + 1)]
    return len(set(groups)) / len(groups) if groups else 1.0


def measure_self_bleu(texts: Sequence[str]) -> float | None:
    """Mean BLEU of each text with all others as its references, from 0 to 100: the higher, the more alike they are.

    Args:
        texts: Words with spaces between them.

    Returns:
        None for fewer than two texts.

    Source: Zhu and others, Texygen: A Benchmarking Platform for Text Generation Models, 2018; sentences are scored by
    sacrebleu, with the orders that a short one has (`effective_order`).

    >>> round(measure_self_bleu(["the fox ran home", "the fox ran home", "a crow sang"]), 1)
    66.7
    """
    if len(texts) < 2:  # noqa: PLR2004 - one text is like no other
        return None
    bleu = BLEU(tokenize="none", effective_order=True)
    scores = [bleu.sentence_score(text, [*texts[:at], *texts[at + 1 :]]).score for at, text in enumerate(texts)]
    return float(sum(scores) / len(scores))
