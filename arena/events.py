"""What changed, told to every web process by PostgreSQL, and from there to whoever waits for it.

A service calls `publish` inside its transaction; the message leaves with the commit, or not at all. Messages name what
changed, never how: who hears one reads the rows again.
"""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import psycopg
import structlog
from psycopg import sql
from sqlalchemy.orm import Session

from arena.db import CHANNEL, notify

Event = dict[str, Any]
"""`{"topic": …}` and ids. After a lost connection every waiter gets `{"topic": …, "lost": true}`: read again."""

WAITING_EVENTS = 100
LONGEST_PAUSE_SECONDS = 5.0
log = structlog.get_logger(__name__)


def publish(session: Session, topic: str, **data: str | float) -> None:
    """Tell everyone who waits for `topic`, once the session's transaction commits."""
    notify(session, json.dumps({"topic": topic, **data}, ensure_ascii=False))


class Subscription:
    """The events of some topics from the moment it is made; iterate over it, or ask for the next.

    Make it before reading the rows: then no change falls between. It ends when it is dropped or closed.
    """

    def __init__(self, topics: frozenset[str], closed: Callable[[Subscription], None]) -> None:
        self.topics = topics
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(WAITING_EVENTS)
        self._closed = closed

    def put(self, event: Event | None) -> None:
        """Hand over an event (None: the end); where too many wait, the oldest goes."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(event)

    async def next(self, timeout_seconds: float | None = None) -> Event | None:
        """The next event; None at the end, or when none came in time."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(self._queue.get(), timeout_seconds)
        return None

    def close(self) -> None:
        """Stop listening."""
        self._closed(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self._queue.get()
        if event is None:
            raise StopAsyncIteration
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Hub:
    """One connection that listens for this process, and the waiters it serves."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiters: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._listeners: list[Callable[[Event], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._is_listening = asyncio.Event()

    @property
    def is_listening(self) -> bool:
        """The connection is up: nothing that is published now goes unheard."""
        return self._is_listening.is_set()

    def subscribe(self, topics: Iterable[str]) -> Subscription:
        """Listen for these topics from now on."""
        subscription = Subscription(frozenset(topics), self._waiters.discard)
        self._waiters.add(subscription)
        return subscription

    def add_listener(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event, in the event loop; it must be quick."""
        self._listeners.append(listener)

    async def start(self, wait_seconds: float = 5.0) -> None:
        """Begin to listen; return when the connection is up, or after `wait_seconds` without it."""
        self._task = asyncio.create_task(self._listen_for_ever(), name="hub")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_listening.wait(), wait_seconds)

    async def stop(self) -> None:
        """Stop listening, and tell every waiter that nothing more will come."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for waiter in list(self._waiters):
            waiter.put(None)

    async def _listen_for_ever(self) -> None:
        pause = 0.1
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("hub_lost", error=type(error).__name__, pause_seconds=pause)
            if self._is_listening.is_set():
                self._is_listening.clear()
                pause = 0.1
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            self._is_listening.set()
            self._tell_lost()
            async for notification in connection.notifies():
                self._tell(_parse(notification.payload))

    def _tell(self, event: Event) -> None:
        topic = event.get("topic")
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("listener_failed", topic=topic)
        for waiter in list(self._waiters):
            if topic in waiter.topics:
                waiter.put(event)

    def _tell_lost(self) -> None:
        """What was published while the connection was down is unknown: everyone reads again."""
        for listener in self._listeners:
            listener({"topic": "*", "lost": True})
        for waiter in list(self._waiters):
            for topic in waiter.topics:
                waiter.put({"topic": topic, "lost": True})


def _parse(payload: str) -> Event:
    """The event that was published; an empty one where the payload is none."""
    try:
        event = json.loads(payload)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
