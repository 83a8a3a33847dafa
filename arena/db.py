"""The database: engine, sessions, the declarative root of all models, and how a process hears what changed.

Models live in their feature folders. Services take a `Session` and commit in plain sight.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alembic import command
from alembic.config import Config
from sqlalchemy import DateTime, Enum, MetaData, create_engine, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from uuid_utils.compat import uuid7

from arena.settings import MIGRATIONS_DIR

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

CHANNEL = "arena"
"""Channel of PostgreSQL NOTIFY; the payload is one JSON object with `topic` and ids, never a score."""


def _enum_values(members: type[StrEnum]) -> list[str]:
    return [member.value for member in members]


class Model(DeclarativeBase):
    """Root of all tables: aware UTC times, JSONB documents, stable constraint names."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        dt.datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: JSONB,
        StrEnum: Enum(StrEnum, native_enum=False, length=20, values_callable=_enum_values),
    }


def new_id() -> UUID:
    """A time-ordered unique id (UUID version 7)."""
    return uuid7()


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """An engine for a `postgresql://` URL, with the psycopg driver and UTC sessions."""
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=20,
        pool_pre_ping=True,
        hide_parameters=True,  # errors are logged, and parameters are private scores and digests of tokens
        connect_args={"options": "-c timezone=utc"},
    )


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """A session factory; objects stay readable after a commit."""
    return sessionmaker(engine, expire_on_commit=False)


def notify(session: Session, payload: str) -> None:
    """Tell every web process what changed; delivered when the transaction commits, and only then."""
    session.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})


def migrations_config(url: str) -> Config:
    """What Alembic needs to know; there is no ini file."""
    config = Config(attributes={"url": url})
    config.set_main_option("script_location", str(MIGRATIONS_DIR).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def migrate(url: str) -> None:
    """Bring the database to the newest version; several processes may do so at once."""
    command.upgrade(migrations_config(url), "head")
