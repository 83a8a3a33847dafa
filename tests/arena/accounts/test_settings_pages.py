"""The pages of settings, asked by programs: a token gains nothing there that the API refuses it."""

from __future__ import annotations

import re

import httpx
import pytest
from sqlalchemy.orm import Session

from arena.accounts.models import Role
from tests.factories import bearer, make_token, make_user

TOKEN = re.compile(r"arena_[A-Za-z0-9_-]{43}")


@pytest.mark.parametrize("scope", ["read", "admin"])
def test_a_token_makes_none_by_the_page_that_can_do_more(client: httpx.Client, db: Session, scope: str):
    weak = bearer(make_token(db, make_user(db, role=Role.ADMIN), "submit"))
    fields = {"name": "stronger", f"scope_{scope}": "1", "lifetime": "never"}
    page = client.post("/settings/tokens", data=fields, headers=weak)
    assert page.status_code == 403
    assert not TOKEN.search(page.text)


def test_a_token_makes_one_by_the_page_that_can_do_as_much(client: httpx.Client, db: Session):
    weak = bearer(make_token(db, make_user(db), "submit"))
    fields = {"name": "alike", "scope_submit": "1", "lifetime": "never"}
    page = client.post("/settings/tokens", data=fields, headers=weak)
    assert page.status_code == 200
    assert TOKEN.search(page.text)
