"""Artefacts and programs to scores: the package's `grade.py` is asked for both sides, and its return is checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from challenges._generators.grading import Given, Graded, Hidden, Side
from challenges.errors import InvalidSubmission, Reason
from challenges.messages import Scores
from challenges.phrases import Phrase, say
from graders.diagnostics import PublicSide, diagnose
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from graders.loading import LoadedChallenge
    from graders.programs.running import Running

ANSWERS = "answers"
"""Under this name `grade.py` finds the columns of `answers.parquet`."""
_KEPT = "hidden arrays"


@dataclass(frozen=True, eq=False)
class Judged:
    """Both sides of a submission."""

    public: Scores
    private: Scores
    diagnostics: list[dict[str, Any]]


def judge(challenge: LoadedChallenge, given: Given | Running) -> Judged:
    """Score both sides and show what the public one has to tell.

    Raises:
        InvalidSubmission: SCORE_UNDEFINED, or what `grade.py` refuses.
        BrokenChallenge: `grade.py` is missing, or returns what it must not.
    """
    if _KEPT not in challenge.kept:
        challenge.kept[_KEPT] = load_hidden(challenge)
    hidden: Hidden = challenge.kept[_KEPT]
    public = _grade(challenge, given, hidden, Side("public", np.sort(challenge.places[challenge.public])))
    private = _grade(challenge, given, hidden, Side("private", np.sort(challenge.places[challenge.private])))
    diagnostics = diagnose(PublicSide(challenge, shown=public[1].shown))
    return Judged(public[0], private[0], diagnostics)


def load_hidden(challenge: LoadedChallenge) -> Hidden:
    """All hidden arrays, and the columns of the answers in the order in which `prepare.py` wrote them."""
    order = np.argsort(challenge.places)
    hidden: Hidden = {ANSWERS: {c.name: c.to_numpy()[order] for c in challenge.answers.get_columns()}}
    for name in challenge.hidden_files:
        path = PurePath(name)
        if path.suffix == ".npz":
            with np.load(BytesIO(challenge.read_hidden(name)), allow_pickle=False) as arrays:
                hidden[path.stem] = dict(arrays)
    return hidden


def _grade(challenge: LoadedChallenge, given: Given | Running, hidden: Hidden, side: Side) -> tuple[Scores, Graded]:
    if challenge.grade is None:
        raise BrokenChallenge("the package has no grade.py")
    graded = challenge.grade(given, hidden, side)
    if not isinstance(graded, Graded):
        raise BrokenChallenge("grade.py must return a Graded")
    score = float(graded.score)
    if not math.isfinite(score):
        raise InvalidSubmission.because(Reason.SCORE_UNDEFINED, problem=say(Phrase.NOT_FINITE))
    declared = {metric.name for metric in challenge.manifest.secondary}
    if set(graded.secondary) - declared:
        raise BrokenChallenge(f"grade.py returns metrics that are not declared: {set(graded.secondary) - declared}")
    secondary = {name: float(value) for name, value in graded.secondary.items() if math.isfinite(value)}
    return Scores(score, _standard_error(graded), secondary, len(side.rows)), graded


def _standard_error(graded: Graded) -> float | None:
    """Of infinitely many resamples of the items, to first order; as `graders.scoring.Scorer.standard_error`."""
    if graded.influence is None or not len(graded.influence):
        return None
    values = np.asarray(graded.influence, dtype=np.float64)
    error = math.sqrt(float(np.dot(values, values))) / len(values)
    return error if math.isfinite(error) else None
