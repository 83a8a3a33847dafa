"""Marks the sentences of texts that a model of gpt2_coherence wrote: what can be in its world, and what cannot."""

from __future__ import annotations

from challenges._generators.consistency import Reader
from challenges._generators.grading import Mark, Marked
from challenges._generators.lexicon import VILLAGE


def mark(prompt: str, text: str) -> list[Marked] | None:
    """Read the beginning of a story, then what a model wrote after it.

    Args:
        prompt: The beginning.
        text: What comes after it.

    Returns:
        The sentences of the text; None where the prompt is of another world than ours, as articles are.
    """
    reader = Reader(VILLAGE)
    if any(sentence.mark is not Mark.RIGHT for sentence in reader.read(prompt)):
        return None
    return reader.read(text)
