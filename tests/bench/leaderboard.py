"""Leaderboards of a thousand teams beside a hundred thousand and a million: what a page, a rank and a new score cost.

All boards stand in one database that writes to disk, and are asked in turn, so that whatever else the machine does
meets all of them. Last, the page of a hundred thousand teams is asked over HTTP while its scores change, beside a bare
Starlette answer of the same size.
"""

from __future__ import annotations

import datetime as dt
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from arena.catalogue.models import Challenge
from arena.db import migrate
from arena.embedded import start_postgres, start_redis
from arena.leaderboard.models import Board
from arena.leaderboard.service import PAGE_ROWS, index_standing, rank_of, record_standing, standings
from arena.runtime import Runtime, open_runtime
from arena.settings import Settings
from arena.submissions.models import Submission
from arena.teams.models import Team
from challenges.manifest import Direction
from tests import factories
from tests.bench import pages

SMALL, LARGE, LARGEST = 1_000, 100_000, 1_000_000
TARGET = 1.5
NOW = factories.NOON + dt.timedelta(days=400)
SLUG = "flowers"
"""Of the large board: the page whose requests `pages` counts."""

FILL = """
WITH added AS (
  INSERT INTO team (id, slug, name) SELECT gen_random_uuid(), :slug, 'team ' || n FROM generate_series(1, :teams) n
  RETURNING id
), sent AS (
  INSERT INTO submission (id, slug, dataset_id, team_id, user_id, filename, size_bytes, digest, storage_key, message,
    status, attempt, created_at, graded_at, public_score, public_secondary, private_score, private_secondary,
    diagnostics, faults, fault_count, provenance)
  SELECT gen_random_uuid(), :slug, :dataset, id, :user, 'p.csv', 10, 'd', 'k', '', 'scored', 1,
    CAST(:noon AS timestamptz) + random() * interval '300 days', now(), round(random()::numeric, 4)::float8, '{}',
    random(), '{}', '[]', '[]', 0, '{}'
  FROM added RETURNING id, team_id, created_at, public_score
)
INSERT INTO standing (dataset_id, board, team_id, score, sort_key, submission_id, achieved_at, submissions, revision)
SELECT :dataset, 'public', team_id, public_score, -public_score, id, created_at, 1, 1 FROM sent
"""


@dataclass(frozen=True)
class Field:
    """A board, and some of its teams to ask for."""

    teams: int
    challenge: Challenge
    some: list[UUID]
    writer: UUID
    """The user in whose name new scores arrive."""


Question = Callable[[Session, Runtime, Field], None]


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; a record for each question at each size beside the smallest, then one for the page over HTTP."""
    sizes = (SMALL, LARGE) if quick else (SMALL, LARGE, LARGEST)
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder:
        postgres, redis = start_postgres(Path(folder) / "postgres"), start_redis(Path(folder) / "redis")
        try:
            settings = Settings(
                database_url=postgres.url, redis_url=redis.url, storage_url=(Path(folder) / "blobs").as_uri()
            )
            migrate(postgres.url)
            runtime = open_runtime(settings)
            try:
                rows = measure_questions(runtime, sizes, 60 if quick else 200)
            finally:
                runtime.close()
            page, *_ = pages.measure(settings, *((1.0, 3) if quick else (3.0, 5)))
            return [*rows, page | {"name": f"{page['name']}, {LARGE:,} teams"}]
        finally:
            redis.stop()
            postgres.stop()


def measure_questions(runtime: Runtime, sizes: tuple[int, ...], rounds: int) -> list[dict[str, Any]]:
    """The time of each question on boards of all sizes, in turn."""
    with runtime.sessions() as session:
        fields = [fill(session, SLUG if size == LARGE else f"board_{size}", size) for size in sizes]
        built = [timed(ask_first, session, runtime, field) for field in fields]
        rows = []
        for name, question in QUESTIONS.items():
            taken: dict[int, list[float]] = {field.teams: [] for field in fields}
            for _ in range(rounds):
                for field in fields:
                    taken[field.teams].append(timed(question, session, runtime, field))
                    session.rollback()
            rows += [record(name, field.teams, taken) for field in fields[1:]]
    told = {"unit": "ms", "reference_name": "first read of an empty Redis, no target"}
    return rows + [
        {"name": f"index built, {field.teams:,} teams", "value": round(1000 * seconds, 1)} | told
        for field, seconds in zip(fields, built, strict=True)
    ]


def record(name: str, teams: int, taken: dict[int, list[float]]) -> dict[str, Any]:
    """One line of the benchmark's table."""
    ours, smallest = statistics.median(taken[teams]), statistics.median(taken[SMALL])
    return {
        "name": f"{name}, {teams:,} teams",
        "unit": "ms",
        "value": round(1000 * ours, 3),
        "reference": round(1000 * smallest, 3),
        "reference_name": f"the same of {SMALL:,} teams",
        "ratio": round(ours / smallest, 2),
        "target": TARGET,
        "reached": ours / smallest <= TARGET,
    }


