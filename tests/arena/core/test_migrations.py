"""Migrations: forth and back, equal to the models, and safe when two processes start at once."""

from __future__ import annotations

from multiprocessing import get_context

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

import arena.accounts.models
import arena.catalogue.models
import arena.leaderboard.models
import arena.submissions.models
import arena.teams.models  # noqa: F401 - each import adds its tables
from arena.db import Model, make_engine, migrate, migrations_config
from tests.conftest import database_url


@pytest.fixture
def empty_url(postgres_server: str):
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty_one")
        yield database_url(postgres_server, "empty_one")
        connection.execute("DROP DATABASE empty_one WITH (FORCE)")


def tables_in(url: str) -> set[str]:
    engine = make_engine(url)
    try:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}
    finally:
        engine.dispose()


def test_the_models_are_what_the_migrations_make(engine: Engine):
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Model.metadata) == []


def test_down_leaves_nothing_and_up_again_makes_everything(postgres_url: str):
    expected = set(Model.metadata.tables)
    assert tables_in(postgres_url) == expected
    command.downgrade(migrations_config(postgres_url), "base")
    assert tables_in(postgres_url) == set()
    migrate(postgres_url)
    assert tables_in(postgres_url) == expected


def test_the_circle_of_challenge_and_dataset_is_closed(engine: Engine):
    keys = {key["name"] for key in inspect(engine).get_foreign_keys("challenge")}
    assert "fk_challenge_dataset_id_dataset" in keys


def test_two_processes_that_migrate_at_once_both_succeed(empty_url: str):
    processes = [get_context("spawn").Process(target=migrate, args=(empty_url,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert tables_in(empty_url) == set(Model.metadata.tables)


def test_migrating_again_changes_nothing(postgres_url: str):
    migrate(postgres_url)
    assert tables_in(postgres_url) == set(Model.metadata.tables)
