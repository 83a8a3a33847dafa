"""Probes: alive, ready part by part, and counts that strangers do not see."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from redis import Redis
from sqlalchemy.orm import Session

from arena.app import create_app
from arena.settings import Settings
from tests.factories import bearer, make_admin, make_token, make_user
from tests.serving import serve

PROXIED = {"X-Forwarded-For": "203.0.113.7"}


@pytest.mark.parametrize("headers", [PROXIED, {"Forwarded": "for=203.0.113.7"}, {"Host": "rebound.example"}])
def test_strangers_see_no_counts(client: httpx.Client, db: Session, headers: dict[str, str]):
    assert client.get("/metrics", headers=headers).status_code == 403
    participant = bearer(make_token(db, make_user(db), "read", "submit"))
    assert client.get("/metrics", headers=headers | participant).status_code == 403
    reading = bearer(make_token(db, make_admin(db), "read"))
    assert client.get("/metrics", headers=headers | reading).status_code == 403


def test_the_machine_itself_and_administrators_do(client: httpx.Client, db: Session):
    client.get("/api/v1/challenges/no_such")
    client.get("/no/such/page")
    own = client.get("/metrics").text
    assert 'arena_requests_total{method="GET",route="/api/v1/challenges/{slug}",status="404"} 1.0' in own
    assert 'arena_queue_jobs{queue="grade-cpu"} 0.0' in own
    assert "arena_cache_hits_total" in own
    assert "no/such" not in own
    admin = bearer(make_token(db, make_admin(db), "admin"))
    assert "arena_requests_total" in client.get("/metrics", headers=PROXIED | admin).text


def test_graders_are_counted_by_state_and_by_what_their_sandbox_holds(client: httpx.Client, redis: Redis):
    for name, told in {"a": {"level": "S2"}, "b": {"level": "S2"}, "c": {"level": "S0"}, "d": {}}.items():
        sandbox = json.dumps({"reasons": [], "refuses": [], **told})
        facts = {"birth": "2026-01-01T00:00:00.000000Z", "queues": "grade-cpu", "state": "busy", "sandbox": sandbox}
        redis.hset(f"rq:worker:{name}", items=[text for fact in facts.items() for text in fact])
        redis.sadd("rq:workers", f"rq:worker:{name}")
    shown = client.get("/metrics").text
    assert 'arena_graders{state="idle"} 0.0' in shown
    assert 'arena_graders{state="busy"} 4.0' in shown
    for level, count in (("S2", 2), ("S0", 1), ("unknown", 1)):
        assert f'arena_sandbox_graders{{level="{level}"}} {count}.0' in shown


def test_ready_when_every_part_answers(client: httpx.Client):
    assert client.get("/readyz").json() == {
        "ready": True,
        "parts": {"postgresql": True, "redis": True, "storage": True},
    }


@pytest.mark.parametrize("part", ["postgresql", "redis", "storage"])
def test_not_ready_while_one_part_does_not_and_alive_all_the_same(settings: Settings, tmp_path: Path, part: str):
    gone = tmp_path / "gone"
    gone.write_text("a file, so that nothing can be below it")
    changes = {
        "postgresql": {"database_url": "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"},
        "redis": {"redis_url": f"unix://{gone}/redis.sock"},
        "storage": {"storage_url": (gone / "blobs").as_uri()},
    }
    app = create_app(settings.model_copy(update=changes[part]))
    with serve(app) as url:
        answer = httpx.get(f"{url}/readyz", timeout=30)
        assert answer.status_code == 503
        assert [name for name, works in answer.json()["parts"].items() if not works] == [part]
        assert httpx.get(f"{url}/healthz").status_code == 200


def test_where_redis_is_away_reading_goes_on(settings: Settings, tmp_path: Path):
    app = create_app(settings.model_copy(update={"redis_url": f"unix://{tmp_path}/gone.sock"}))
    with serve(app) as url:
        assert httpx.get(f"{url}/api/v1/challenges", timeout=30).status_code == 200