def timed(question: Question, session: Session, runtime: Runtime, field: Field) -> float:
    """Seconds that an answer takes."""
    began = time.perf_counter()
    question(session, runtime, field)
    return time.perf_counter() - began


def fill(session: Session, slug: str, teams: int) -> Field:
    """A board of so many teams, each with one score of four digits, so that on a large one many tie."""
    user = factories.make_user(session)
    challenge = factories.make_challenge(session, slug)
    dataset = factories.make_dataset(session, challenge)
    places = {"slug": slug, "teams": teams, "dataset": dataset.id, "user": user.id, "noon": factories.NOON}
    session.execute(text(FILL), places)
    session.execute(text("INSERT INTO board_revision VALUES (:dataset, 1, 0)"), {"dataset": dataset.id})
    session.commit()
    for name in ("team", "submission", "standing"):
        session.execute(text(f"ANALYZE {name}"))
    session.commit()
    some = session.scalars(select(Team.id).where(Team.slug == slug).order_by(Team.id).limit(500)).all()
    return Field(teams, challenge, list(some), user.id)


def ask_page(session: Session, runtime: Runtime, field: Field, page: int) -> None:
    """A page by position."""
    found = standings(session, runtime.redis, field.challenge, Board.PUBLIC, page, NOW)
    assert len(found.rows) == PAGE_ROWS


def ask_first(session: Session, runtime: Runtime, field: Field) -> None:
    """The first page."""
    ask_page(session, runtime, field, 1)


def ask_middle(session: Session, runtime: Runtime, field: Field) -> None:
    """The page in the middle."""
    ask_page(session, runtime, field, field.teams // PAGE_ROWS // 2)


def ask_last(session: Session, runtime: Runtime, field: Field) -> None:
    """The last page."""
    ask_page(session, runtime, field, field.teams // PAGE_ROWS)


def ask_rank(session: Session, runtime: Runtime, field: Field) -> None:
    """The rank of a team."""
    team = random.choice(field.some)  # noqa: S311 - any team will do
    assert rank_of(session, runtime.redis, field.challenge, Board.PUBLIC, team, NOW)


def add_score(session: Session, runtime: Runtime, field: Field) -> None:
    """A better score of a team: its standing, the durable commit, the index."""
    dataset = field.challenge.dataset
    assert dataset is not None
    row = Submission(
        slug=field.challenge.slug,
        dataset_id=dataset.id,
        team_id=random.choice(field.some),  # noqa: S311 - as above
        user_id=field.writer,
        filename="p.csv",
        size_bytes=10,
        digest="d",
        storage_key="k",
        created_at=NOW,
        public_score=1 + random.random(),  # noqa: S311 - as above
        private_score=0.5,
    )
    session.add(row)
    session.flush()
    record_standing(session, row, dataset, Direction.MAX)
    session.commit()
    index_standing(session, runtime.redis, dataset.id)


QUESTIONS: dict[str, Question] = {
    "first page": ask_first,
    "page in the middle": ask_middle,
    "last page": ask_last,
    "rank of a team": ask_rank,
    "a new score, durable": add_score,
}
