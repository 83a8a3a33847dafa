"""Tables of teams: a person is in at most one team per challenge."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from arena.db import Model, new_id


class Team(Model):
    """Who competes in one challenge: one person, or several."""

    __tablename__ = "team"
    __table_args__ = (UniqueConstraint("slug", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slug: Mapped[str] = mapped_column(ForeignKey("challenge.slug", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())


class Membership(Model):
    """A person is in at most one team per challenge."""

    __tablename__ = "membership"

    slug: Mapped[str] = mapped_column(ForeignKey("challenge.slug", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"), index=True)
