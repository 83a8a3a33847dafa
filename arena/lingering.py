"""Refusals that reach whoever is still sending: the answer goes out first, the rest of the body is let in for a while.

A server that answers and closes while bytes arrive resets the connection, and the sender never reads why. One that
keeps the connection open must take in all that was announced, be it ten gigabytes. So: answer, listen briefly, close.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALL_BYTES = 1 << 20
"""A rest that is announced to be no larger is taken in by the server itself, and the connection lives on."""
MOST_BYTES = 256 << 20
LONGEST_SECONDS = 5.0


class Lingering:
    """Wraps an app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not _may_be_large(scope):
            await self._app(scope, receive, send)
            return
        has_body, lingers = True, False

        async def hear() -> Message:
            nonlocal has_body
            message = await receive()
            has_body = message["type"] == "http.request" and bool(message.get("more_body"))
            return message

        async def answer(message: Message) -> None:
            nonlocal lingers
            if message["type"] == "http.response.start" and has_body and message["status"] >= HTTPStatus.BAD_REQUEST:
                lingers = True
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            if not (lingers and is_last):
                await send(message)
                return
            await send({**message, "more_body": True})
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_SECONDS):
                    await _drain(receive)
            await send({"type": "http.response.body", "body": b""})

        await self._app(scope, hear, answer)


def _may_be_large(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    announced = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not announced.isdigit() or int(announced) > SMALL_BYTES


async def _drain(receive: Receive) -> None:
    """Take in the rest of a body and forget it."""
    seen = 0
    while seen < MOST_BYTES:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            return
