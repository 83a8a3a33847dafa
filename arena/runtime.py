"""What a process of the web side works with: settings, database, Redis, queues and blobs, opened once and closed once.

Routes get theirs from the app. Functions that the queue calls by name have no caller to hand them anything: they take
`current()`.
"""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, sessionmaker

from arena.db import make_engine, make_sessions
from arena.queues import Queues, connect
from arena.settings import Settings
from arena.storage import Storage


@dataclass(frozen=True)
class Runtime:
    """The open connections of one process."""

    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    redis: Redis
    queues: Queues

    @property
    def storage(self) -> Storage:
        """Names blobs, and opens nothing until one is read or written."""
        return Storage(self.settings.storage_url)

    def close(self) -> None:
        """Give every connection back."""
        self.redis.close()
        self.engine.dispose()


class NoRuntime(RuntimeError):
    """A queue's function ran in a process that has opened nothing."""


_current: list[Runtime] = []


def open_runtime(settings: Settings) -> Runtime:
    """Make the runtime of `settings`; nothing is connected until it is used."""
    engine = make_engine(settings.database_url)
    redis = connect(settings.redis_url)
    return Runtime(settings, engine, make_sessions(engine), redis, Queues(redis, falls_back=settings.gpu_fallback))


def make_current(runtime: Runtime) -> None:
    """From now on `current()` answers this one."""
    _current[:] = [runtime]


def current() -> Runtime:
    """The runtime of this process.

    Raises:
        NoRuntime: None was made current.
    """
    if not _current:
        raise NoRuntime("call arena.runtime.make_current first")
    return _current[0]
