"""Leaderboards over real HTTP: what is hidden stays hidden on every way, and what is shown is the same on each."""

from __future__ import annotations

import datetime as dt

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from arena.app import Site
from arena.catalogue.service import set_deadline
from arena.leaderboard.models import Board
from arena.settings import Settings
from arena.teams.models import Membership
from tests.arena.leaderboard.conftest import MakeWorld, World
from tests.factories import bearer, make_token, make_user

SECRET = 0.777123
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With the cache in front, as it is run."""
    return settings.model_copy(update={"cache_seconds": 1.0})


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A challenge that is revealed in an hour; two teams, whose private scores are told apart from all others."""
    world = make_world(deadline=dt.datetime.now(dt.UTC) + HOUR)
    one, two = world.team("ada"), world.team("bob")
    world.score(one, 0.123456, private=SECRET)
    world.score(two, 0.5, private=SECRET + 0.1, after_seconds=1)
    world.score(two, 0.25, private=SECRET + 0.2, after_seconds=2)
    return world


def member_of(db: Session, world: World) -> dict[str, str]:
    """Headers of a member of the second team."""
    user = make_user(db)
    db.add(Membership(slug=world.challenge.slug, user_id=user.id, team_id=world.sent[1].team_id))
    db.commit()
    return bearer(make_token(db, user))


def root(world: World) -> str:
    return f"/api/v1/challenges/{world.challenge.slug}"


def test_private_scores_are_nowhere_before_the_reveal(client: httpx.Client, db: Session, world: World):
    page = f"/challenges/{world.challenge.slug}/leaderboard"
    for headers in ({}, member_of(db, world)):
        for path in (f"{root(world)}/leaderboard", f"{root(world)}/leaderboard/me", page):
            for _ in range(2):  # the second time from memory, where memory serves
                answer = client.get(path, params={"board": "private"}, headers=headers)
                assert answer.status_code in ((401,) if "/me" in path and not headers else (403,)), path
                assert "777" not in answer.text.replace(answer.headers.get("x-request-id", "-"), "")
        for path in (f"{root(world)}/leaderboard", f"{root(world)}/history", page, "/api/v1/challenges", "/"):
            assert "0.777" not in client.get(path, headers=headers).text, path
        for odd in ("PRIVATE", "private ", "both", "0"):
            assert client.get(f"{root(world)}/leaderboard", params={"board": odd}, headers=headers).status_code == 422


def test_ones_own_private_score_is_hidden_on_the_way_of_a_submission_too(
    client: httpx.Client, db: Session, world: World
):
    headers, row = member_of(db, world), world.sent[1]
    paths = (f"/api/v1/submissions/{row.id}", f"/api/v1/submissions/{row.id}/events", "/api/v1/submissions")
    for path in paths:
        answer = client.get(path, headers=headers)
        assert answer.status_code == 200, path
        assert str(row.id) in answer.text
        assert "0.877" not in answer.text, path
    set_deadline(db, world.challenge.slug, dt.datetime.now(dt.UTC) - HOUR)
    for path in paths:
        assert "0.877" in client.get(path, headers=headers).text, path


def test_the_reveal_is_at_the_deadline_and_can_be_taken_back(client: httpx.Client, db: Session, world: World):
    path = f"{root(world)}/leaderboard?board=private"
    slug = world.challenge.slug
    assert client.get(path).status_code == 403
    set_deadline(db, slug, dt.datetime.now(dt.UTC) - HOUR)
    wait_for(client, path, 200)
    found = client.get(path).json()
    assert [row["team"] for row in found["rows"]] == ["bob", "ada"]
    assert [row["score"] for row in found["rows"]] == [round(SECRET + 0.1, 4), round(SECRET, 4)]
    assert found["is_revealed"] is True
    set_deadline(db, slug, dt.datetime.now(dt.UTC) + HOUR)
    wait_for(client, path, 403)


def wait_for(client: httpx.Client, path: str, status: int) -> None:
    """Ask until the news has arrived; what is kept in memory lives for a second."""
    deadline = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)
    while client.get(path).status_code != status:
        assert dt.datetime.now(dt.UTC) < deadline


