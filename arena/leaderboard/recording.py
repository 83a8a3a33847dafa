"""Writes standings, in the transaction that records a verdict and behind one lock per dataset.

The public board follows each team's best public score. The private board holds the private score of that very
submission, never the best private one: a team is ranked by what it could have chosen.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Protocol
from uuid import UUID

from sqlalchemy import column, delete, func, select, table, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from arena.catalogue.models import Dataset
from arena.events import publish
from arena.leaderboard.models import Board, BoardRevision, Standing
from challenges.manifest import Direction

SUBMISSIONS = table(
    "submission",
    column("id"),
    column("team_id"),
    column("dataset_id"),
    column("status"),
    column("created_at"),
    column("public_score"),
    column("public_error"),
    column("public_secondary"),
    column("private_score"),
    column("private_error"),
    column("private_secondary"),
    column("costs"),
)
"""The submissions by name: their feature lies above this one, which reads a few of their columns."""


class Scored(Protocol):
    """What a board needs to know of a submission that was scored."""

    @property
    def id(self) -> UUID: ...  # noqa: D102
    @property
    def team_id(self) -> UUID: ...  # noqa: D102
    @property
    def created_at(self) -> dt.datetime: ...  # noqa: D102
    @property
    def public_score(self) -> float | None: ...  # noqa: D102
    @property
    def private_score(self) -> float | None: ...  # noqa: D102


def board_topic(dataset_id: UUID) -> str:
    """The topic under which changes of a dataset's boards are told."""
    return f"board:{dataset_id}"


def sort_key_of(score: float, direction: Direction) -> float:
    """The score turned so that smaller is better; zero has one sign.

    Raises:
        ValueError: The score is not finite.
    """
    if not math.isfinite(score):
        message = f"a score of {score} cannot stand on a board"
        raise ValueError(message)
    return 0.0 - score if direction is Direction.MAX else 0.0 + score


def record_standing(session: Session, submission: Scored, dataset: Dataset, direction: Direction) -> None:
    """Let a newly scored submission count; the caller commits.

    Args:
        session: The session whose transaction records the verdict.
        submission: Scored for the first time. For one that is graded again use `recompute_standing`.
        dataset: The data it was graded on.
        direction: Which end of the metric is better.

    Raises:
        ValueError: A score is missing or not finite.
    """
    key = _checked_key(submission, direction)
    revision = _next_revision(session, dataset.id)
    rows = _rows_of(session, dataset.id, submission.team_id)
    count = max((row.submissions for row in rows.values()), default=0) + 1
    best = rows.get(Board.PUBLIC)
    if best is None or (key, submission.created_at, submission.id) < _key_of(best):
        _write(session, dataset.id, submission, direction, revision=revision, count=count)
    else:
        for row in rows.values():
            row.submissions = count
    publish(session, board_topic(dataset.id), slug=dataset.slug)
    session.flush()


def recompute_standing(session: Session, team_id: UUID, dataset: Dataset, direction: Direction) -> None:
    """Set a team's standing to what its scored submissions say now; the caller commits.

    For submissions graded again: their score may have become worse, or have gone.
    """
    session.flush()
    revision = _next_revision(session, dataset.id)
    s = SUBMISSIONS.c
    mine = (s.team_id == team_id, s.dataset_id == dataset.id, s.status == "scored", s.public_score.is_not(None))
    score = s.public_score.desc() if direction is Direction.MAX else s.public_score
    best = session.execute(select(SUBMISSIONS).where(*mine).order_by(score, s.created_at, s.id).limit(1)).one_or_none()
    if best is None:
        _remove(session, dataset.id, team_id)
    else:
        count = session.scalar(select(func.count()).select_from(SUBMISSIONS).where(*mine)) or 0
        _write(session, dataset.id, best, direction, revision=revision, count=count)
    publish(session, board_topic(dataset.id), slug=dataset.slug)
    session.flush()


def _checked_key(submission: Scored, direction: Direction) -> float:
    """The sort key of a submission; none of its scores may be missing or odd."""
    if submission.public_score is None:
        message = "a submission without a public score cannot stand on a board"
        raise ValueError(message)
    if submission.private_score is not None:
        sort_key_of(submission.private_score, direction)
    return sort_key_of(submission.public_score, direction)


def _key_of(standing: Standing) -> tuple[float, dt.datetime, UUID]:
    return standing.sort_key, standing.achieved_at, standing.submission_id


def _next_revision(session: Session, dataset_id: UUID) -> int:
    """Take the dataset's lock and its next revision, both until the commit."""
    first = insert(BoardRevision).values(dataset_id=dataset_id, revision=1, epoch=0)
    following = first.on_conflict_do_update(
        index_elements=[BoardRevision.dataset_id], set_={"revision": BoardRevision.revision + 1}
    )
    return session.execute(following.returning(BoardRevision.revision)).scalar_one()


def _rows_of(session: Session, dataset_id: UUID, team_id: UUID) -> dict[Board, Standing]:
    """The standings of a team, as they are behind the lock."""
    query = select(Standing).where(Standing.dataset_id == dataset_id, Standing.team_id == team_id)
    return {row.board: row for row in session.scalars(query.execution_options(populate_existing=True))}


def _write(
    session: Session, dataset_id: UUID, best: Scored, direction: Direction, *, revision: int, count: int
) -> None:
    """Make `best` the submission by which a team stands, on both boards."""
    rows = _rows_of(session, dataset_id, best.team_id)
    for board, score in ((Board.PUBLIC, best.public_score), (Board.PRIVATE, best.private_score)):
        row = rows.get(board)
        if score is None:
            if row is not None:
                _remove(session, dataset_id, best.team_id, board)
            continue
        if row is None:
            row = Standing(dataset_id=dataset_id, board=board, team_id=best.team_id)
            session.add(row)
        row.score, row.sort_key = score, sort_key_of(score, direction)
        row.submission_id, row.achieved_at = best.id, best.created_at
        row.submissions, row.revision = count, revision


def _remove(session: Session, dataset_id: UUID, team_id: UUID, *boards: Board) -> None:
    """Take a team off these boards (none named: off all); a copy of the boards cannot follow that, and starts anew."""
    session.execute(
        delete(Standing).where(
            Standing.dataset_id == dataset_id, Standing.team_id == team_id, Standing.board.in_(boards or tuple(Board))
        )
    )
    session.execute(
        update(BoardRevision).where(BoardRevision.dataset_id == dataset_id).values(epoch=BoardRevision.epoch + 1)
    )
