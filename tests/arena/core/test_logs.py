"""Logs: complete, one event a line, and without secrets."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import httpx
import pytest
from sqlalchemy.orm import Session

from tests.factories import PASSWORD, bearer, make_token, make_user

PROGRAM = """
import logging, structlog
from arena.logs import set_up_logs
set_up_logs({log_format!r})
log = structlog.get_logger("arena.test")
log.info("escape", path="/\\x1b[31mred\\nline 预测")
log.info("hello", password="swordfish", api_token="swordfish", path="/x")
logging.getLogger("elsewhere").warning("from the standard library")
try:
    swordfish = "sword" + "fish"
    raise ValueError("broken")
except ValueError:
    log.exception("failed")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_both_formats_hide_secrets_and_show_traces(log_format: str):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(log_format=log_format)], capture_output=True, text=True, check=True
    )
    assert ran.stdout == ""
    assert "password" in ran.stderr
    assert "swordfish" not in ran.stderr
    assert "\x1b" not in ran.stderr
    assert "31mred" in ran.stderr.splitlines()[0]
    assert "line 预测" in ran.stderr.splitlines()[0]
    assert "from the standard library" in ran.stderr
    assert "ValueError: broken" in ran.stderr
    if log_format == "json":
        events = [json.loads(line) for line in ran.stderr.splitlines()]
        assert events[1]["event"] == "hello"
        assert events[1]["password"] == "***"
        assert events[1]["level"] == "info"


def test_a_request_is_logged_without_what_it_proves_or_asks(
    client: httpx.Client, db: Session, caplog: pytest.LogCaptureFixture
):
    token = make_token(db, make_user(db, "ada"))
    with caplog.at_level("INFO"):
        client.get("/api/v1/me?note=private", headers=bearer(token))
        client.post("/login", data={"username": "ada", "password": PASSWORD})
        deadline = time.monotonic() + 5
        while len(told := [vars(record) for record in caplog.records if record.name == "arena.requests"]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert [(event["path"], event["status"]) for event in told] == [("/api/v1/me", 200), ("/login", 303)]
    text = str([vars(record) for record in caplog.records if record.name.startswith("arena")])
    for secret in (token, PASSWORD, client.cookies["arena_session"], "note=private"):
        assert secret not in text
