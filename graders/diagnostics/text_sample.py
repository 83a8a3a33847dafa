"""A text that a language model wrote: how varied it is, and how much of it is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graders.copying import find_longest_copy
from graders.diagnostics import shorten
from graders.variety import measure_distinct

if TYPE_CHECKING:
    from graders.diagnostics import PublicSide

_MOST_CHARACTERS = 2000
_SHOWN_COPY = 200
_GROUPS = {"character": 4, "word": 2}
"""How many of them are a group."""
_PIECES = 8
"""Pieces of the training text that the sample is compared with."""


def text_sample(
    side: PublicSide, file: str = "sample.txt", train: str = "train.txt", unit: str = "character"
) -> dict[str, Any] | None:
    """Show the text that came beside a model; it is never scored.

    Args:
        side: With the text among its attachments.
        file: Its name.
        train: Public text file that the model learnt from.
        unit: `character`, or `word` (what stands between spaces).

    Returns:
        `text` (its first 2,000 characters), `unit`, `distinct` and `train_distinct` (share of different ones among all
        groups of four characters or two words, in it and in pieces of the training text of the same length), `copied`
        (characters of the longest part that stands in the training text) and `copied_text` (that part, at most 200
        characters of it). None where no text was sent.

    Source: Li and others, A Diversity-Promoting Objective Function for Neural Conversation Models, 2016 (distinct-n).
    """
    text = side.predictions.attachments.get(file, "")[:_MOST_CHARACTERS]
    if not text.strip():
        return None

    def measure(piece: str) -> float:
        return measure_distinct([piece.split() if unit == "word" else piece], _GROUPS[unit])

    learnt = side.challenge.read_public(train).decode()
    copy = find_longest_copy(text, learnt)
    stride = max(len(learnt) // _PIECES, 1)
    pieces = [learnt[start : start + len(text)] for start in range(0, len(learnt), stride)]
    usual = [measure(piece) for piece in pieces if len(piece) == len(text)]
    return {
        "text": text,
        "unit": unit,
        "distinct": shorten(measure(text)),
        "train_distinct": shorten(sum(usual) / len(usual)) if usual else None,
        "copied": len(copy),
        "copied_text": copy[:_SHOWN_COPY],
    }
