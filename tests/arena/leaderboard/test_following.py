"""The index follows the table: whatever happens to Redis, and whoever writes meanwhile, a board is right."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from arena.catalogue.models import Challenge, Dataset
from arena.leaderboard.following import follow
from arena.leaderboard.models import Board
from arena.leaderboard.ranking import Mark, Place, Ranking
from arena.leaderboard.service import (
    PAGE_ROWS,
    index_standing,
    rank_of,
    recompute_standing,
    record_standing,
    standings,
)
from arena.submissions.models import Status, Submission
from challenges.manifest import Direction
from tests.arena.leaderboard.conftest import LATER, MakeWorld, World, read, shown
from tests.factories import NOON

LOST_PARTS = {"no ranks": ["ranks"], "no teams": ["teams"], "neither": ["ranks", "teams"]}
AWAY = "redis://127.0.0.1:1/0"


def ranking_of(world: World, redis: Redis) -> Ranking:
    return Ranking(redis, world.dataset.id, Board.PUBLIC)


def read_place(world: World, redis: Redis, position: int) -> Place:
    found = ranking_of(world, redis).read(position, 1)
    assert found is not None
    return found[0][0]


@pytest.mark.parametrize(
    "harm", ["emptied", "no ranks", "no teams", "neither", "stale", "wrong score", "strangers", "older", "ahead"]
)
def test_whatever_happens_to_redis_the_board_is_right(world: World, redis: Redis, harm: str):
    teams = world.teams(5)
    for number, team in enumerate(teams):
        world.score(team, number)
    read(world, redis)
    root = f"arena:board:{world.dataset.id.hex}:public"
    saved = {key: redis.dump(key) for key in redis.keys("*")}
    if harm == "emptied":
        redis.flushall()
    elif harm in LOST_PARTS:
        redis.delete(*(f"{root}:{part}" for part in LOST_PARTS[harm]))
    elif harm == "stale":
        world.score(teams[0], 9)
    elif harm == "wrong score":
        member = read_place(world, redis, 2).member
        redis.zadd(f"{root}:ranks", {member: -99})
    elif harm == "strangers":
        redis.zadd(f"{root}:ranks", {b"\x80" + bytes(23): -99})
    elif harm == "older":
        world.score(teams[0], 9)
        read(world, redis)
        for key, content in saved.items():
            redis.restore(key, 0, content, replace=True)  # type: ignore[arg-type]
    else:
        redis.hset(f"{root}:live", "revision", 999)
    page = read(world, redis, team=teams[0].id)
    assert shown(page) == world.expected()
    assert page.mine is not None
    assert page.mine.rank == 1 + [team for team, _ in world.expected()].index(teams[0].id)
    world.score(teams[1], 10)
    assert shown(read(world, redis)) == world.expected()


def test_a_team_that_the_index_lost_is_found_again(world: World, redis: Redis):
    teams = world.teams(PAGE_ROWS + 2)
    for number, team in enumerate(teams):
        world.score(team, number)
    read(world, redis)
    last = world.expected()[-1][0]
    redis.zremrangebyrank(f"arena:board:{world.dataset.id.hex}:public:ranks", -1, -1)
    row = rank_of(world.db, redis, world.challenge, Board.PUBLIC, last, NOON)
    assert row is not None
    assert row.rank == PAGE_ROWS + 2


def test_ones_own_place_is_checked_wherever_it_stands(world: World, redis: Redis):
    teams = world.teams(PAGE_ROWS + 2)
    for number, team in enumerate(teams):
        world.score(team, number)
    read(world, redis)
    last = read_place(world, redis, PAGE_ROWS + 1)
    redis.zadd(f"arena:board:{world.dataset.id.hex}:public:ranks", {last.member: last.sort_key + 1})
    page = read(world, redis, team=last.team_id)
    assert page.mine is not None
    assert (page.mine.rank, page.mine.score) == (PAGE_ROWS + 2, 0)
    assert read_place(world, redis, PAGE_ROWS + 1) == last


def test_without_redis_the_table_answers(world: World):
    with Redis.from_url(AWAY) as away:
        teams = world.teams(PAGE_ROWS + 1)
        for number, team in enumerate(teams):
            world.score(team, number % 5, after_seconds=number)
        index_standing(world.db, away, world.dataset.id)
        expected = world.expected()
        assert shown(read(world, away)) + shown(read(world, away, 2)) == expected
        row = rank_of(world.db, away, world.challenge, Board.PUBLIC, expected[7][0], NOON)
        assert row is not None
        assert row.rank == 8


def test_while_another_builds_the_index_the_table_answers(world: World, redis: Redis):
    world.score(world.team(), 0.5)
    redis.set(f"arena:board:{world.dataset.id.hex}:public:lock", "another")
    assert shown(read(world, redis)) == world.expected()
    assert ranking_of(world, redis).find_live() is None


def test_a_removed_standing_makes_the_index_new(world: World, redis: Redis):
    teams = world.teams(3)
    rows = [world.score(team, number) for number, team in enumerate(teams)]
    read(world, redis)
    rows[2].status = Status.FAILED
    recompute_standing(world.db, teams[2].id, world.dataset, world.direction)
    world.db.commit()
    assert shown(read(world, redis)) == world.expected()
    live = ranking_of(world, redis).find_live()
    assert live is not None
    assert live.mark == Mark(1, 4)


def test_the_index_follows_by_what_changed_only(world: World, redis: Redis, engine: Engine):
    teams = world.teams(4)
    for number, team in enumerate(teams):
        world.score(team, number)
    read(world, redis)
    world.score(teams[0], 8)
    read_rows: list[int] = []

    def note(*arguments: Any) -> None:
        _, cursor, statement, *_ = arguments
        if "standing.revision >" in statement:
            read_rows.append(cursor.rowcount)

    event.listen(engine, "after_cursor_execute", note)
    index_standing(world.db, redis, world.dataset.id)
    assert read_rows == [1]
    live = ranking_of(world, redis).find_live()
    assert live is not None
    assert live.mark.revision == 5


def write_scores(sessions: sessionmaker[Session], redis: Redis, world: World, done: Event) -> None:
    """Record what was sent, and empty Redis now and then."""
    try:
        with sessions() as session:
            for number, row in enumerate(world.sent):
                mine = session.get_one(Submission, row.id)
                record_standing(session, mine, session.get_one(Dataset, world.dataset.id), world.direction)
                session.commit()
                index_standing(session, redis, world.dataset.id)
                if number % 11 == 0:
                    redis.flushall()
    finally:
        done.set()


def keep_looking(sessions: sessionmaker[Session], redis: Redis, slug: str, done: Event, seen: list[int]) -> None:
    """Read the board until `done`; it is in order each time."""
    with sessions() as session:
        while not done.is_set():
            page = standings(session, redis, session.get_one(Challenge, slug), Board.PUBLIC, 1, NOON)
            order = [(-row.score, row.achieved_at) for row in page.rows]
            assert order == sorted(order)
            seen.append(page.total_teams)
            session.rollback()


def test_scores_that_arrive_while_the_index_is_built_and_redis_is_emptied(
    world: World, redis: Redis, sessions: sessionmaker[Session]
):
    for number, team in enumerate(world.teams(60)):
        world.add(team, number % 4, after_seconds=number)
    done, seen = Event(), list[int]()
    looking = (sessions, redis, world.challenge.slug, done, seen)
    threads = [Thread(target=keep_looking, args=looking) for _ in range(2)]
    threads.append(Thread(target=write_scores, args=(sessions, redis, world, done)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen
    expected = world.expected()
    assert shown(read(world, redis)) + shown(read(world, redis, 2)) == expected
    followed = follow(world.db, redis, world.dataset.id, Board.PUBLIC)
    assert followed is not None
    found = followed.ranking.read(0, 99)
    assert found is not None
    assert [place.team_id for place in found[0]] == [team for team, _ in expected]


actions = st.one_of(
    st.tuples(st.just("score"), st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 3)),
    st.tuples(st.just("regrade"), st.integers(0, 20), st.sampled_from([None, 0.0, 0.25, 2.0])),
    st.tuples(st.just("flush")),
    st.tuples(st.just("read")),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(Direction), st.lists(actions, max_size=25))
def test_a_board_is_a_sorted_list_whatever_happens(
    make_world: MakeWorld, redis: Redis, direction: Direction, steps: list[tuple[object, ...]]
):
    world = make_world(direction, deadline=LATER)
    teams = world.teams(6)
    for step in steps:
        match step:
            case ["score", int(team), float(score), int(after)]:
                world.score(teams[team], score, private=1 - score / 2, after_seconds=after)
                index_standing(world.db, redis, world.dataset.id)
            case ["regrade", int(number), score] if world.sent:
                row = world.sent[number % len(world.sent)]
                row.status, row.public_score = (Status.REJECTED, None) if score is None else (Status.SCORED, score)  # type: ignore[assignment]
                recompute_standing(world.db, row.team_id, world.dataset, direction)
                world.db.commit()
            case ["flush"]:
                redis.flushall()
            case ["read"]:
                read(world, redis, team=teams[0].id)
    for board in Board:
        page = read(world, redis, board=board, team=teams[0].id)
        assert shown(page) == world.expected(board)
        mine = [row.rank for row in page.rows if row.team_id == teams[0].id]
        assert mine == ([page.mine.rank] if page.mine else [])
