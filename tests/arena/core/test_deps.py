"""What routes ask for, under load: nobody who waits holds what another one needs."""

from __future__ import annotations

import asyncio
import time

import httpx
from sqlalchemy.orm import Session

from tests.factories import bearer, make_token, make_user

AT_ONCE = 120
"""More than there are threads and connections together."""


def test_a_whole_class_at_once_is_answered(site_url: str, db: Session):
    headers = bearer(make_token(db, make_user(db), "read"))

    async def ask_all() -> list[int]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=site_url, headers=headers, limits=limits, timeout=60) as client:
            paths = ["/api/v1/tokens", "/api/v1/submissions", "/settings"] * (AT_ONCE // 3)
            return [answer.status_code for answer in await asyncio.gather(*(client.get(path) for path in paths))]

    began = time.monotonic()
    assert set(asyncio.run(ask_all())) == {200}
    assert time.monotonic() - began < 25  # a connection is waited for at most thirty seconds
