"""Standings as verdicts come in: what counts, what is refused, and what a second grading changes."""

from __future__ import annotations

import math
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from arena.catalogue.models import Dataset
from arena.leaderboard.models import Board, BoardRevision, Standing
from arena.leaderboard.service import recompute_standing, record_standing
from arena.submissions.models import Status, Submission
from arena.teams.models import Team
from challenges.manifest import Direction
from tests.arena.leaderboard.conftest import MakeWorld, World


def standing_of(world: World, team: Team, board: Board = Board.PUBLIC) -> Standing | None:
    return world.db.get(Standing, (world.dataset.id, board, team.id), populate_existing=True)


def rows_of(world: World) -> list[tuple[object, float]]:
    query = select(Standing.team_id, Standing.score).where(
        Standing.dataset_id == world.dataset.id, Standing.board == Board.PUBLIC
    )
    order = (Standing.sort_key, Standing.achieved_at, Standing.team_id)
    return [(team, score) for team, score in world.db.execute(query.order_by(*order))]


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, None])
def test_a_score_that_is_no_number_never_enters(world: World, odd: float | None):
    row = world.add(world.team(), 0.5)
    row.public_score = odd
    with pytest.raises(ValueError, match="cannot stand on a board"):
        record_standing(world.db, row, world.dataset, world.direction)
    world.db.rollback()
    assert rows_of(world) == []


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_an_odd_private_score_never_enters_either(world: World, odd: float):
    row = world.add(world.team(), 0.5)
    row.private_score = odd
    with pytest.raises(ValueError, match="cannot stand on a board"):
        record_standing(world.db, row, world.dataset, world.direction)
    world.db.rollback()
    assert rows_of(world) == []


def test_nothing_counts_before_the_commit(world: World):
    row = world.add(world.team(), 0.5)
    record_standing(world.db, row, world.dataset, world.direction)
    world.db.rollback()
    assert rows_of(world) == []
    assert world.db.get(BoardRevision, world.dataset.id) is None


@pytest.mark.parametrize(
    ("direction", "scores", "best"), [(Direction.MAX, (1, 3, 2), 3), (Direction.MIN, (2, 1, 3), 1)]
)
def test_the_best_score_counts_by_direction(
    make_world: MakeWorld, direction: Direction, scores: tuple[float, ...], best: float
):
    world = make_world(direction)
    team = world.team()
    for number, score in enumerate(scores):
        world.score(team, score, after_seconds=number)
    standing = standing_of(world, team)
    assert standing is not None
    assert (standing.score, standing.submissions) == (best, 3)


def test_an_equal_score_later_changes_nothing_but_the_count(world: World):
    team = world.team()
    first = world.score(team, 0.5, after_seconds=1)
    world.score(team, 0.5, after_seconds=2)
    standing = standing_of(world, team)
    assert standing is not None
    assert (standing.submission_id, standing.submissions) == (first.id, 2)


def test_an_equal_score_of_an_earlier_submission_that_is_graded_late_takes_the_place(world: World):
    team = world.team()
    world.score(team, 0.5, after_seconds=2)
    early = world.score(team, 0.5, after_seconds=1)
    standing = standing_of(world, team)
    assert standing is not None
    assert standing.achieved_at == early.created_at


def test_the_private_row_follows_the_best_public_submission_even_downwards(world: World):
    team = world.team()
    world.score(team, 0.5, private=0.9)
    world.score(team, 0.6, private=0.1)
    world.score(team, 0.4, private=1.0)
    standing = standing_of(world, team, Board.PRIVATE)
    assert standing is not None
    assert (standing.score, standing.submissions) == (0.1, 3)


def test_a_best_submission_without_a_private_score_takes_the_team_off_the_private_board(world: World):
    team = world.team()
    world.score(team, 0.5, private=0.9)
    world.score(team, 0.6, private=None)
    assert standing_of(world, team, Board.PRIVATE) is None
    assert standing_of(world, team) is not None
    revision = world.db.get(BoardRevision, world.dataset.id, populate_existing=True)
    assert revision is not None
    assert revision.epoch == 1


def test_a_regrade_may_make_a_standing_worse(world: World):
    team = world.team()
    best = world.score(team, 0.9, private=0.8)
    second = world.score(team, 0.5, private=0.4)
    best.public_score = 0.1
    recompute_standing(world.db, team.id, world.dataset, world.direction)
    world.db.commit()
    public, private = standing_of(world, team), standing_of(world, team, Board.PRIVATE)
    assert public is not None
    assert private is not None
    assert (public.score, public.submission_id, public.submissions) == (0.5, second.id, 2)
    assert (private.score, private.submission_id) == (0.4, second.id)


def test_a_team_whose_only_score_goes_leaves_both_boards(world: World):
    team = world.team()
    row = world.score(team, 0.9)
    row.status = Status.REJECTED
    recompute_standing(world.db, team.id, world.dataset, world.direction)
    world.db.commit()
    assert standing_of(world, team) is None
    assert standing_of(world, team, Board.PRIVATE) is None


def test_zero_has_one_sign(make_world: MakeWorld):
    for direction in Direction:
        world = make_world(direction)
        team = world.team()
        world.score(team, -0.0)
        standing = standing_of(world, team)
        assert standing is not None
        assert math.copysign(1, standing.sort_key) == 1


def test_scores_of_other_data_do_not_count(make_world: MakeWorld):
    one, other = make_world(), make_world()
    team = one.team()
    one.score(team, 0.5)
    row = one.add(team, 0.9)
    row.dataset_id = other.dataset.id
    one.db.commit()
    recompute_standing(one.db, team.id, one.dataset, one.direction)
    one.db.commit()
    standing = standing_of(one, team)
    assert standing is not None
    assert (standing.score, standing.submissions) == (0.5, 1)


def test_verdicts_recorded_at_once_lose_no_score(world: World, sessions: sessionmaker[Session]):
    teams = [world.team() for _ in range(3)]
    rows = [world.add(teams[n % 3], (n * 7 % 12) / 12, after_seconds=n) for n in range(24)]
    together = Barrier(6)

    def record(part: list[Submission]) -> None:
        together.wait()
        for row in part:
            with sessions() as session:
                mine = session.get_one(Submission, row.id)
                record_standing(session, mine, session.get_one(Dataset, world.dataset.id), world.direction)
                session.commit()

    threads = [Thread(target=record, args=(rows[n::6],)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows_of(world) == world.expected()
    counted = world.db.scalars(select(Standing.submissions).where(Standing.board == Board.PUBLIC)).all()
    assert counted == [8, 8, 8]
    assert world.db.scalar(select(BoardRevision.revision)) == 24
    assert world.db.scalar(select(func.max(Standing.revision))) is not None
