"""The processes of the web side, one command each, as containers start them."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from arena.cli.client import Refused
from arena.cli.language import _
from arena.scribe import main as run_scribe
from arena.settings import Settings

GRACE_SECONDS = 2
"""How long open streams of events may hold up a stop."""


def web(
    host: Annotated[str, typer.Option(help=_("Address to listen on."))] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help=_("Port to listen on."))] = 8000,
    workers: Annotated[int, typer.Option(min=1, help=_("Processes that serve pages."))] = 1,
) -> None:
    """Serve pages and the REST API. Settings come from ARENA_* variables."""
    settings = Settings()
    _check(settings, "database_url", "redis_url", "storage_url")
    uvicorn.run(
        "arena.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def scribe() -> None:
    """Record verdicts, and send again what was lost. Settings come from ARENA_* variables."""
    _check(Settings(), "database_url", "redis_url")
    run_scribe()


def _check(settings: Settings, *names: str) -> None:
    missing = [f"ARENA_{name.upper()}" for name in names if not getattr(settings, name)]
    if missing:
        sentence = _("Set {variables}, or let `arena up` start everything.")
        raise Refused(sentence.format(variables=", ".join(missing)), "not_configured")
