"""What the API tells of leaderboards. Scores are rounded to the challenge's decimals here, and nowhere before."""

from __future__ import annotations

import datetime as dt
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from arena.catalogue.models import Challenge
from arena.catalogue.schemas import BaselineOut
from arena.catalogue.service import is_revealed, manifest_of
from arena.leaderboard.models import Board
from arena.leaderboard.service import BoardPage, RankedRow, TeamHistory
from challenges.manifest import Direction

SHOWN_COSTS = ("parameters", "latency_ratio")
"""What everybody may know of a model that stands on a board."""


class RowOut(BaseModel):
    """A team on a leaderboard."""

    rank: int = Field(
        description="1 is the best; no two teams share a rank: of equal scores the earlier stands higher."
    )
    team_id: UUID
    team: str
    members: list[str]
    score: float
    submissions: int = Field(description="Number of the team's scored submissions.")
    achieved_at: dt.datetime = Field(description="When the submission was made that the score is of.")
    is_mine: bool = Field(description="The reader belongs to this team.")
    costs: dict[str, float] = Field(
        description="`parameters` and `latency_ratio` of the model that the score is of; empty for tables."
    )

    @classmethod
    def of(cls, row: RankedRow, decimals: int, costs: dict[str, float]) -> Self:
        """The row with its score rounded."""
        return cls(
            rank=row.rank,
            team_id=row.team_id,
            team=row.team,
            members=row.members,
            score=round(row.score, decimals),
            submissions=row.submissions,
            achieved_at=row.achieved_at,
            is_mine=row.is_mine,
            costs={name: costs[name] for name in SHOWN_COSTS if name in costs},
        )


class BoardOut(BaseModel):
    """A page of a leaderboard."""

    challenge: str
    board: Board
    direction: Direction = Field(description="Which end of the score is better.")
    is_revealed: bool = Field(description="The private board may be seen.")
    page: int
    pages: int
    total_teams: int
    rows: list[RowOut]
    mine: RowOut | None = Field(description="The reader's own row, on whatever page it stands.")
    baselines: list[BaselineOut]

    @classmethod
    def of(
        cls,
        challenge: Challenge,
        found: BoardPage,
        costs: dict[UUID, dict[str, float]],
        language: str,
        now: dt.datetime,
    ) -> Self:
        """The page in a language, with what the teams' models cost."""
        manifest = manifest_of(challenge)
        decimals = manifest.metric.decimals
        mine = found.mine
        return cls(
            challenge=challenge.slug,
            board=found.board,
            direction=manifest.metric.direction,
            is_revealed=is_revealed(challenge, now),
            page=found.page,
            pages=found.pages,
            total_teams=found.total_teams,
            rows=[RowOut.of(row, decimals, costs.get(row.team_id, {})) for row in found.rows],
            mine=RowOut.of(mine, decimals, costs.get(mine.team_id, {})) if mine else None,
            baselines=[BaselineOut.of(baseline, language) for baseline in manifest.baselines],
        )


class PointOut(BaseModel):
    """A moment at which a team's best public score became better."""

    at: dt.datetime
    score: float


class TeamHistoryOut(BaseModel):
    """How a team's best public score went."""

    team_id: UUID
    team: str
    is_mine: bool
    points: list[PointOut]


class HistoryOut(BaseModel):
    """How the best public scores of the reader's team and of the leading teams went."""

    challenge: str
    direction: Direction
    teams: list[TeamHistoryOut] = Field(description="The reader's own first, then the leaders by rank.")

    @classmethod
    def of(cls, challenge: Challenge, found: list[TeamHistory], mine: UUID | None) -> Self:
        """The histories with their scores rounded."""
        metric = manifest_of(challenge).metric
        teams = [
            TeamHistoryOut(
                team_id=team.team_id,
                team=team.team,
                is_mine=team.team_id == mine,
                points=[PointOut(at=point.at, score=round(point.score, metric.decimals)) for point in team.points],
            )
            for team in found
        ]
        return cls(challenge=challenge.slug, direction=metric.direction, teams=teams)
