"""Leaderboards for the rest of the site: who stands where, by what, and since when.

Standings are written by `recording`, in the transaction of the verdict; this module reads them, and opens a private
board to nobody before its challenge's reveal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from arena.catalogue.models import Challenge
from arena.catalogue.service import is_revealed, manifest_of
from arena.errors import Invalid, NotFound, NotRevealed
from arena.leaderboard.following import follow
from arena.leaderboard.models import Board
from arena.leaderboard.reading import PAGE_ROWS, Placed, Question, read_stretch
from arena.leaderboard.recording import SUBMISSIONS, board_topic, recompute_standing, record_standing, sort_key_of
from arena.teams.models import Team
from arena.teams.service import member_names
from arena.translations import mark

__all__ = [
    "PAGE_ROWS",
    "BoardPage",
    "Point",
    "RankedRow",
    "TeamHistory",
    "board_topic",
    "check_board",
    "history",
    "index_standing",
    "leading_teams",
    "rank_of",
    "recompute_standing",
    "record_standing",
    "standings",
]

LAST_PAGE = 1_000_000
LEADERS = 5
"""How many teams a chart shows beside the reader's own."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RankedRow:
    """A row of a leaderboard."""

    rank: int
    """Position on the board, 1 is the best; of equal scores the earlier submission stands higher."""
    team_id: UUID
    team: str
    members: list[str]
    score: float
    """Unrounded."""
    submissions: int
    """Number of the team's scored submissions."""
    achieved_at: dt.datetime
    is_mine: bool = False


@dataclass(frozen=True)
class BoardPage:
    """Fifty rows of a leaderboard, and the reader's own wherever it stands."""

    board: Board
    dataset_id: UUID | None
    page: int
    pages: int
    total_teams: int
    rows: list[RankedRow]
    mine: RankedRow | None

    @property
    def teams(self) -> list[UUID]:
        """Whose rows these are."""
        return [row.team_id for row in [*self.rows, *([self.mine] if self.mine else [])]]


@dataclass(frozen=True)
class Point:
    """A moment at which a team's best public score became better."""

    at: dt.datetime
    score: float


@dataclass(frozen=True)
class TeamHistory:
    """How a team's best public score went."""

    team_id: UUID
    team: str
    points: list[Point]


def check_board(challenge: Challenge, board: Board, now: dt.datetime) -> None:
    """Raise NotRevealed where a private board is asked for before the reveal."""
    if board is not Board.PUBLIC and not is_revealed(challenge, now):
        raise NotRevealed(slug=challenge.slug)


def standings(
    session: Session,
    redis: Redis,
    challenge: Challenge,
    board: Board,
    page: int,
    now: dt.datetime,
    *,
    team_id: UUID | None = None,
) -> BoardPage:
    """A page of a challenge's leaderboard.

    Args:
        session: A session; only read.
        redis: Where rank indexes are.
        challenge: Whose board; the one of the data in use.
        board: Which side.
        page: 1 is the first.
        now: The present moment, for the reveal.
        team_id: The reader's team, whose own row is added.

    Raises:
        NotRevealed: The private board, before its time.
        Invalid: The page is not a positive number.
        NotFound: The board has fewer pages.
    """
    check_board(challenge, board, now)
    if not 1 <= page <= LAST_PAGE:
        raise Invalid(field="page", problem=mark("must be a whole number from 1 on"))
    if challenge.dataset_id is None:
        return BoardPage(board, None, 1, 1, 0, [], None)
    found = read_stretch(session, redis, Question(challenge.dataset_id, board, (page - 1) * PAGE_ROWS, team_id))
    pages = max(1, -(-found.total // PAGE_ROWS))
    if page > pages:
        raise NotFound(what="page")
    shown = [*found.placed, found.own] if found.own else found.placed
    names = member_names(session, {placed.standing.team_id for placed in shown})
    rows = [_to_row(placed, names, team_id) for placed in found.placed]
    mine = _to_row(found.own, names, team_id) if found.own else None
    return BoardPage(board, challenge.dataset_id, page, pages, found.total, rows, mine)


def rank_of(
    session: Session, redis: Redis, challenge: Challenge, board: Board, team_id: UUID, now: dt.datetime
) -> RankedRow | None:
    """The row of one team on a challenge's leaderboard; None while it has no score.

    Raises:
        NotRevealed: The private board, before its time.
    """
    check_board(challenge, board, now)
    if challenge.dataset_id is None:
        return None
    found = read_stretch(session, redis, Question(challenge.dataset_id, board, 0, team_id, count=0))
    return _to_row(found.own, member_names(session, {team_id}), team_id) if found.own else None


def _to_row(placed: Placed, names: dict[UUID, list[str]], team_id: UUID | None) -> RankedRow:
    standing = placed.standing
    return RankedRow(
        rank=placed.rank,
        team_id=standing.team_id,
        team=standing.team.name,
        members=names.get(standing.team_id, []),
        score=standing.score,
        submissions=standing.submissions,
        achieved_at=standing.achieved_at,
        is_mine=standing.team_id == team_id,
    )


def leading_teams(session: Session, redis: Redis, challenge: Challenge, count: int = LEADERS) -> list[UUID]:
    """The best teams of the public board, in order."""
    if challenge.dataset_id is None:
        return []
    found = read_stretch(session, redis, Question(challenge.dataset_id, Board.PUBLIC, 0, None, count))
    return [placed.standing.team_id for placed in found.placed]


def index_standing(session: Session, redis: Redis, dataset_id: UUID) -> None:
    """Take the latest changes of a dataset's boards into their rank indexes, after the commit.

    Nothing depends on it: a reader does the same. It only spares the first one the work.
    """
    try:
        for board in Board:
            follow(session, redis, dataset_id, board, build=False)
    except RedisError as error:
        log.warning("a rank index will follow later", dataset=str(dataset_id), error=str(error))


def history(session: Session, challenge: Challenge, team_ids: Iterable[UUID]) -> list[TeamHistory]:
    """How the best public score of some teams went, in the order of `team_ids`; improvements only."""
    wanted = list(dict.fromkeys(team_ids))
    s = SUBMISSIONS.c
    query = (
        select(s.team_id, Team.name, s.created_at, s.public_score)
        .join(Team, Team.id == s.team_id)
        .where(s.team_id.in_(wanted), s.dataset_id == challenge.dataset_id)
        .where(s.status == "scored", s.public_score.is_not(None))
        .order_by(s.created_at, s.id)
    )
    direction = manifest_of(challenge).metric.direction
    found: dict[UUID, TeamHistory] = {}
    for team_id, name, at, score in session.execute(query):
        points = found.setdefault(team_id, TeamHistory(team_id, name, [])).points
        if not points or sort_key_of(score, direction) < sort_key_of(points[-1].score, direction):
            points.append(Point(at, score))
    return [found[team_id] for team_id in wanted if team_id in found]
