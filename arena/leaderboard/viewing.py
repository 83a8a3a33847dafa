"""What a leaderboard's page adds to the standings: errors, markers between the rows, the chart of scores over time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from arena.catalogue.levels import Level, levels_of, share_of_way
from arena.catalogue.models import Challenge
from arena.catalogue.service import manifest_of
from arena.formatting import format_iso
from arena.leaderboard.models import Board, Standing
from arena.leaderboard.recording import SUBMISSIONS, sort_key_of
from arena.leaderboard.service import BoardPage, RankedRow, TeamHistory
from challenges.manifest import Manifest, Metric
from challenges.texts import Text

Costs = dict[str, float]
LEADERS = 5
"""How many teams the chart follows beside the reader's own."""


@dataclass(frozen=True)
class Marker:
    """A line between the rows: from here on down a level is not reached, or a baseline not beaten."""

    score: float
    level: Level | None = None
    baseline: Text | None = None
    besides: list[tuple[Metric, float]] = field(default_factory=list)
    """Secondary metrics that the level asks for too."""


@dataclass(frozen=True)
class Beside:
    """What stands beside a score."""

    error: float | None = None
    """Its standard error."""
    costs: Costs = field(default_factory=dict)
    """What the model costs, where models are sent."""
    secondary: dict[str, float] = field(default_factory=dict)
    """Secondary metrics of the same side."""


@dataclass(frozen=True)
class Row:
    """A row as the page shows it."""

    ranked: RankedRow
    beside: Beside
    way: float
    """How much of the way to `excellent`, 0 to 1."""


def lines_of(page: BoardPage, manifest: Manifest, beside: dict[UUID, Beside]) -> list[Row | Marker]:
    """The rows of a page with the markers that belong between them, the best first.

    A marker above the first row is told on the first page, one below the last row on the last page.
    """
    direction = manifest.metric.direction
    rows = [_row(row, beside.get(row.team_id, Beside()), manifest) for row in page.rows]
    lines: list[Row | Marker] = []
    waiting = markers_of(manifest)
    for position, row in enumerate(rows):
        reached = sort_key_of(row.ranked.score, direction)
        passed = [marker for marker in waiting if sort_key_of(marker.score, direction) < reached]
        if position or page.page == 1:
            lines += passed
        waiting = waiting[len(passed) :]
        lines.append(row)
    return [*lines, *waiting] if page.page == page.pages else lines


def _row(row: RankedRow, beside: Beside, manifest: Manifest) -> Row:
    return Row(row, beside, share_of_way(manifest, row.score, beside.secondary))


def markers_of(manifest: Manifest) -> list[Marker]:
    """Levels and baselines, the best first; of equal ones the level stands higher."""
    markers = [Marker(asked.score, level=asked.level, besides=asked.besides) for asked in levels_of(manifest)]
    markers += [Marker(baseline.score, baseline=baseline.name) for baseline in manifest.baselines]
    return sorted(markers, key=lambda marker: sort_key_of(marker.score, manifest.metric.direction))


def find_beside(session: Session, page: BoardPage) -> dict[UUID, Beside]:
    """What stands beside the scores on a page, by team, in one query."""
    return _read_beside(session, page.dataset_id, page.board, page.teams)


def find_costs(session: Session, challenge: Challenge, board: Board, teams: Iterable[UUID]) -> dict[UUID, Costs]:
    """What the models of these teams cost; nothing is asked where tables are sent."""
    if manifest_of(challenge).model is None:
        return {}
    found = _read_beside(session, challenge.dataset_id, board, teams)
    return {team: beside.costs for team, beside in found.items()}


def _read_beside(session: Session, dataset_id: UUID | None, board: Board, teams: Iterable[UUID]) -> dict[UUID, Beside]:
    if dataset_id is None:
        return {}
    s = SUBMISSIONS.c
    of_side = (s.public_error, s.public_secondary) if board is Board.PUBLIC else (s.private_error, s.private_secondary)
    query = (
        select(Standing.team_id, *of_side, s.costs)
        .join(SUBMISSIONS, s.id == Standing.submission_id)
        .where(Standing.dataset_id == dataset_id, Standing.board == board, Standing.team_id.in_(teams))
    )
    return {team: Beside(error, costs, secondary) for team, error, secondary, costs in session.execute(query)}


def followed(page: BoardPage) -> list[UUID]:
    """The teams that the chart of a page follows: the first few of it, and the reader's own."""
    leaders = [row.team_id for row in page.rows[:LEADERS]]
    return leaders if page.mine is None or page.mine.team_id in leaders else [*leaders, page.mine.team_id]


def curves_of(histories: Iterable[TeamHistory], now: dt.datetime) -> list[dict[str, Any]]:
    """The points of the chart: each improvement, and the present moment so that every line reaches the edge."""
    points: list[dict[str, Any]] = []
    for history in histories:
        moments = [*((point.at, point.score) for point in history.points), *_present(history.points, now)]
        points += [{"team": history.team, "at": format_iso(at), "score": score} for at, score in moments]
    return points


def _present(points: Sequence[Any], now: dt.datetime) -> list[tuple[dt.datetime, float]]:
    # To the minute, so that the page stays the same, and its ETag, while nothing happens.
    minute = now.replace(second=0, microsecond=0)
    return [(minute, points[-1].score)] if points and points[-1].at < minute else []
