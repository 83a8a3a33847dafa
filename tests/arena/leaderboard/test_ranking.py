"""The rank index alone: the order it keeps, what it takes in, and what it refuses."""

from __future__ import annotations

import datetime as dt
import math
import random
import struct
from collections.abc import Iterator
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from arena.leaderboard.ranking import BATCH, Change, Live, Mark, Place, Ranking
from tests.factories import NOON

DATASET = UUID(int=7)
FIRST = Mark(0, 1)


def place(sort_key: float, team: int = 1, after_seconds: float = 0) -> Place:
    return Place(sort_key, NOON + dt.timedelta(seconds=after_seconds), UUID(int=team))


def build(redis: Redis, *places: Place, mark: Mark = FIRST) -> Ranking:
    ranking = Ranking(redis, DATASET, "public")
    assert ranking.rebuild([(p, mark.revision) for p in places], mark)
    return ranking


def live_of(ranking: Ranking) -> Live:
    live = ranking.find_live()
    assert live is not None
    return live


def read(ranking: Ranking, start: int = 0, count: int = 1000) -> tuple[list[Place], int]:
    found = ranking.read(start, count)
    assert found is not None
    return found


def order_of(ranking: Ranking) -> list[int]:
    return [p.team_id.int for p in read(ranking)[0]]


def keys_of(redis: Redis) -> set[str]:
    return {key.decode().rpartition(":")[2] for key in redis.keys("arena:board:*")}  # type: ignore[union-attr]


def test_no_index_takes_no_change(redis: Redis):
    ranking = Ranking(redis, DATASET, "public")
    assert ranking.find_live() is None
    assert not ranking.apply([(place(1), 1)], Live("anything", Mark(0, 0)), 1)
    assert not redis.keys("*")


def test_changes_for_another_index_are_refused(redis: Redis):
    ranking = build(redis, place(1))
    live = live_of(ranking)
    assert not ranking.apply([(place(9), 9)], Live("another", live.mark), 9)
    assert order_of(ranking) == [1]


def test_changes_that_build_on_later_ones_are_refused(redis: Redis):
    ranking = build(redis, place(1))
    ahead = Live(live_of(ranking).token, Mark(0, 5))
    assert not ranking.apply([(place(9, 2), 9)], ahead, 9)
    assert live_of(ranking).mark == Mark(0, 1)


def test_an_older_change_of_a_team_does_not_undo_a_newer_one(redis: Redis):
    ranking = build(redis, place(5))
    live = live_of(ranking)
    assert ranking.apply([(place(1), 4)], live, 4)
    assert ranking.apply([(place(3), 2)], live, 2)
    assert read(ranking, 0, 9) == ([place(1)], 1)
    assert live_of(ranking).mark.revision == 4


def test_a_change_twice_is_a_change_once(redis: Redis):
    ranking = build(redis, place(5), place(6, 2))
    live = live_of(ranking)
    for _ in range(2):
        assert ranking.apply([(place(7), 2)], live, 2)
    assert order_of(ranking) == [2, 1]


def test_more_changes_than_one_batch_all_arrive(redis: Redis):
    ranking = build(redis)
    changes = [(place(float(-n), n + 1), n + 2) for n in range(BATCH + 5)]
    assert ranking.apply(changes, live_of(ranking), BATCH + 6)
    assert read(ranking, 0, 1) == ([changes[-1][0]], len(changes))
    assert live_of(ranking).mark.revision == BATCH + 6


def test_changes_for_an_index_that_was_built_anew_meanwhile_are_refused(redis: Redis):
    before = live_of(build(redis, place(1)))
    ranking = build(redis, place(1))
    assert not ranking.apply([(place(9, 2), 2)], before, 2)
    assert live_of(ranking).mark == before.mark


def test_only_one_rebuilds(redis: Redis):
    ranking = Ranking(redis, DATASET, "public")

    def during() -> Iterator[Change]:
        assert not ranking.rebuild([(place(1, 2), 1)], Mark(0, 9))
        yield place(1), 1

    assert ranking.rebuild(during(), Mark(0, 1))
    assert order_of(ranking) == [1]
    assert keys_of(redis) == {"ranks", "teams", "live"}


def test_a_rebuild_that_was_taken_for_dead_leaves_the_other_one_alone(redis: Redis):
    ranking = Ranking(redis, DATASET, "public")

    def slowly() -> Iterator[Change]:
        yield place(1, 1), 1
        redis.delete(f"arena:board:{DATASET.hex}:public:lock")
        assert ranking.rebuild([(place(1, 2), 2)], Mark(0, 2))
        yield place(1, 3), 1

    assert not ranking.rebuild(slowly(), Mark(0, 1))
    assert order_of(ranking) == [2]
    assert keys_of(redis) == {"ranks", "teams", "live"}


