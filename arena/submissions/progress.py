"""What a score means: how a team's scores went, and where one of them stands between baselines and levels."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from arena.catalogue.levels import Level, levels_of
from arena.formatting import format_iso
from challenges.manifest import Direction, Manifest, Metric
from challenges.texts import Text


@dataclass(frozen=True)
class Rung:
    """One line of the ladder from the weakest baseline to the highest level."""

    score: float
    level: Level | None = None
    baseline: Text | None = None
    is_reached: bool = False
    besides: list[tuple[Metric, float]] = field(default_factory=list)
    """Secondary metrics that a level asks for too."""

    @property
    def is_own(self) -> bool:
        """The submission itself."""
        return self.level is None and self.baseline is None


def ladder_of(score: float | None, secondary: Mapping[str, float], manifest: Manifest) -> list[Rung]:
    """Levels, baselines and one's own score, the best first; where they are equal, one's own stands above."""
    if score is None:
        return []
    sign = -1 if manifest.metric.direction is Direction.MAX else 1
    rungs = [
        Rung(
            asked.score,
            level=asked.level,
            is_reached=asked.is_earned(manifest, score, secondary),
            besides=asked.besides,
        )
        for asked in levels_of(manifest)
    ]
    rungs += [
        Rung(known.score, baseline=known.name, is_reached=sign * score <= sign * known.score)
        for known in manifest.baselines
    ]
    return sorted([Rung(score), *rungs], key=lambda rung: (sign * rung.score, not rung.is_own))


def points_of(scores: Iterable[tuple[dt.datetime, float]], manifest: Manifest) -> list[dict[str, Any]]:
    """Each score with the best one until then.

    Args:
        scores: Moments and scores, the oldest first.
        manifest: Says which end is better, and how many digits are shown.
    """
    better = max if manifest.metric.direction is Direction.MAX else min
    decimals = manifest.metric.decimals
    points: list[dict[str, Any]] = []
    best: float | None = None
    for at, score in scores:
        best = score if best is None else better(best, score)
        points.append({"at": format_iso(at), "score": round(score, decimals), "best": round(best, decimals)})
    return points
