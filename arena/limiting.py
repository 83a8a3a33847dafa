"""How often one visitor may ask: moving windows in Redis, shared by all web processes.

Where Redis does not answer, nobody is turned away for it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address, ip_address

import structlog
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis import Redis
from redis.exceptions import RedisError

from arena.errors import RateLimited
from arena.settings import Settings

log = structlog.get_logger(__name__)


class Limits:
    """The three limits of the settings, and the counters they are checked against."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        storage = RedisStorage("redis://", connection_pool=redis.connection_pool, key_prefix="arena:limit")
        self._windows = MovingWindowRateLimiter(storage)
        self.login = parse(settings.rate_login)
        self.login_of_name = type(self.login)(3 * self.login.amount, self.login.multiples, self.login.namespace)
        self.read = parse(settings.rate_read)
        self.write = parse(settings.rate_write)

    def check(self, limit: RateLimitItem, kind: str, who: str) -> None:
        """Count one request of `who`.

        Raises:
            RateLimited: The window is full; the facts say when it opens.
        """
        self._refuse_unless(self._windows.hit, limit, kind, who)

    def check_room(self, limit: RateLimitItem, kind: str, who: str) -> None:
        """Count nothing, and refuse where the window is full: for what is counted only when it fails.

        Raises:
            RateLimited: As for `check`.
        """
        self._refuse_unless(self._windows.test, limit, kind, who)

    def count(self, limit: RateLimitItem, kind: str, who: str) -> None:
        """Count one request of `who`, and refuse nothing."""
        with suppress(RedisError):
            self._windows.hit(limit, kind, who)

    def _refuse_unless(self, is_free: Callable[..., bool], limit: RateLimitItem, kind: str, who: str) -> None:
        try:
            if is_free(limit, kind, who):
                return
            opens_at = self._windows.get_window_stats(limit, kind, who).reset_time
        except RedisError as error:
            log.warning("limits_unavailable", error=type(error).__name__)
            return
        raise RateLimited(seconds=max(1, math.ceil(opens_at - time.time())))


def network_of(address: str) -> str:
    """What counts as one visitor: an IPv4 address, or the /64 network that one IPv6 customer is given."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address or "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