def test_odd_pages_are_refused(client: httpx.Client, world: World):
    for page, status in (("0", 422), ("-1", 422), ("x", 422), ("2", 404), ("999999999999999999999", 422)):
        answer = client.get(f"{root(world)}/leaderboard", params={"page": page})
        assert answer.status_code == status, page
    for path in ("leaderboard", "leaderboard/me", "history"):
        headers = member_of(world.db, world) if path.endswith("me") else {}
        assert client.get(f"/api/v1/challenges/nothing/{path}", headers=headers).status_code == 404


def test_the_public_board(client: httpx.Client, world: World):
    found = client.get(f"{root(world)}/leaderboard").json()
    assert (found["board"], found["page"], found["pages"], found["total_teams"]) == ("public", 1, 1, 2)
    assert (found["mine"], found["is_revealed"], found["direction"]) == (None, False, "max")
    assert [(row["rank"], row["team"], row["score"]) for row in found["rows"]] == [(1, "bob", 0.5), (2, "ada", 0.1235)]
    assert found["rows"][0]["members"] == ["bob"]
    assert found["rows"][0]["submissions"] == 2
    assert found["baselines"] == [{"name": "Most frequent", "score": 0.34}]


def test_ones_own_row(client: httpx.Client, db: Session, world: World):
    headers = member_of(db, world)
    row = client.get(f"{root(world)}/leaderboard/me", headers=headers).json()
    assert (row["rank"], row["score"], row["submissions"], row["is_mine"]) == (1, 0.5, 2, True)
    found = client.get(f"{root(world)}/leaderboard", headers=headers).json()
    assert found["mine"] == row
    assert [other["is_mine"] for other in found["rows"]] == [True, False]
    stranger = bearer(make_token(db, make_user(db)))
    assert client.get(f"{root(world)}/leaderboard/me", headers=stranger).status_code == 404
    assert client.get(f"{root(world)}/leaderboard/me").status_code == 401


def test_the_history_of_ones_own_team_and_the_leaders(client: httpx.Client, db: Session, world: World):
    found = client.get(f"{root(world)}/history", headers=member_of(db, world)).json()
    assert [(team["team"], team["is_mine"]) for team in found["teams"]] == [("bob", True), ("ada", False)]
    assert [point["score"] for point in found["teams"][0]["points"]] == [0.5]
    anonymous = client.get(f"{root(world)}/history").json()
    assert [team["is_mine"] for team in anonymous["teams"]] == [False, False]


def test_a_new_score_shows_at_once(client: httpx.Client, world: World):
    path = f"{root(world)}/leaderboard"
    assert client.get(path).json()["rows"][0]["score"] == 0.5
    world.score(world.team("eve"), 0.9, after_seconds=9)
    deadline = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)
    while client.get(path).json()["rows"][0]["team"] != "eve":
        assert dt.datetime.now(dt.UTC) < deadline


def test_a_page_costs_the_same_queries_however_many_teams(client: httpx.Client, app: Site, db: Session, world: World):
    statements: list[str] = []
    event.listen(app.state.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    headers = member_of(db, world)
    paths = (f"{root(world)}/leaderboard", f"/challenges/{world.challenge.slug}/leaderboard")
    counts: list[list[int]] = []
    for teams in (0, 40):
        for number, team in enumerate(world.teams(teams)):
            world.score(team, number / 50)
        costs = []
        for path in paths:
            client.get(path, headers=headers)
            statements.clear()
            assert client.get(path, headers=headers).status_code == 200
            costs.append(len(statements))
        counts.append(costs)
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 8


def test_the_order_is_that_of_the_table(client: httpx.Client, world: World):
    for number, team in enumerate(world.teams(60)):
        world.score(team, number % 7 / 10, after_seconds=number)
    rows = [
        (row["team_id"], row["rank"])
        for page in (1, 2)
        for row in client.get(f"{root(world)}/leaderboard", params={"page": page}).json()["rows"]
    ]
    expected = [str(team) for team, _ in world.expected(Board.PUBLIC)]
    assert rows == [(team, rank) for rank, team in enumerate(expected, 1)]
