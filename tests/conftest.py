"""Real servers for all tests: one PostgreSQL and one Redis per pytest process, a fresh database for each test.

They start when the first test asks, end with the run, and leave nothing behind.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
import structlog
from redis import Redis
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from arena.db import make_engine, make_sessions, migrate
from arena.embedded import start_postgres, start_redis
from arena.logs import hide_secrets
from arena.settings import Settings
from tests.installation import installation  # noqa: F401 - a fixture for system and browser tests
from tests.sandboxing import close_sandbox
from tests.serving import serve

if TYPE_CHECKING:
    from arena.app import Site

TEMPLATE = "arena_template"
_numbers = count(1)


def pytest_configure() -> None:
    """Forget the developer's own settings, and hand what is logged to pytest."""
    for name in [name for name in os.environ if name.startswith("ARENA_")]:
        del os.environ[name]
    structlog.configure(
        processors=[hide_secrets, structlog.processors.format_exc_info, structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def pytest_unconfigure() -> None:
    """End the sandbox that tests share."""
    close_sandbox()


def database_url(server_url: str, name: str) -> str:
    """The URL of another database on the same server."""
    before, _, options = server_url.partition("?")
    return f"{before.rpartition('/')[0]}/{name}?{options}"


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """Where the servers of this process keep their data."""
    with tempfile.TemporaryDirectory(prefix="arena-tests-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_server(servers_folder: Path) -> Iterator[str]:
    """URL of a PostgreSQL whose database `arena_template` is migrated."""
    server = start_postgres(servers_folder / "postgres", durable=False)
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(database_url(server.url, TEMPLATE))
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def redis_server(servers_folder: Path) -> Iterator[str]:
    """URL of a Redis."""
    server = start_redis(servers_folder / "redis", durable=False)
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of a migrated database that only this test knows."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield database_url(postgres_server, name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """URL of an empty Redis; emptied again afterwards, so that no job of this test reaches the next."""
    with Redis.from_url(redis_server) as client:
        client.flushall()
        yield redis_server
        client.flushall()


@pytest.fixture
def settings(postgres_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of a whole web process on the servers of this test."""
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    return Settings(
        database_url=postgres_url,
        redis_url=redis_url,
        storage_url=blobs.as_uri(),
        cache_seconds=0,
        rate_login="1000/minute",
        rate_read="100000/minute",
        rate_write="10000/minute",
    )


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """An engine on this test's database."""
    made = make_engine(postgres_url, pool_size=5)
    yield made
    made.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    """A session factory on this test's database, for what needs more than one session."""
    return make_sessions(engine)


@pytest.fixture
def db(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session on this test's database; commit what the code under test must see."""
    with sessions() as session:
        yield session


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of this test's Redis."""
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def app(settings: Settings) -> Iterator[Site]:
    """The whole application, not yet serving."""
    from arena.app import create_app  # noqa: PLC0415 - tests below the app must run while a feature is broken

    made = create_app(settings)
    yield made
    made.state.runtime.close()


@pytest.fixture
def site_url(app: Site) -> Iterator[str]:
    """Where the application serves, over real HTTP."""
    with serve(app) as url:
        yield url


@pytest.fixture
def client(site_url: str) -> Iterator[httpx.Client]:
    """A visitor that keeps cookies and follows no redirect."""
    with httpx.Client(base_url=site_url, timeout=30) as visitor:
        yield visitor
