"""Which level a score earns, and how far along the way from the first baseline to the best level it is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from challenges.manifest import Direction, Manifest, Metric

_ALMOST = 0.9
"""What a step to a level counts at most while something that the level asks for besides is missing."""


class Level(StrEnum):
    """What a score earns, the lowest first."""

    PASSING = "passing"
    GOOD = "good"
    EXCELLENT = "excellent"


class Asked(NamedTuple):
    """What a level asks for."""

    level: Level
    score: float
    besides: list[tuple[Metric, float]]
    """Secondary metrics and what they must reach too."""

    def is_earned(self, manifest: Manifest, score: float, secondary: Mapping[str, float]) -> bool:
        """Whether a submission with these scores reaches the level."""
        return _reaches(manifest.metric, score, self.score) and not self.missing(secondary)

    def missing(self, secondary: Mapping[str, float]) -> list[tuple[Metric, float]]:
        """What the level asks for besides and these scores do not reach."""
        return [
            (metric, asked)
            for metric, asked in self.besides
            if metric.name not in secondary or not _reaches(metric, secondary[metric.name], asked)
        ]


def levels_of(manifest: Manifest) -> list[Asked]:
    """The levels of a challenge, the highest first; none where none were measured on the data in use."""
    thresholds = manifest.thresholds
    if thresholds is None:
        return []
    return [
        Asked(
            level,
            getattr(thresholds, level),
            [
                (metric, asked)
                for metric in manifest.secondary
                if metric.name in thresholds.secondary
                and (asked := getattr(thresholds.secondary[metric.name], level)) is not None
            ],
        )
        for level in reversed(Level)
    ]


def level_of(manifest: Manifest, score: float | None, secondary: Mapping[str, float]) -> Level | None:
    """The highest level that a submission earns with its score and its secondary metrics, or None."""
    if score is None:
        return None
    return next((asked.level for asked in levels_of(manifest) if asked.is_earned(manifest, score, secondary)), None)


def share_of_way(manifest: Manifest, score: float | None, secondary: Mapping[str, float]) -> float:
    """How much of the way to `excellent` a submission has come, between 0 and 1.

    The way starts at the weakest baseline. Each level is a third of it, however close in score the last ones lie, and
    no third is whole while something is missing that its level asks for besides.
    """
    levels = levels_of(manifest)[::-1]
    if score is None or not levels:
        return 0.0
    worst = min if manifest.metric.direction is Direction.MAX else max
    start = worst([levels[0].score, *(baseline.score for baseline in manifest.baselines)])
    ways = pairwise([start, *(asked.score for asked in levels)])
    thirds = [_share(manifest.metric, score, low, high) for low, high in ways]
    most = [_ALMOST if asked.missing(secondary) else 1.0 for asked in levels]
    return sum(map(min, thirds, most)) / len(thirds)


def _share(metric: Metric, score: float, low: float, high: float) -> float:
    if low == high:
        return float(_reaches(metric, score, high))
    return min(1.0, max(0.0, (score - low) / (high - low)))


def _reaches(metric: Metric, score: float, asked: float) -> bool:
    return score >= asked if metric.direction is Direction.MAX else score <= asked
