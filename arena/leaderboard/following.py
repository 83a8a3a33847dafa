"""Keeps a board's rank index abreast of the table: takes in what changed since, or builds it anew.

Revisions of a dataset become visible in order (their writers wait for each other), so an index that has come to
revision 7 misses exactly the rows whose revision is greater.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from arena.leaderboard.models import Board, BoardRevision, Standing
from arena.leaderboard.ranking import Change, Mark, Place, Ranking

_PLACE = (Standing.sort_key, Standing.achieved_at, Standing.team_id, Standing.revision)


def read_mark(session: Session, dataset_id: UUID) -> Mark:
    """How far the boards of a dataset have come."""
    found = session.execute(
        select(BoardRevision.epoch, BoardRevision.revision).where(BoardRevision.dataset_id == dataset_id)
    ).one_or_none()
    return Mark(*found) if found else Mark(0, 0)


@dataclass(frozen=True)
class Followed:
    """An index that can be read, and the revision it has come to at least."""

    ranking: Ranking
    revision: int


def follow(session: Session, redis: Redis, dataset_id: UUID, board: Board, *, build: bool = True) -> Followed | None:
    """Bring the index of a board up to the present.

    Args:
        session: A session; only read.
        redis: Where the index is.
        dataset_id: The dataset of the board.
        board: Which board.
        build: Build the index where there is none.

    Returns:
        None when there is no index to read now: someone is building it, or `build` is False.
    """
    ranking = Ranking(redis, dataset_id, board)
    live = ranking.find_live()
    if live is None and not build:
        return None
    mark = read_mark(session, dataset_id)
    if live is not None and live.mark.epoch == mark.epoch and live.mark.revision <= mark.revision:
        is_abreast = live.mark == mark or ranking.apply(
            list(_changes(session, dataset_id, board, live.mark.revision)), live, mark.revision
        )
    else:
        is_abreast = build and ranking.rebuild(_changes(session, dataset_id, board), mark)
    return Followed(ranking, mark.revision) if is_abreast else None


def _changes(session: Session, dataset_id: UUID, board: Board, after: int | None = None) -> Iterator[Change]:
    """The standings of a board; with `after`, those whose revision is greater."""
    query = select(*_PLACE).where(Standing.dataset_id == dataset_id, Standing.board == board)
    query = query.execution_options(yield_per=10_000) if after is None else query.where(Standing.revision > after)
    for sort_key, achieved_at, team_id, revision in session.execute(query):
        yield Place(sort_key, achieved_at, team_id), revision
