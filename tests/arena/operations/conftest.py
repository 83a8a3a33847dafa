"""People of each role, with a browser of their own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from sqlalchemy.orm import Session

from arena.accounts.models import Role
from arena.accounts.sessions import start_session
from arena.deps import SESSION_COOKIE
from tests.factories import make_user

Browser = tuple[httpx.Client, str]
"""A logged-in client, and the token of its forms."""


@pytest.fixture
def browse(site_url: str, db: Session) -> Iterator[Callable[[Role], Browser]]:
    """Log a new person of a role in."""
    with ExitStack() as stack:

        def log_in(role: Role) -> Browser:
            now = dt.datetime.now(dt.UTC)
            session, secret = start_session(db, make_user(db, role=role), "test", now, dt.timedelta(days=1))
            client = httpx.Client(base_url=site_url, timeout=30, cookies={SESSION_COOKIE: secret})
            return stack.enter_context(client), session.csrf_token

        yield log_in