def test_a_rebuild_that_breaks_off_gives_the_lock_back_and_its_keys_expire(redis: Redis):
    ranking = Ranking(redis, DATASET, "public")

    def breaking() -> Iterator[Change]:
        for number in range(BATCH):
            yield place(1, number + 1), 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ranking.rebuild(breaking(), Mark(0, 1))
    assert ranking.find_live() is None
    assert all(redis.ttl(key) > 0 for key in redis.keys("*"))
    assert ranking.rebuild([], Mark(0, 1))


def test_an_index_that_is_in_use_does_not_expire(redis: Redis):
    build(redis, place(1))
    assert all(redis.ttl(key) == -1 for key in redis.keys("*"))


def test_an_empty_board_has_an_index_too(redis: Redis):
    ranking = build(redis)
    assert live_of(ranking).mark == Mark(0, 1)
    assert read(ranking, 0, 50) == ([], 0)
    assert ranking.find_rank(place(1)) is None


def test_a_rebuild_forgets_who_is_gone(redis: Redis):
    build(redis, place(1, 1), place(2, 2))
    ranking = build(redis, place(3, 2), mark=Mark(1, 4))
    assert read(ranking, 0, 9) == ([place(3, 2)], 1)


def test_dropping_an_index_leaves_nothing(redis: Redis):
    build(redis, place(1)).drop()
    assert not redis.keys("*")


def test_a_place_that_the_index_has_with_another_score_has_no_rank(redis: Redis):
    ranking = build(redis, place(1))
    assert ranking.find_rank(place(1)) == 1
    assert ranking.find_rank(place(math.nextafter(1, 2))) is None
    assert ranking.find_rank(place(1, after_seconds=1)) is None


def test_no_rows_can_be_asked_for(redis: Redis):
    assert read(build(redis, place(1), place(2, 2)), 0, 0) == ([], 2)


@pytest.mark.parametrize(
    "sort_key",
    [0.1, -0.1, 1 / 3, 5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 0.1 + 0.2, 2**53 + 1.0],
)
def test_scores_keep_every_bit(redis: Redis, sort_key: float):
    ranking = build(redis)
    assert ranking.apply([(place(sort_key), 2)], live_of(ranking), 2)
    (found,), _ = read(ranking, 0, 1)
    assert struct.pack(">d", found.sort_key) == struct.pack(">d", sort_key)
    assert struct.pack(">d", read(build(redis, place(sort_key)), 0, 1)[0][0].sort_key) == struct.pack(">d", sort_key)


ZONES = st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=8))])
moments = st.integers(-(10**15), 10**16).flatmap(
    lambda micros: ZONES.map((NOON + dt.timedelta(microseconds=micros)).astimezone)
)
finite = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
few = st.sampled_from([0.0, 0.5, math.nextafter(0.5, 1), -0.5, 1e-300])


@given(finite, moments, st.uuids())
def test_a_member_holds_its_place(sort_key: float, at: dt.datetime, team: UUID):
    made = Place(sort_key, at, team)
    assert Place.parse(made.member, sort_key) == made
    assert len(made.member) == 24


@given(moments, moments, st.uuids(), st.uuids())
def test_members_sort_by_time_then_team(at: dt.datetime, later: dt.datetime, team: UUID, other: UUID):
    one, two = Place(0, at, team), Place(0, later, other)
    assert (one.member < two.member) == ((at, team.int) < (later, other.int))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 12), few | finite, st.integers(0, 3)), max_size=40),
    st.integers(0, 40),
    st.randoms(use_true_random=False),
)
def test_the_index_is_a_sorted_list(
    redis: Redis, writes: list[tuple[int, float, int]], built_after: int, dice: random.Random
):
    """Whatever is written before and after the building, in whatever batches and however often it is told."""
    redis.flushall()
    changes = [(place(key, team, after), number) for number, (team, key, after) in enumerate(writes, 1)]
    truth = {p.team_id: p for p, _ in changes}
    early = {p.team_id: (p, n) for p, n in changes[:built_after]}
    ranking = Ranking(redis, DATASET, "public")
    assert ranking.rebuild(early.values(), Mark(0, min(built_after, len(changes))))
    live = live_of(ranking)
    late = changes[built_after:]
    dice.shuffle(late)
    for change in [*late, *late[:3]]:
        assert ranking.apply([change], live, live.mark.revision)
    expected = sorted(truth.values(), key=lambda p: (p.sort_key, p.achieved_at, p.team_id.int))
    assert read(ranking, 0, 100) == (expected, len(expected))
    assert [ranking.find_rank(p) for p in expected] == list(range(1, len(expected) + 1))
