"""Embedded PostgreSQL and Redis: refusals, long paths, second starters, sudden deaths, and nothing left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis

from arena.embedded import Server, ServerFailed, find_postgres, find_redis, start_postgres, start_redis

STARTERS = {"postgres": start_postgres, "redis": start_redis}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="arena-embedded-") as name:
        yield Path(name)


@pytest.fixture
def started(folder: Path) -> Iterator[Callable[[str], Server]]:
    """Starts servers by name in `folder`, and stops them all at the end."""
    servers = []

    def start(name: str, within: str = "") -> Server:
        servers.append(STARTERS[name](folder / within / name, durable=False))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def answers(server: Server) -> bool:
    if server.url.startswith("postgresql"):
        with psycopg.connect(server.url) as connection:
            return connection.execute("SELECT current_database()").fetchone() == ("arena",)
    with closing(Redis.from_url(server.url)) as client:
        return bool(client.ping())


@pytest.mark.parametrize("name", STARTERS)
def test_a_folder_that_is_a_file_is_refused(name: str, folder: Path):
    (folder / name).write_text("mine")
    with pytest.raises(FileExistsError):
        STARTERS[name](folder / name)
    assert (folder / name).read_text() == "mine"


def test_data_of_another_postgresql_is_refused_and_kept(folder: Path):
    (folder / "data").mkdir()
    (folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServerFailed, match="made by PostgreSQL 9"):
        start_postgres(folder)
    assert (folder / "data" / "PG_VERSION").exists()


def test_a_server_that_ends_at_once_is_told_with_its_log(folder: Path):
    (folder / "appendonly.aof").write_text("no such format")
    with pytest.raises(ServerFailed, match="did not start"):
        start_redis(folder)


def test_both_are_found():
    assert find_postgres() is not None
    assert find_redis() is not None


@pytest.mark.parametrize("name", STARTERS)
def test_start_use_stop(name: str, started: Callable[[str], Server]):
    server = started(name)
    assert answers(server)
    assert not server.is_borrowed
    server.stop()
    assert not psutil.pid_exists(server.pid)
    server.stop()  # a second time does nothing


@pytest.mark.parametrize("name", STARTERS)
def test_a_second_start_borrows_and_its_stop_stops_nothing(name: str, started: Callable[[str], Server]):
    first, second = started(name), started(name)
    assert second.is_borrowed
    assert (second.pid, second.url) == (first.pid, first.url)
    second.stop()
    assert answers(first)


@pytest.mark.parametrize("name", STARTERS)
def test_a_folder_too_deep_for_a_socket_works(name: str, started: Callable[..., Server]):
    server = started(name, "deep and wide/" + "x" * 120)
    assert answers(server)
    assert server.socket_dir is not None
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    server.stop()
    assert not server.socket_dir.exists()


def test_after_a_kill_postgresql_starts_again_and_has_lost_nothing(folder: Path):
    server = start_postgres(folder)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'yes' AS value")
        os.kill(server.pid, signal.SIGKILL)
    assert server.process is not None
    server.process.wait(30)  # a busy machine lets what is killed live on for a moment
    again = start_postgres(folder)
    try:
        assert again.pid != server.pid
        with psycopg.connect(again.url) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == ("yes",)
    finally:
        again.stop()
        server.stop()


def test_after_a_kill_redis_starts_again_and_has_lost_a_second_at_most(folder: Path):
    server = start_redis(folder)
    with closing(Redis.from_url(server.url)) as client:
        client.set("kept", "yes")
        time.sleep(1.2)
    os.kill(server.pid, signal.SIGKILL)
    assert server.process is not None
    server.process.wait()
    again = start_redis(folder)
    try:
        with closing(Redis.from_url(again.url)) as client:
            assert client.get("kept") == b"yes"
    finally:
        again.stop()


def test_a_stale_pid_file_that_names_another_program_does_not_matter(started: Callable[[str], Server], folder: Path):
    started("postgres").stop()
    lines = [str(os.getpid()), str(folder), "1", "5432", str(folder), "", "1 1", "ready"]
    (folder / "postgres" / "data" / "postmaster.pid").write_text("\n".join(lines))
    assert answers(started("postgres"))


def test_half_made_data_is_made_anew(folder: Path, started: Callable[[str], Server]):
    half = folder / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    assert answers(started("postgres"))
    assert not half.exists()


def test_the_database_asks_for_its_password(started: Callable[[str], Server]):
    url = started("postgres").url
    user, _, rest = url.removeprefix("postgresql://").partition("@")
    name, _, password = user.partition(":")
    assert len(password) >= 24
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://{name}:wrong@{rest}")


def test_a_lost_password_is_told_and_the_server_does_not_stay(started: Callable[[str], Server], folder: Path):
    started("postgres").stop()
    (folder / "postgres" / "password").write_text("another")
    with pytest.raises(ServerFailed, match="refuses the password"):
        start_postgres(folder / "postgres")
    assert not (folder / "postgres" / "data" / "postmaster.pid").exists()


def test_only_the_owner_can_open_the_sockets(started: Callable[[str], Server], folder: Path):
    started("postgres")
    started("redis")
    for path in (folder / "postgres" / "data" / ".s.PGSQL.5432", folder / "redis" / "redis.sock"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "postgres" / "password").stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no parent-death signal")
def test_nobody_else_reads_what_has_passed_through_redis(started: Callable[[str], Server], folder: Path):
    (folder / "redis").mkdir(mode=0o755)
    started("redis")
    assert stat.S_IMODE((folder / "redis").stat().st_mode) == 0o700


def test_servers_end_with_a_killed_starter(folder: Path):
    program = (
        "import sys, time; from pathlib import Path; from arena.embedded import start_postgres, start_redis;"
        "folder = Path(sys.argv[1]); a = start_postgres(folder / 'p', durable=False); b = start_redis(folder / 'r');"
        "print(a.pid, b.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pids = [int(word) for word in starter.stdout.readline().split()]
        assert all(psutil.pid_exists(pid) for pid in pids)
        starter.kill()
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)
