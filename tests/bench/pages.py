"""Public pages beside a bare Starlette answer of the same size: how much the cache in front costs or saves.

Both run under uvicorn (uvloop, httptools) in processes of their own; requests alternate between them, so that whatever
else the machine does meets both. While the site is asked, another process makes its board old twenty times a second.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arena.app import create_app
from arena.db import make_engine, make_sessions, migrate
from arena.embedded import start_postgres, start_redis
from arena.events import publish
from arena.logs import set_up_logs
from arena.settings import Settings
from tests import factories

BOARD = "/challenges/flowers/leaderboard"
TARGET = 0.9
CONNECTIONS = 16
TEAMS = 60


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; a record for the page itself and one for a visitor that has it already."""
    seconds, rounds = (1.0, 3) if quick else (3.0, 5)
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder:
        postgres, redis = start_postgres(Path(folder) / "postgres"), start_redis(Path(folder) / "redis")
        try:
            settings = Settings(
                database_url=postgres.url, redis_url=redis.url, storage_url=(Path(folder) / "blobs").as_uri()
            )
            migrate(postgres.url)
            make_board(settings)
            return measure(settings, seconds, rounds)
        finally:
            redis.stop()
            postgres.stop()


def measure(settings: Settings, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """Requests per second of processor time, of both, in turn."""
    site_port, bare_port = free_port(), free_port()
    site = start(serve_site, settings, site_port)
    writer = start(make_old, settings)
    bare = None
    try:
        size, etag = asyncio.run(fetch(site_port))
        bare = start(serve_bare, size, bare_port)
        asyncio.run(fetch(bare_port))
        rows = []
        for name, headers in (("board page, anonymous", {}), ("the same, unchanged (304)", {"If-None-Match": etag})):
            pairs = [
                (rate(site, site_port, headers, seconds), rate(bare, bare_port, {}, seconds)) for _ in range(rounds)
            ]
            rows.append(record(name, pairs))
        return rows
    finally:
        for process in (writer, site, bare):
            if process is not None:
                process.terminate()
                process.join(10)


def record(name: str, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """One line of the benchmark's table, from the median of the rounds."""
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    return {
        "name": name,
        "unit": "requests per CPU second",
        "value": round(statistics.median(ours for ours, _ in pairs)),
        "reference": round(statistics.median(theirs for _, theirs in pairs)),
        "reference_name": "bare Starlette answer of the same size",
        "ratio": round(ratio, 3),
        "target": TARGET,
        "reached": ratio >= TARGET,
    }


def rate(process: multiprocessing.Process, port: int, headers: dict[str, str], seconds: float) -> float:
    """Answers per second of the server's processor time."""
    server = psutil.Process(process.pid)
    before = sum(server.cpu_times()[:2])
    answers = asyncio.run(ask_for(port, headers, seconds))
    return answers / (sum(server.cpu_times()[:2]) - before)


async def ask_for(port: int, headers: dict[str, str], seconds: float) -> int:
    """Ask over kept connections for some seconds; the number of answers."""
    until = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(ask(port, headers, until) for _ in range(CONNECTIONS))))


async def ask(port: int, headers: dict[str, str], until: float) -> int:
    """Ask over one connection, again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = {"Host": "127.0.0.1", "User-Agent": "bench", "Accept": "text/html", "Accept-Language": "en"} | headers
    request = f"GET {BOARD} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n"
    count = 0
    while time.perf_counter() < until:
        writer.write(request.encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith((b"http/1.1 200", b"http/1.1 304")), head
        if b"content-length:" in head:
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        count += 1
    writer.close()
    return count


async def fetch(port: int) -> tuple[int, str]:
    """Size and ETag of the page, as soon as the server answers."""
    for _ in range(300):
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {BOARD} HTTP/1.1\r\nHost: x\r\nAccept-Language: en\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            writer.close()
            assert head.startswith("http/1.1 200"), head
            fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
            return int(fields["content-length"]), fields.get("etag", "")
        await asyncio.sleep(0.1)
    raise TimeoutError(f"nothing answers on port {port}")


def serve_site(settings: Settings, port: int) -> None:
    """The whole site."""
    set_up_logs("json")
    logging.getLogger("arena").setLevel(logging.WARNING)
    uvicorn.run(create_app(settings), **options(port))


def serve_bare(size: int, port: int) -> None:
    """The least that Starlette can do."""

    async def answer(_request: Request) -> Response:
        return Response(b"x" * size, media_type="text/html")

    uvicorn.run(Starlette(routes=[Route(BOARD, answer)]), **options(port))


def options(port: int) -> dict[str, Any]:
    """Both servers alike."""
    return {"port": port, "loop": "uvloop", "http": "httptools", "access_log": False, "log_level": "error"}


def make_old(settings: Settings) -> None:
    """Tell twenty times a second that the board has changed, as the scribe does with each score."""
    sessions = make_sessions(make_engine(settings.database_url))
    while True:
        with sessions() as session:
            publish(session, "board:any")
            session.commit()
        time.sleep(0.05)


def make_board(settings: Settings) -> None:
    """A challenge with more teams than one page shows."""
    engine = make_engine(settings.database_url)
    with make_sessions(engine)() as db:
        challenge = factories.make_challenge(db)
        dataset = factories.make_dataset(db, challenge)
        for number in range(TEAMS):
            user = factories.make_user(db)
            team = factories.make_team(db, challenge, user)
            submission = factories.make_submission(db, team, user, dataset, public_score=number / TEAMS)
            factories.make_standing(db, submission, number / TEAMS)
    engine.dispose()


def start(target: Callable[..., None], *arguments: Any) -> multiprocessing.Process:
    """Run a function in a process of its own that ends with this one."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments, daemon=True)
    process.start()
    return process  # type: ignore[return-value]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
