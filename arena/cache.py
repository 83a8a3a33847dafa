"""Public pages from memory: a plain ASGI cache in front of the app, and ETags for everything that has none.

Only answers to visitors without session and token are kept, so nothing kept is personal. An answer is used for a
second; an event of its board or challenge ends it sooner. While one request renders it anew, the others get the old.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from dataclasses import dataclass
from functools import lru_cache

from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arena.events import Event
from arena.rendering import COOKIE_THEME, THEMES
from arena.translations import COOKIE_LANGUAGE, LANGUAGES, negotiate_language

Key = tuple[str, bytes, str, str]
Headers = list[tuple[bytes, bytes]]
SESSION_MARK = b"arena_session="
PUBLIC = re.compile(r"/(about)?|(/api/v1)?/challenges(/[a-z0-9_]+(/data|/files|/leaderboard)?)?")
"""What may be kept. Downloads, forms, events and everything personal are no part of it."""
LISTS = ("/", "/challenges", "/api/v1/challenges")
DOWNLOADS = re.compile(r"/file$|/files/")
LARGEST_BODY = 1_000_000
LARGEST_SUM = 32_000_000
LARGEST_COUNT = 2000
LARGEST_WISH = 1000
"""Bytes of cookies and languages; who sends more is answered anew each time, and fills no memory."""
SHORTEST_PAUSE_SECONDS, RENDER_SHARE = 0.2, 0.1
"""However many events arrive, a page is rendered at most five times a second, and for a tenth of the time."""


NOTHING: Message = {"type": "http.response.body", "body": b""}


@dataclass(slots=True)
class Entry:
    """An answer that is kept, as the messages that send it."""

    start: Message
    body: Message
    unchanged: Message
    etag: bytes
    made_at: float
    seconds: float
    """What it took to render."""
    is_stale: bool = False


class Cache:
    """Wraps the guarded app.

    Args:
        app: What answers when nothing is kept.
        seconds: How long an answer is used without asking; 0: nothing is kept, ETags are made all the same.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app = app
        self._seconds = seconds
        self._entries: dict[Key, Entry] = {}
        self._flights: dict[Key, asyncio.Event] = {}
        self._sum = 0
        self._changes = 0
        self.hits = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, from memory where that is possible."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        key, condition = _read_headers(scope)
        if key is not None:
            entry = self._entries.get(key)
            if entry is not None and self._is_usable(entry, key):
                await self._serve(entry, scope, send, condition)
                return
            if self._seconds and PUBLIC.fullmatch(key[0]):
                await self._renew(scope, receive, send, key, condition)
                return
        await self._app(_as_get(scope), receive, Recorder(scope, send, condition))

    def hear(self, event: Event) -> None:
        """Mark what an event makes old; called by the hub."""
        kind, _, name = str(event.get("topic", "")).partition(":")
        if kind not in ("*", "board", "challenge"):
            return
        self._changes += 1
        slug = name if kind == "challenge" else event.get("slug")
        for (path, *_), entry in self._entries.items():
            if slug is None or path in LISTS or slug in path.split("/"):
                entry.is_stale = True

    def _is_usable(self, entry: Entry, key: Key) -> bool:
        age = time.monotonic() - entry.made_at
        if age < (self._pause_of(entry) if entry.is_stale else self._seconds):
            return True
        return age < 2 * self._seconds and key in self._flights

    def _pause_of(self, entry: Entry) -> float:
        """How long an answer is used although something has happened."""
        return min(self._seconds, max(SHORTEST_PAUSE_SECONDS, entry.seconds / RENDER_SHARE))

    async def _serve(self, entry: Entry, scope: Scope, send: Send, condition: bytes) -> None:
        self.hits += 1
        if condition and entry.etag in condition:
            await send(entry.unchanged)
            await send(NOTHING)
        else:
            await send(entry.start)
            await send(entry.body if scope["method"] == "GET" else NOTHING)

    async def _renew(self, scope: Scope, receive: Receive, send: Send, key: Key, condition: bytes) -> None:
        """Render once for all who ask at the same time; what came of it may be kept."""
        flight = self._flights.get(key)
        if flight is not None:
            await flight.wait()
            entry = self._entries.get(key)
            if entry is not None:
                await self._serve(entry, scope, send, condition)
                return
            await self._app(_as_get(scope), receive, Recorder(scope, send, condition))
            return
        flight = self._flights[key] = asyncio.Event()
        changes, recorder = self._changes, Recorder(scope, send, condition)
        try:
            await self._app(_as_get(scope), receive, recorder)
            self._forget(key)
            if recorder.kept is not None:
                recorder.kept.is_stale = changes != self._changes
                self._keep(key, recorder.kept)
        finally:
            del self._flights[key]
            flight.set()

    def _keep(self, key: Key, entry: Entry) -> None:
        self._entries[key] = entry
        self._sum += len(entry.body["body"])
        while self._sum > LARGEST_SUM or len(self._entries) > LARGEST_COUNT:
            self._forget(next(iter(self._entries)))

    def _forget(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._sum -= len(entry.body["body"])


class Recorder:
    """Passes an answer on; a short one it completes with an ETag first, or turns into a 304."""

    def __init__(self, scope: Scope, send: Send, condition: bytes) -> None:
        self._is_head = scope["method"] == "HEAD"
        self._send = send
        self._condition = condition
        self._began = time.monotonic()
        self._start: Message | None = None
        self._chunks: list[bytes] = []
        self.kept: Entry | None = None
        """The answer, where it may be kept for others."""

    async def __call__(self, message: Message) -> None:
        """Take one message of the answer."""
        if message["type"] == "http.response.start" and _is_short(message):
            self._start = message
        elif self._start is None:
            await self._send(NOTHING if self._is_head and message["type"] == "http.response.body" else message)
        else:
            self._chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(self._start, b"".join(self._chunks))

    async def _finish(self, start: Message, body: bytes) -> None:
        headers: Headers = list(start["headers"])
        etag = next((value for name, value in headers if name == b"etag"), b"")
        if not etag:
            etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
            headers.append((b"etag", etag))
        about = [(name, value) for name, value in headers if not name.startswith(b"content-")]
        whole: Message = {**start, "headers": headers}
        unchanged: Message = {**start, "status": 304, "headers": about}
        if self._condition and etag in self._condition:
            await self._send(unchanged)
            await self._send(NOTHING)
        else:
            await self._send(whole)
            await self._send(NOTHING if self._is_head else {"type": "http.response.body", "body": body})
        if _is_for_all(headers):
            now = time.monotonic()
            for message in (whole, unchanged):
                message["headers"] = [header for header in message["headers"] if header[0] != b"x-request-id"]
            self.kept = Entry(
                whole, {"type": "http.response.body", "body": body}, unchanged, etag, now, now - self._began
            )


def _is_short(start: Message) -> bool:
    """Whether an answer is complete in one short body, so that its ETag can be made before it is sent."""
    if start["status"] != 200:  # noqa: PLR2004
        return False
    length = next((value for name, value in start["headers"] if name == b"content-length"), b"")
    return length.isdigit() and int(length) <= LARGEST_BODY


def _is_for_all(headers: Headers) -> bool:
    """Whether nothing in the headers says that the answer is for one visitor."""
    return not any(
        name == b"set-cookie" or (name == b"cache-control" and (b"private" in value or b"no-store" in value))
        for name, value in headers
    )


def _as_get(scope: Scope) -> Scope:
    """A HEAD request as the GET that it asks about; downloads answer HEAD themselves."""
    if scope["method"] == "HEAD" and not DOWNLOADS.search(scope["path"]):
        return {**scope, "method": "GET"}
    return scope


def _read_headers(scope: Scope) -> tuple[Key | None, bytes]:
    """The key of an anonymous request (None: not anonymous), and its If-None-Match."""
    cookie = condition = b""
    accepted: bytes | None = None
    is_anonymous = True
    for name, value in scope["headers"]:
        if name == b"cookie":
            cookie = value if not cookie else cookie + b"; " + value
        elif name == b"authorization":
            is_anonymous = False
        elif name == b"accept-language":
            accepted = value if accepted is None else accepted  # the first, as those who render read it
        elif name == b"if-none-match":
            condition = value
    accepted = accepted or b""
    if not is_anonymous or SESSION_MARK in cookie or len(cookie) + len(accepted) > LARGEST_WISH:
        return None, condition
    return (scope["path"], scope["query_string"], *_wishes(cookie, accepted)), condition


@lru_cache(maxsize=4096)
def _wishes(cookie: bytes, accepted: bytes) -> tuple[str, str]:
    """Language and theme that a page is rendered in; read by the same parser, or one could be kept for the other."""
    cookies = cookie_parser(cookie.decode("latin-1"))
    language, theme = cookies.get(COOKIE_LANGUAGE, ""), cookies.get(COOKIE_THEME, "")
    if language not in LANGUAGES:
        language = negotiate_language(accepted.decode("latin-1"))
    return language, theme if theme in THEMES else ""
