"""Boards as they are read: by the index, by the table when there is none, and never a private one too early."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import pytest
from redis import Redis
from sqlalchemy import Engine, event

from arena.errors import Invalid, NotFound, NotRevealed
from arena.leaderboard.models import Board
from arena.leaderboard.service import (
    PAGE_ROWS,
    history,
    index_standing,
    leading_teams,
    rank_of,
    standings,
)
from tests.arena.leaderboard.conftest import LATER, MakeWorld, World, read, shown
from tests.factories import NOON

DEADLINE = LATER
MICROSECOND = dt.timedelta(microseconds=1)


@pytest.fixture
def revealing(make_world: MakeWorld) -> World:
    world = make_world(deadline=DEADLINE)
    for number, team in enumerate(world.teams(3)):
        world.score(team, number / 10, private=1 - number / 10)
    return world


@pytest.mark.parametrize("now", [NOON, DEADLINE - MICROSECOND])
def test_a_private_board_is_refused_before_the_deadline(revealing: World, redis: Redis, now: dt.datetime):
    team_id = revealing.sent[0].team_id
    with pytest.raises(NotRevealed):
        standings(revealing.db, redis, revealing.challenge, Board.PRIVATE, 1, now, team_id=team_id)
    with pytest.raises(NotRevealed):
        rank_of(revealing.db, redis, revealing.challenge, Board.PRIVATE, team_id, now)
    assert not [key for key in redis.keys("*") if b"private" in key]


def test_a_private_board_is_shown_from_the_deadline_on_in_every_time_zone(revealing: World, redis: Redis):
    for hours in (-11, 0, 8):
        now = DEADLINE.astimezone(dt.timezone(dt.timedelta(hours=hours)))
        page = standings(revealing.db, redis, revealing.challenge, Board.PRIVATE, 1, now)
        assert shown(page) == revealing.expected(Board.PRIVATE)
        with pytest.raises(NotRevealed):
            standings(revealing.db, redis, revealing.challenge, Board.PRIVATE, 1, now - MICROSECOND)


def test_a_practice_board_is_never_revealed(world: World, redis: Redis):
    world.score(world.team(), 0.5)
    with pytest.raises(NotRevealed):
        standings(world.db, redis, world.challenge, Board.PRIVATE, 1, NOON + dt.timedelta(days=9999))


def test_a_moment_without_a_zone_is_refused(world: World, redis: Redis):
    with pytest.raises(ValueError, match="time zone"):
        standings(world.db, redis, world.challenge, Board.PRIVATE, 1, NOON.replace(tzinfo=None))


def test_indexing_a_verdict_makes_no_private_index(revealing: World, redis: Redis):
    index_standing(revealing.db, redis, revealing.dataset.id)
    read(revealing, redis)
    index_standing(revealing.db, redis, revealing.dataset.id)
    assert not [key for key in redis.keys("*") if b"private" in key]


@pytest.mark.parametrize("page", [0, -1, 10**9])
def test_pages_count_from_one(world: World, redis: Redis, page: int):
    with pytest.raises(Invalid):
        read(world, redis, page)


def test_there_is_no_page_behind_the_last(world: World, redis: Redis):
    world.score(world.team(), 0.5)
    with pytest.raises(NotFound):
        read(world, redis, 2)


def test_an_empty_board_has_one_page(world: World, redis: Redis):
    page = read(world, redis)
    assert (page.rows, page.page, page.pages, page.total_teams, page.mine) == ([], 1, 1, 0, None)


def test_a_challenge_without_data_has_an_empty_board(world: World, redis: Redis):
    world.challenge.dataset = None
    world.db.commit()
    assert read(world, redis).rows == []
    assert rank_of(world.db, redis, world.challenge, Board.PUBLIC, UUID(int=1), NOON) is None
    assert leading_teams(world.db, redis, world.challenge) == []


def test_pages_of_fifty_by_position_with_ones_own_row_on_each(world: World, redis: Redis):
    teams = world.teams(PAGE_ROWS + 3)
    for number, team in enumerate(teams):
        world.score(team, number % 7, after_seconds=number)
    whole = world.expected()
    mine = whole[-1][0]
    pages = [read(world, redis, number, team=mine) for number in (1, 2)]
    assert [len(page.rows) for page in pages] == [PAGE_ROWS, 3]
    assert shown(pages[0]) + shown(pages[1]) == whole
    assert [row.rank for page in pages for row in page.rows] == list(range(1, len(whole) + 1))
    for page in pages:
        assert (page.total_teams, page.pages) == (PAGE_ROWS + 3, 2)
        assert page.mine is not None
        assert (page.mine.team_id, page.mine.rank, page.mine.is_mine) == (mine, PAGE_ROWS + 3, True)
    assert [row.is_mine for row in pages[1].rows] == [False, False, True]


def test_a_row_names_team_members_and_number_of_submissions(world: World, redis: Redis):
    team = world.team("ada")
    world.score(team, 0.25)
    world.score(team, 0.5, after_seconds=5)
    (row,) = read(world, redis).rows
    assert (row.team, row.members, row.submissions) == ("ada", ["ada"], 2)
    assert row.achieved_at == NOON + dt.timedelta(seconds=5)


def test_equal_scores_stand_in_the_order_of_their_submissions(world: World, redis: Redis):
    late, early, earliest = world.teams(3)
    for team, after in ((late, 2), (early, 1e-6), (earliest, 0)):
        world.score(team, 0.5, after_seconds=after)
    page = read(world, redis)
    assert [row.team_id for row in page.rows] == [earliest.id, early.id, late.id]
    assert [row.rank for row in page.rows] == [1, 2, 3]


def test_a_team_without_a_score_has_no_rank(world: World, redis: Redis):
    stranger, other = world.teams(2)
    world.score(other, 0.5)
    assert rank_of(world.db, redis, world.challenge, Board.PUBLIC, stranger.id, NOON) is None
    assert read(world, redis, team=stranger.id).mine is None


def count_queries(engine: Engine, statements: list[str]) -> None:
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))


def test_a_page_costs_three_queries_however_many_rows(world: World, redis: Redis, engine: Engine):
    statements: list[str] = []
    mine = world.score(world.team(), 0.5).team_id
    read(world, redis)
    count_queries(engine, statements)
    for count in (1, PAGE_ROWS + 5):
        for number, team in enumerate(world.teams(count) if count > 1 else []):
            world.score(team, number)
        read(world, redis)
        world.db.expire_all()
        world.db.refresh(world.challenge)
        statements.clear()
        read(world, redis, team=mine)
        assert len(statements) == 3, statements


def test_a_history_tells_improvements_only_in_the_order_asked_for(world: World):
    one, two, none = world.teams(3)
    for after, score in enumerate((0.2, 0.1, 0.2, 0.5)):
        world.score(one, score, after_seconds=after)
    world.score(two, 0.3)
    found = history(world.db, world.challenge, [two.id, none.id, one.id, two.id])
    assert [team.team_id for team in found] == [two.id, one.id]
    assert [(point.at - NOON, point.score) for point in found[1].points] == [
        (dt.timedelta(0), 0.2),
        (dt.timedelta(seconds=3), 0.5),
    ]


def test_leaders_are_the_best_in_order(world: World, redis: Redis):
    teams = world.teams(7)
    for number, team in enumerate(teams):
        world.score(team, number)
    assert leading_teams(world.db, redis, world.challenge) == [team.id for team in reversed(teams[2:])]
