"""The web application: every feature's routes, and around them the guard and the cache.

uvicorn ─▶ Cache (public pages from memory, ETags) ─▶ Guard (headers, size, log) ─▶ FastAPI ─▶ routes
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from arena import __version__, probes, reference, vega
from arena.accounts import api as accounts_api
from arena.accounts import pages as accounts_pages
from arena.accounts import settings_pages
from arena.accounts.tokens import make_identify
from arena.cache import Cache
from arena.catalogue import api as catalogue_api
from arena.catalogue import pages as catalogue_pages
from arena.deps import limit_api
from arena.events import Hub
from arena.guard import Guard
from arena.home import pages as home_pages
from arena.leaderboard import api as leaderboard_api
from arena.leaderboard import pages as leaderboard_pages
from arena.limiting import Limits
from arena.lingering import Lingering
from arena.logs import set_up_logs
from arena.operations import api as operations_api
from arena.operations import pages as operations_pages
from arena.probes import Meters
from arena.problems import add_problem_handlers
from arena.runtime import open_runtime
from arena.settings import STATIC_DIR, Settings, get_settings
from arena.storage import Storage
from arena.submissions import api as submissions_api
from arena.submissions import pages as submissions_pages
from arena.submissions.tidying import tidy

API = "/api/v1"
CLOSERS = 8
"""How many threads give connections back."""
APIS = (accounts_api, catalogue_api, leaderboard_api, submissions_api, operations_api)
PAGES = (
    home_pages,
    accounts_pages,
    settings_pages,
    catalogue_pages,
    leaderboard_pages,
    submissions_pages,
    operations_pages,
)


class Site(FastAPI):
    """FastAPI behind the guard and the cache."""

    front: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, from memory where that is possible."""
        if self.front is None or scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await self.front(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request by its route."""
        await super().__call__(scope, receive, send)


def create_app(settings: Settings | None = None) -> Site:
    """The application; nothing is connected before its first request or its start."""
    if settings is None:
        settings = get_settings()
        set_up_logs(settings.log_format)
    app = Site(
        title="Arena",
        version=__version__,
        summary="Submit predictions, have them graded, see the leaderboard.",
        description=reference.DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=run,
    )
    open_state(app, settings)
    add_routes(app)
    add_problem_handlers(app)
    return app


def open_state(app: Site, settings: Settings) -> None:
    """Make what routes work with, and stand the guard and the cache in front."""
    runtime, state = open_runtime(settings), app.state
    state.settings, state.runtime = settings, runtime
    state.engine, state.sessions = runtime.engine, runtime.sessions
    state.redis, state.queues = runtime.redis, runtime.queues
    state.storage = Storage(settings.storage_url)
    state.hub = Hub(settings.database_url)
    state.limits = Limits(settings, runtime.redis)
    state.closers = CapacityLimiter(CLOSERS)
    state.identify = make_identify(settings.session_days)
    state.meters = Meters()
    guard = Guard(app.answer, count=state.meters.count, https_only=settings.secure_cookies)
    app.front = cache = Cache(Lingering(guard), seconds=settings.cache_seconds)
    state.hub.add_listener(cache.hear)
    state.meters.add_cache(cache)
    state.meters.add_queues(runtime.queues)


def add_routes(app: Site) -> None:
    """Every feature's API below `/api/v1`, every feature's pages, and the probes."""
    api = APIRouter(prefix=API, dependencies=[Depends(limit_api)])
    for feature in APIS:
        api.include_router(feature.router)
    app.include_router(api)
    app.include_router(reference.router)
    app.include_router(probes.router)
    app.include_router(vega.router)
    for feature in PAGES:
        app.include_router(feature.router)
    app.mount("/static", StaticFiles(directory=STATIC_DIR), name="static")


@asynccontextmanager
async def run(app: FastAPI) -> AsyncIterator[None]:
    """Tidy up, listen for changes while the process lives, and give every connection back at its end."""
    tidying = asyncio.create_task(run_in_threadpool(tidy, app.state.runtime))
    app.state.closers = CapacityLimiter(CLOSERS)
    await app.state.hub.start()
    try:
        yield
    finally:
        await app.state.hub.stop()
        await tidying
        app.state.runtime.close()
