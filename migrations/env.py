"""How Alembic runs here: on one connection, in one transaction, one process at a time behind a lock."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

import arena.accounts.models
import arena.catalogue.models
import arena.leaderboard.models
import arena.submissions.models
import arena.teams.models  # noqa: F401 - each import adds its tables to the metadata
from arena.db import Model, make_engine

LOCK = 4_173_295_716_028_846_337
"""Key of the advisory lock; any number that nothing else in the database uses."""


def run() -> None:
    """Upgrade or downgrade while holding the lock: a second process waits here, then finds nothing to do."""
    engine = make_engine(context.config.attributes["url"], pool_size=1)
    try:
        with engine.connect() as connection:
            context.configure(connection=connection, target_metadata=Model.metadata, compare_server_default=True)
            with context.begin_transaction():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
                context.run_migrations()
    finally:
        engine.dispose()


run()
