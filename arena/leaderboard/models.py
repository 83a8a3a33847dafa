"""Tables of standings: one row per team, board and dataset, written with the verdict, the truth of every rank.

Each change takes the next revision of its dataset, so that whoever keeps a copy knows what it has not seen yet.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from arena.db import Model
from arena.teams.models import Team


class Board(StrEnum):
    """Which hidden rows a leaderboard is computed from."""

    PUBLIC = "public"
    PRIVATE = "private"


class Standing(Model):
    """A team's best result on one board of one dataset."""

    __tablename__ = "standing"
    __table_args__ = (
        Index("ix_standing_rank", "dataset_id", "board", "sort_key", "achieved_at", "team_id"),
        Index("ix_standing_revision", "dataset_id", "board", "revision"),
    )

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    board: Mapped[Board] = mapped_column(primary_key=True)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"), primary_key=True)
    score: Mapped[float]
    sort_key: Mapped[float]
    """The score turned so that smaller is better, whatever the metric's direction."""
    submission_id: Mapped[UUID] = mapped_column(ForeignKey("submission.id", ondelete="CASCADE"))
    achieved_at: Mapped[dt.datetime]
    """When that submission was made: ties go to the earlier one."""
    submissions: Mapped[int] = mapped_column(default=1)
    """Number of scored submissions of the team."""
    revision: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The revision of the dataset's boards that wrote this row last."""

    team: Mapped[Team] = relationship()


class BoardRevision(Model):
    """How often the boards of a dataset have changed.

    Whoever changes them locks this row until the commit, so that revisions become visible in order.
    """

    __tablename__ = "board_revision"

    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    revision: Mapped[int] = mapped_column(BigInteger, default=0)
    epoch: Mapped[int] = mapped_column(default=0)
    """Raised when a standing is removed: a copy of an older epoch is thrown away, not continued."""
