"""Boards as they are read: by the index, by the table when there is none, and never a private one too early."""

from __future__ import annotations

import datetime as dt
from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session, sessionmaker

from arena.catalogue.models import Challenge, Dataset
from arena.errors import Invalid, NotFound, NotRevealed
from arena.leaderboard.following import follow
from arena.leaderboard.models import Board
from arena.leaderboard.ranking import Mark, Place, Ranking
from arena.leaderboard.service import (
    PAGE_ROWS,
    BoardPage,
    history,
    index_standing,
    leading_teams,
    rank_of,
    recompute_standing,
    record_standing,
    standings,
)
from arena.submissions.models import Status, Submission
from challenges.manifest import Direction
from tests.arena.leaderboard.conftest import MakeWorld, World
from tests.factories import NOON

DEADLINE = NOON + dt.timedelta(days=7)
MICROSECOND = dt.timedelta(microseconds=1)
LOST_PARTS = {"no ranks": ["ranks"], "no teams": ["teams"], "neither": ["ranks", "teams"]}
AWAY = "redis://127.0.0.1:1/0"


def read(world: World, redis: Redis, page: int = 1, board: Board = Board.PUBLIC, team: UUID | None = None) -> BoardPage:
    return standings(world.db, redis, world.challenge, board, page, DEADLINE, team_id=team)


def shown(page: BoardPage) -> list[tuple[UUID, float]]:
    return [(row.team_id, row.score) for row in page.rows]


def ranking_of(world: World, redis: Redis) -> Ranking:
    return Ranking(redis, world.dataset.id, Board.PUBLIC)


def read_place(world: World, redis: Redis, position: int) -> Place:
    found = ranking_of(world, redis).read(position, 1)
    assert found is not None
    return found[0][0]


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


def test_scores_that_arrive_while_the_index_is_built_and_redis_is_emptied(
    world: World, redis: Redis, sessions: sessionmaker[Session]
):
    rows = [world.add(team, n % 4, after_seconds=n) for n, team in enumerate(world.teams(60))]
    done = Event()
    seen: list[int] = []

    def write() -> None:
        with sessions() as session:
            for number, row in enumerate(rows):
                mine = session.get_one(Submission, row.id)
                record_standing(session, mine, session.get_one(Dataset, world.dataset.id), world.direction)
                session.commit()
                index_standing(session, redis, world.dataset.id)
                if number % 11 == 0:
                    redis.flushall()
        done.set()

    def look() -> None:
        with sessions() as session:
            while not done.is_set():
                challenge = session.get_one(Challenge, world.challenge.slug)
                page = standings(session, redis, challenge, Board.PUBLIC, 1, NOON)
                order = [(-row.score, row.achieved_at) for row in page.rows]
                assert order == sorted(order)
                seen.append(page.total_teams)
                session.rollback()

    threads = [Thread(target=write), Thread(target=look), Thread(target=look)]
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
    world = make_world(direction, deadline=DEADLINE)
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
