"""A small world of teams that submit, and what its boards must look like by sorting alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy.orm import Session

from arena.catalogue.models import Challenge, Dataset
from arena.leaderboard.models import Board
from arena.leaderboard.service import BoardPage, record_standing, standings
from arena.submissions.models import Status, Submission
from arena.teams.models import Team
from challenges.manifest import Direction, Metric
from tests.factories import NOON, make_challenge, make_dataset, make_manifest, make_submission, make_team, make_user

_numbers = count(1)
LATER = NOON + dt.timedelta(days=7)
"""After every deadline that these tests set."""


@dataclass
class World:
    """A challenge whose teams submit."""

    db: Session
    challenge: Challenge
    dataset: Dataset
    direction: Direction
    sent: list[Submission] = field(default_factory=list)

    def team(self, name: str | None = None) -> Team:
        return make_team(self.db, self.challenge, make_user(self.db, name), name=name)

    def teams(self, number: int) -> list[Team]:
        teams = [Team(slug=self.challenge.slug, name=f"team {n:04}") for n in range(number)]
        self.db.add_all(teams)
        self.db.commit()
        return teams

    def score(self, team: Team, public: float, private: float | None = 0.0, after_seconds: float = 0) -> Submission:
        """A submission of a team, scored and recorded as the scribe does it."""
        row = self.add(team, public, private, after_seconds)
        record_standing(self.db, row, self.dataset, self.direction)
        self.db.commit()
        return row

    def add(self, team: Team, public: float, private: float | None = 0.0, after_seconds: float = 0) -> Submission:
        user = make_user(self.db)
        at = NOON + dt.timedelta(seconds=after_seconds)
        columns = {"public_score": public, "private_score": private, "created_at": at, "status": Status.SCORED}
        row = make_submission(self.db, team, user, self.dataset, **columns)
        self.sent.append(row)
        return row

    def expected(self, board: Board = Board.PUBLIC) -> list[tuple[UUID, float]]:
        """Team and score by brute force."""
        turn = -1 if self.direction is Direction.MAX else 1
        best: dict[UUID, Submission] = {}
        for row in self.sent:
            if row.status is not Status.SCORED or row.public_score is None:
                continue
            held = best.get(row.team_id)
            key = (turn * row.public_score, row.created_at, row.id)
            if held is None or key < (turn * (held.public_score or 0), held.created_at, held.id):
                best[row.team_id] = row
        shown = [(row.public_score if board is Board.PUBLIC else row.private_score, row) for row in best.values()]
        placed = [(turn * score, row.created_at, row.team_id.int, score) for score, row in shown if score is not None]
        return [(UUID(int=team), score) for _, _, team, score in sorted(placed)]


def read(world: World, redis: Redis, page: int = 1, board: Board = Board.PUBLIC, team: UUID | None = None) -> BoardPage:
    return standings(world.db, redis, world.challenge, board, page, LATER, team_id=team)


def shown(page: BoardPage) -> list[tuple[UUID, float]]:
    return [(row.team_id, row.score) for row in page.rows]


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(db: Session) -> MakeWorld:
    """Make a challenge with data; `direction=` says which end is better, other columns are the challenge's."""

    def make(direction: Direction = Direction.MAX, **columns: object) -> World:
        manifest = make_manifest(metric=Metric("accuracy", direction, ["species"]))
        challenge = make_challenge(db, f"world{next(_numbers)}", manifest, **columns)
        return World(db, challenge, make_dataset(db, challenge), direction)

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A challenge with data, higher scores first, that is never revealed."""
    return make_world()
