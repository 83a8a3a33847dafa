"""Events over a real PostgreSQL: heard after the commit, in order, and never silently lost."""

from __future__ import annotations

import asyncio
import gc

import psycopg
import pytest
from sqlalchemy.orm import Session

from arena.db import CHANNEL
from arena.events import WAITING_EVENTS, Event, Hub, publish


def test_what_is_rolled_back_is_never_heard(db: Session, postgres_url: str):
    async def listen() -> list[Event | None]:
        hub = Hub(postgres_url)
        await hub.start()
        waiting = hub.subscribe(["board:1"])
        publish(db, "board:1", number=1)
        db.rollback()
        publish(db, "board:1", number=2)
        before = await waiting.next(0.1)
        db.commit()
        heard = [before, await waiting.next(5)]
        await hub.stop()
        return heard

    assert asyncio.run(listen()) == [None, {"topic": "board:1", "number": 2}]


def test_only_own_topics_are_heard_and_the_end_is_told(db: Session, postgres_url: str):
    async def listen() -> list[str]:
        hub = Hub(postgres_url)
        await hub.start()
        heard = []
        async with hub.subscribe(["board:1", "submission:2"]) as waiting:
            for topic in ("board:2", "submission:2", "board:1"):
                publish(db, topic)
            db.commit()
            asyncio.get_running_loop().call_later(0.3, lambda: asyncio.ensure_future(hub.stop()))
            async for event in waiting:
                heard.append(event["topic"])  # noqa: PERF401 - nothing ends before the hub stops
        return heard

    assert asyncio.run(listen()) == ["submission:2", "board:1"]


def test_after_a_lost_connection_everyone_is_told_to_read_again(postgres_url: str, db: Session):
    async def listen() -> tuple[Event | None, Event | None]:
        hub = Hub(postgres_url)
        await hub.start()
        waiting = hub.subscribe(["board:1"])
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            )
        lost = await waiting.next(10)
        publish(db, "board:1")
        db.commit()
        heard = await waiting.next(10)
        await hub.stop()
        return lost, heard

    assert asyncio.run(listen()) == ({"topic": "board:1", "lost": True}, {"topic": "board:1"})


def test_without_a_database_the_start_does_not_hang():
    async def start() -> bool:
        hub = Hub("postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1")
        await hub.start(wait_seconds=0.2)
        is_listening = hub.is_listening
        await hub.stop()
        return is_listening

    assert asyncio.run(start()) is False


@pytest.mark.parametrize("payload", ["not json", "[1]", "null", "{}"])
def test_what_is_no_event_does_no_harm(postgres_url: str, db: Session, payload: str):
    async def listen() -> Event | None:
        hub = Hub(postgres_url)
        await hub.start()
        waiting = hub.subscribe(["board:1"])
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, payload))
        publish(db, "board:1")
        db.commit()
        heard = await waiting.next(5)
        await hub.stop()
        return heard

    assert asyncio.run(listen()) == {"topic": "board:1"}


def test_a_slow_waiter_loses_the_oldest_and_a_gone_one_is_forgotten():
    async def wait() -> tuple[Event | None, int]:
        hub = Hub("postgresql://unused")
        slow = hub.subscribe(["board:1"])
        for number in range(WAITING_EVENTS + 5):
            hub._tell({"topic": "board:1", "number": number})
        first = await slow.next()
        del slow
        gc.collect()
        return first, len(hub._waiters)

    assert asyncio.run(wait()) == ({"topic": "board:1", "number": 5}, 0)
