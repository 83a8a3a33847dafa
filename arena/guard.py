"""What holds for every answer: its headers, the size of a request's body, the request's number, log and count.

Plain ASGI around the whole app, so that error pages and refused requests have it too.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 1_000_000
"""Bytes that a request may carry unless its route allows more."""

POLICY = "; ".join(  # noqa: FLY002 - one directive on each line reads better
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
]
HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
FOR_EVER = b"public, max-age=31536000, immutable"
QUIET_PATHS = ("/static/", "/healthz", "/readyz", "/metrics")
REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
log = structlog.get_logger("arena.requests")

Count = Callable[[str, str, int, float], None]
"""Called after each request with method, route, status and seconds."""


class BodyMeter:
    """Counts what a request sends, and stops it at the limit, announced or not."""

    def __init__(self, receive: Receive, announced: int) -> None:
        self.limit = LARGEST_BODY
        self._receive = receive
        self._announced = announced
        self._seen = 0

    async def __call__(self) -> Message:
        """The next part of the body."""
        if self._announced > self.limit:
            raise HTTPException(413)
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self.limit:
                raise HTTPException(413)
        return message


def allow_body(request: Request, limit_bytes: int) -> None:
    """Let this request's body have up to `limit_bytes`; call it before reading."""
    meter = request.scope.get("arena.body")
    if isinstance(meter, BodyMeter):
        meter.limit = limit_bytes


@dataclass
class Answer:
    """What is known of an answer once it has begun."""

    status: int = 500
    has_begun: bool = False


class Guard:
    """Wraps the app."""

    def __init__(self, app: ASGIApp, *, count: Count, https_only: bool = False) -> None:
        self._app = app
        self._count = count
        self._headers = [*HEADERS, HTTPS_ONLY] if https_only else HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request by the wrapped app."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answer = time.perf_counter(), Answer()
        sent = dict(scope["headers"])
        request_id = _request_id(sent)
        scope.setdefault("state", {})["request_id"] = request_id
        scope["arena.body"] = meter = BodyMeter(receive, _whole_number(sent.get(b"content-length", b"0")))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.has_begun = message["status"], True
                message = {**message, "headers": self._complete(scope, message["headers"], request_id)}
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, meter, send_guarded)
        except Exception:
            if not scope.get("arena.told"):  # what the problem handlers told is logged already
                log.exception("request_broken", path=scope["path"], has_begun=answer.has_begun)
                raise
        finally:
            self._record(scope, answer.status, time.perf_counter() - started)

    def _complete(self, scope: Scope, headers: Any, request_id: str) -> list[tuple[bytes, bytes]]:
        """The answer's headers with ours; what a route has set itself stays."""
        complete = [(bytes(name), bytes(value)) for name, value in headers]
        present = {name for name, _ in complete}
        complete += [header for header in self._headers if header[0] not in present]
        is_static = scope["path"].startswith("/static/")
        if b"cache-control" not in present:
            is_known = getattr(scope["state"].get("identity"), "user", None) is not None
            lasting = FOR_EVER if is_static and b"v=" in scope["query_string"] else b"no-cache"
            complete.append((b"cache-control", b"private, no-cache" if is_known else lasting))
        if b"vary" not in present and not is_static:
            complete.append((b"vary", b"Cookie, Authorization, Accept-Language"))
        complete += [(b"set-cookie", cookie.encode()) for cookie in scope.get("arena.cookies", ())]
        complete.append((b"x-request-id", request_id.encode()))
        return complete

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        self._count(scope["method"], _route_of(scope), status, seconds)
        if path.startswith(QUIET_PATHS) and status < 500:  # noqa: PLR2004 - the server's own faults are never quiet
            return
        user = getattr(scope["state"].get("identity"), "user", None)
        log.info(
            "request",
            method=scope["method"],
            path=path,
            status=status,
            ms=round(seconds * 1000, 1),
            user=str(user.id) if user is not None else None,
        )


def _route_of(scope: Scope) -> str:
    """The pattern that a path fitted: few different ones, whatever visitors ask for."""
    path = scope["path"]
    pattern = str(getattr(scope.get("route"), "path", ""))
    if path.startswith("/static/"):
        return "/static"
    return f"/api/v1{pattern}" if pattern and path.startswith("/api/v1/") and pattern[:5] != "/api/" else pattern


def _request_id(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"").decode("latin-1")
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _whole_number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0
