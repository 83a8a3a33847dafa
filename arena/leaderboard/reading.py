"""How a page of a board and the rank of a team are found: by the rank index where it stands, else by the table.

The index only says who stands where. Every row that is shown comes from the table; when the two disagree, the index is
brought up to date, and thrown away if that does not help.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session, joinedload

from arena.leaderboard.following import Followed, follow
from arena.leaderboard.models import Board, Standing
from arena.leaderboard.ranking import Place

PAGE_ROWS = 50
ATTEMPTS = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Placed:
    """A standing and its rank; 1 is the best."""

    rank: int
    standing: Standing


@dataclass(frozen=True)
class Stretch:
    """A part of a board, and one team's own place, at one moment."""

    placed: list[Placed]
    total: int
    own: Placed | None


@dataclass(frozen=True)
class Question:
    """Which part of which board is asked for."""

    dataset_id: UUID
    board: Board
    start: int
    """Position of the first row, 0 is the best."""
    team_id: UUID | None
    """Whose own place is asked for as well."""
    count: int = PAGE_ROWS


class _Disagreed(Exception):
    """The index and the table do not say the same."""

    def __init__(self, *, is_behind: bool) -> None:
        super().__init__()
        self.is_behind = is_behind
        """The table has changed since: following it again is enough."""


def read_stretch(session: Session, redis: Redis, question: Question) -> Stretch:
    """Find a part of a board, in order."""
    try:
        for _ in range(ATTEMPTS):
            followed = follow(session, redis, question.dataset_id, question.board)
            if followed is None:
                break
            try:
                return _read_by_index(session, followed, question)
            except _Disagreed as disagreed:
                if not disagreed.is_behind:
                    log.warning("a rank index is wrong and will be built anew", dataset=str(question.dataset_id))
                    followed.ranking.drop()
    except RedisError as error:
        log.warning("a board is read without its rank index", error=str(error))
    return _read_by_table(session, question)


def _read_by_index(session: Session, followed: Followed, question: Question) -> Stretch:
    found = followed.ranking.read(question.start, question.count)
    if found is None:
        raise _Disagreed(is_behind=False)
    places, total = found
    if total == 0:  # then the table should be empty too, and quick to read
        stretch = _read_by_table(session, question)
        if stretch.total:
            raise _Disagreed(is_behind=False)
        return stretch
    wanted = [place.team_id for place in places] + ([question.team_id] if question.team_id else [])
    standings = {standing.team_id: standing for standing in session.scalars(_select(question, wanted))}
    placed = []
    for rank, place in enumerate(places, question.start + 1):
        standing = standings.get(place.team_id)
        if standing is None or place_of(standing) != place:
            raise _Disagreed(is_behind=standing is None or standing.revision > followed.revision)
        placed.append(Placed(rank, standing))
    own = standings.get(question.team_id) if question.team_id else None
    if own is None:
        return Stretch(placed, total, None)
    rank_of_own = followed.ranking.find_rank(place_of(own))
    if rank_of_own is None:
        raise _Disagreed(is_behind=own.revision > followed.revision)
    return Stretch(placed, total, Placed(rank_of_own, own))


def _read_by_table(session: Session, question: Question) -> Stretch:
    """The stretch by the table alone: right always, and slower the further down it lies."""
    order = (Standing.sort_key, Standing.achieved_at, Standing.team_id)
    of_board = (Standing.dataset_id == question.dataset_id, Standing.board == question.board)
    count = select(func.count()).select_from(Standing).where(*of_board)
    rows = session.scalars(_select(question).order_by(*order).offset(question.start).limit(question.count)).all()
    placed = [Placed(rank, row) for rank, row in enumerate(rows, question.start + 1)]
    total = session.scalar(count) or 0
    own = session.scalars(_select(question, [question.team_id])).one_or_none() if question.team_id else None
    if own is None:
        return Stretch(placed, total, None)
    above = session.scalar(count.where(tuple_(*order) < tuple_(own.sort_key, own.achieved_at, own.team_id))) or 0
    return Stretch(placed, total, Placed(above + 1, own))


def _select(question: Question, team_ids: Iterable[UUID | None] | None = None) -> Select[Standing]:
    """Standings of a board with their teams, as they are now."""
    query = (
        select(Standing)
        .where(Standing.dataset_id == question.dataset_id, Standing.board == question.board)
        .options(joinedload(Standing.team))
        .execution_options(populate_existing=True)
    )
    return query if team_ids is None else query.where(Standing.team_id.in_(list(team_ids)))


def place_of(standing: Standing) -> Place:
    """What decides the rank of a standing."""
    return Place(standing.sort_key, standing.achieved_at, standing.team_id)
