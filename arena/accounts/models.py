"""Tables of people and how they prove who they are."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from arena.db import Model, new_id


class Role(StrEnum):
    """What a person may do, each including the one before."""

    PARTICIPANT = "participant"
    ORGANISER = "organiser"
    ADMIN = "admin"


class User(Model):
    """A person with an account."""

    __tablename__ = "user"
    __table_args__ = (
        Index("uq_user_username_lower", text("lower(username)"), unique=True),
        Index("uq_user_email_lower", text("lower(email)"), unique=True),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    username: Mapped[str]
    """3 to 32 letters, digits, `_` or `-`; unique without regard to case."""
    email: Mapped[str | None]
    password_hash: Mapped[str]
    """Argon2id."""
    role: Mapped[Role] = mapped_column(default=Role.PARTICIPANT)
    language: Mapped[str | None]
    """`en`, `zh_Hans`, or None: as the browser asks."""
    must_change_password: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[dt.datetime | None]


class LoginSession(Model):
    """One browser that is logged in; the cookie holds a secret of which only the digest is stored."""

    __tablename__ = "login_session"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    """Names the session on the settings page; proves nothing."""
    digest: Mapped[str] = mapped_column(unique=True)
    previous_digest: Mapped[str | None] = mapped_column(unique=True)
    """Of the secret before the last rotation: requests under way with it are answered for a short while."""
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    csrf_token: Mapped[str]
    user_agent: Mapped[str] = mapped_column(default="")
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    rotated_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[dt.datetime]

    user: Mapped[User] = relationship(lazy="joined")


class ApiToken(Model):
    """A token for programs: shown once, stored as a digest, limited in scope and time."""

    __tablename__ = "api_token"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str]
    """First characters of the token, to tell tokens apart."""
    scopes: Mapped[list[str]]
    """Of `read`, `submit`, `admin`."""
    created_at: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[dt.datetime | None]
    used_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]

    user: Mapped[User] = relationship(lazy="joined")
