"""What operators and their machines ask: is the process alive, is it ready, what does it count."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy import text
from starlette.concurrency import run_in_threadpool

from arena.cache import Cache
from arena.deps import Visitor, check_scope, get_queues
from arena.errors import AdminOnly
from arena.queues import Queues

log = structlog.get_logger(__name__)
router = APIRouter(include_in_schema=False)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Meters:
    """What one web process counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ["method", "route", "status"]
        self._requests = Counter("arena_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "arena_request_seconds", "Seconds to answer.", ["route"], buckets=SECONDS, registry=self.registry
        )

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def add_cache(self, cache: Cache) -> None:
        """Count the cache's hits too."""
        self.registry.register(_Gauged(lambda: [CounterMetricFamily("arena_cache_hits", "From memory.", cache.hits)]))

    def add_queues(self, queues: Queues) -> None:
        """Measure the queues whenever someone asks."""
        self.registry.register(_Gauged(lambda: _measure(queues)))


class _Gauged(Collector):
    def __init__(self, measure: Any) -> None:
        self._measure = measure

    def describe(self) -> Iterator[Metric]:
        """Nothing is known before it is measured."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Measure now; a part that does not answer is left out."""
        try:
            yield from self._measure()
        except RedisError:
            return


def _measure(queues: Queues) -> list[Metric]:
    waiting = GaugeMetricFamily("arena_queue_jobs", "Jobs that wait.", labels=["queue"])
    for name, length in queues.lengths().items():
        waiting.add_metric([name], length)
    alive = queues.graders()
    graders = GaugeMetricFamily("arena_graders", "Graders that are alive.", labels=["state"])
    for state in ("idle", "busy"):
        graders.add_metric([state], sum(grader.state == state for grader in alive))
    levels = GaugeMetricFamily("arena_sandbox_graders", "Graders by the level of their sandbox.", labels=["level"])
    for level, count in Counts(grader.sandbox.level or "unknown" for grader in alive).items():
        levels.add_metric([level], count)
    return [waiting, graders, levels]


@router.get("/healthz")
async def show_health() -> PlainTextResponse:
    """The process is alive."""
    return PlainTextResponse("alive\n")


@router.get("/readyz")
async def show_readiness(request: Request) -> JSONResponse:
    """Every part that requests need answers; 503 where one does not."""
    parts = await run_in_threadpool(check_parts, request)
    return JSONResponse({"ready": all(parts.values()), "parts": parts}, 200 if all(parts.values()) else 503)


def check_parts(request: Request) -> dict[str, bool]:
    """Which of PostgreSQL, Redis and storage answer."""
    state = request.app.state
    return {
        "postgresql": _works(lambda: _ask_database(state.sessions)),
        "redis": _works(state.redis.ping),
        "storage": _works(state.storage.check),
    }


def _ask_database(sessions: Any) -> None:
    with sessions() as session:
        session.execute(text("SELECT version_num FROM alembic_version"))


def _works(ask: Any) -> bool:
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - whatever is raised, the part is not ready
        log.warning("not_ready", error=type(error).__name__)
        return False
    return True


@router.get("/metrics")
def show_metrics(request: Request, visitor: Visitor, _queues: Annotated[Queues, Depends(get_queues)]) -> Response:
    """What is counted, for Prometheus: to the machine itself, or with an administrator's token."""
    if not is_local(request):
        check_scope(visitor, "admin")
        if not visitor.is_admin:
            raise AdminOnly
    return Response(generate_latest(request.app.state.meters.registry), media_type="text/plain; version=0.0.4")


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine, not through a proxy, and names this machine."""
    if any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip", "via")):
        return False
    return _is_loopback(request.client.host if request.client else "") and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
