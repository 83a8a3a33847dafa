"""Tables of challenges as loaded from their packages, and of the data prepared for them."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from arena.db import Model, new_id


class ChallengeState(StrEnum):
    """Whether submissions are taken, beside the dates of the timeline."""

    PREPARING = "preparing"
    OPEN = "open"
    CLOSED = "closed"


class DatasetState(StrEnum):
    """How far the preparation of a dataset has come."""

    QUEUED = "queued"
    READY = "ready"
    FAILED = "failed"


class Challenge(Model):
    """A challenge as its package describes it; the slug is its id everywhere."""

    __tablename__ = "challenge"

    slug: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    """Order on the path."""
    manifest: Mapped[dict[str, Any]]
    """The parsed `challenge.toml`, as JSON."""
    manifest_text: Mapped[str] = mapped_column(default="", server_default="")
    """`challenge.toml` as the package holds it."""
    descriptions: Mapped[dict[str, Any]]
    """Markdown by language: `{"en": …, "zh": …}`."""
    package_digest: Mapped[str]
    state: Mapped[ChallengeState] = mapped_column(default=ChallengeState.PREPARING)
    """Set by the admin (open, closed) and by the first dataset that becomes ready."""
    dataset_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("dataset.id", use_alter=True, name="fk_challenge_dataset_id_dataset")
    )
    """The dataset in use; None until one is ready."""
    opens_at: Mapped[dt.datetime | None]
    deadline: Mapped[dt.datetime | None]
    """End of submissions and moment of the reveal; None: practice, private scores are never shown."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[dt.datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    dataset: Mapped[Dataset | None] = relationship(foreign_keys=[dataset_id], lazy="joined")


class Dataset(Model):
    """One version of a challenge's data; public facts only."""

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("slug", "version"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(ForeignKey("challenge.slug", ondelete="CASCADE"))
    version: Mapped[str]
    """`<source>-v<generator version>-<n>`, such as `offline-v1-1`."""
    source: Mapped[str]
    """`offline`, or a real source of the manifest."""
    package_digest: Mapped[str]
    state: Mapped[DatasetState] = mapped_column(default=DatasetState.QUEUED)
    digest: Mapped[str | None]
    files: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    """Public files: `[{"name", "size_bytes", "digest"}]`."""
    honour_system: Mapped[bool] = mapped_column(default=False)
    trace: Mapped[str | None]
    """Why preparation failed; operators only."""
    seconds: Mapped[float | None]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    ready_at: Mapped[dt.datetime | None]
