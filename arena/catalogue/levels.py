"""Which level a score earns, and how far along the way from the first baseline to the best level it is."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise

from challenges.manifest import Direction, Manifest


class Level(StrEnum):
    """What a score earns, the lowest first."""

    PASSING = "passing"
    GOOD = "good"
    EXCELLENT = "excellent"


def levels_of(manifest: Manifest) -> list[tuple[Level, float]]:
    """The levels of a challenge with the score that each asks for, the highest first."""
    asked = manifest.thresholds
    return [(Level.EXCELLENT, asked.excellent), (Level.GOOD, asked.good), (Level.PASSING, asked.passing)]


def level_of(manifest: Manifest, score: float | None) -> Level | None:
    """The highest level that a score earns, or None."""
    if score is None:
        return None
    return next((level for level, asked in levels_of(manifest) if _reaches(manifest, score, asked)), None)


def share_of_way(manifest: Manifest, score: float | None) -> float:
    """How much of the way to `excellent` a score has come, between 0 and 1.

    The way starts at the weakest baseline. Each level is a third of it, however close in score the last ones lie.
    """
    if score is None:
        return 0.0
    worst = min if manifest.metric.direction is Direction.MAX else max
    asked = [score for _, score in reversed(levels_of(manifest))]
    start = worst([asked[0], *(baseline.score for baseline in manifest.baselines)])
    thirds = [_share(manifest, score, low, high) for low, high in pairwise([start, *asked])]
    return sum(thirds) / len(thirds)


def _share(manifest: Manifest, score: float, low: float, high: float) -> float:
    if low == high:
        return float(_reaches(manifest, score, high))
    return min(1.0, max(0.0, (score - low) / (high - low)))


def _reaches(manifest: Manifest, score: float, asked: float) -> bool:
    return score >= asked if manifest.metric.direction is Direction.MAX else score <= asked
