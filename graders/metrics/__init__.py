"""Metrics: one file per metric, one function of the same name, found by that name.

Each module says `DIRECTION` ("max" or "min"), `BEST` (the score of perfect predictions) and what it `TAKES`:

- "labels": codes on both sides
- "numbers": one number for each row, on both sides
- "vectors": several numbers for each row, on both sides
- "texts": one text for each row, on both sides
- "probabilities": codes against class probabilities
- "distributions": class probabilities on both sides
- "clusters": whole numbers that name groups, on both sides; the names mean nothing

Its `influence`, where there is one, is how much each row moves the score (mean 0, in the metric's unit): the standard
error is computed from it.

Metrics check nothing that reading the table has checked: shapes agree, codes are legal, numbers are finite.
"""

from __future__ import annotations

import math

from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Phrase, Words, say


def check_finite(score: float, problem: Words) -> float:
    """The score as a plain float, if it is a finite number.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED, with what went wrong.
    """
    if not math.isfinite(score):
        raise InvalidSubmission.because(Reason.SCORE_UNDEFINED, problem=problem)
    return float(score)


TOO_LARGE = say(Phrase.OVERFLOW)
NO_ROWS = say(Phrase.NO_ROWS)
