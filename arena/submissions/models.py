"""The table of submissions. The row is the outbox of the queue, and holds its verdict."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from arena.accounts.models import User
from arena.catalogue.models import Dataset
from arena.db import Model, new_id
from arena.teams.models import Team


class Status(StrEnum):
    """queued → scored | rejected | failed | cancelled."""

    QUEUED = "queued"
    SCORED = "scored"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Submission(Model):
    """One upload, its way through the queue, and the verdict on it."""

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        Index("ix_submission_team_created", "team_id", "created_at"),
        Index("ix_submission_user_created", "user_id", "created_at"),
        Index("ix_submission_queued", "created_at", postgresql_where=text("status = 'queued'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(ForeignKey("challenge.slug", ondelete="CASCADE"), index=True)
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("dataset.id"))
    team_id: Mapped[UUID] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    idempotency_key: Mapped[str | None]
    filename: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]
    storage_key: Mapped[str]
    message: Mapped[str] = mapped_column(default="")
    status: Mapped[Status] = mapped_column(default=Status.QUEUED)
    attempt: Mapped[int] = mapped_column(default=1)
    sent_at: Mapped[dt.datetime | None]
    """When the current attempt was last handed to the queue."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    graded_at: Mapped[dt.datetime | None]
    public_score: Mapped[float | None]
    public_error: Mapped[float | None]
    """Bootstrap standard error of the public score."""
    public_secondary: Mapped[dict[str, Any]] = mapped_column(default=dict)
    private_score: Mapped[float | None]
    """Never leaves the server before the reveal."""
    private_error: Mapped[float | None]
    private_secondary: Mapped[dict[str, Any]] = mapped_column(default=dict)
    diagnostics: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    """Public side only."""
    faults: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    """`[{"reason", "facts"}]`, when rejected."""
    fault_count: Mapped[int] = mapped_column(default=0)
    trace: Mapped[str | None]
    """Traceback of a failure; operators only."""
    provenance: Mapped[dict[str, Any]] = mapped_column(default=dict)
    costs: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """What a model costs, when scored: parameters, bytes, operations, latency, memory."""

    dataset: Mapped[Dataset] = relationship()
    team: Mapped[Team] = relationship()
    user: Mapped[User] = relationship()
