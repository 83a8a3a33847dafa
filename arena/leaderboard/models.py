"""The table of standings: one row per team, board and dataset, written with the verdict; the truth of every rank."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index
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
    __table_args__ = (Index("ix_standing_rank", "dataset_id", "board", "sort_key", "achieved_at", "team_id"),)

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

    team: Mapped[Team] = relationship()
