"""The scribe as a real process beside real graders: whatever dies or is away, each submission is recorded once."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from arena.catalogue.datasets import request_dataset
from arena.catalogue.models import Challenge, Dataset, DatasetState
from arena.catalogue.service import sync_packages
from arena.leaderboard.models import Standing
from arena.queues import Queues
from arena.settings import Settings
from arena.storage import Storage
from arena.submissions.models import Status, Submission
from arena.submissions.sending import send
from challenges.catalogue import find_packages
from challenges.messages import (
    FUNCTION_RECORD_VERDICT,
    Outcome,
    Scores,
    Verdict,
)
from graders.queues import send_answer
from tests.eventually import eventually
from tests.factories import make_challenge, make_dataset, make_submission, make_team, make_user
from tests.graders.runtime.installation import Installation, kill_child

Process = subprocess.Popen[bytes]


@dataclass
class World:
    """A database, a Redis, and the processes around them."""

    db: Session
    sessions: sessionmaker[Session]
    redis: Redis
    settings: Settings
    folder: Path

    @contextmanager
    def scribe(self) -> Iterator[Process]:
        values = {f"ARENA_{name.upper()}": str(value) for name, value in self.settings.model_dump().items()}
        with (self.folder / "scribe.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "arena.scribe"], env=os.environ | values, stdout=log, stderr=log
            )
            try:
                yield process
            finally:
                process.terminate()
                assert process.wait(15) in (0, -signal.SIGKILL), self.log()

    def log(self) -> str:
        return (self.folder / "scribe.log").read_text(encoding="utf-8")

    def submit(self, slug: str = "flowers", content: bytes = b"x") -> Submission:
        """A queued submission of a new person, with its upload in place, and sent."""
        challenge = self.db.get(Challenge, slug) or make_challenge(self.db, slug)
        dataset = challenge.dataset or make_dataset(self.db, challenge)
        user = make_user(self.db)
        team = make_team(self.db, challenge, user)
        made = make_submission(self.db, team, user, dataset, digest="", size_bytes=len(content))
        path = self.folder / "blobs" / made.storage_key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        made.digest = sha256(content)
        self.db.commit()
        assert send(self.db, Queues(self.redis), Storage(self.settings.storage_url), made)
        return made

    def state(self, submission_id: UUID) -> Submission:
        with self.sessions() as session:
            return session.get_one(Submission, submission_id)

    def wait_for_status(self, submission: Submission, status: Status, seconds: float = 30) -> Submission:
        eventually(lambda: self.state(submission.id).status is status, seconds)
        return self.state(submission.id)

    def count_standings(self) -> int:
        with self.sessions() as session:
            return session.scalar(select(func.count()).select_from(Standing)) or 0


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def world(db: Session, sessions: sessionmaker[Session], redis: Redis, settings: Settings, tmp_path: Path) -> World:
    quick = settings.model_copy(update={"sweep_seconds": 0.2, "resend_after_seconds": 0.0})
    return World(db, sessions, redis, quick, tmp_path)


def scored(submission: Submission, attempt: int = 1, score: float = 0.75) -> Verdict:
    return Verdict(str(submission.id), attempt, Outcome.SCORED, public=Scores(score), private=Scores(score))


def test_verdicts_are_recorded_and_bad_messages_stop_nothing(world: World):
    first, second = world.submit(), world.submit()
    queue = "rq:queue:verdicts"
    world.redis.rpush(queue, "nobody", b"\xff")
    for number, message in enumerate(("", "{}", '{"protocol": 1}')):
        refuse(world.redis, f"bad-{number}", message)
    send_answer(world.redis, scored(first))
    send_answer(world.redis, Verdict("not-a-uuid", 1, Outcome.SCORED))
    send_answer(world.redis, Verdict(str(second.id), 7, Outcome.SCORED))
    send_answer(world.redis, scored(second, score=0.5))
    with world.scribe() as process:
        assert world.wait_for_status(first, Status.SCORED).public_score == 0.75
        assert world.wait_for_status(second, Status.SCORED).public_score == 0.5
        assert process.poll() is None
    assert process.returncode == 0
    assert world.redis.llen(queue) == 0


def refuse(redis: Redis, job_id: str, message: str) -> None:
    queue = Queue("verdicts", connection=redis, serializer=JSONSerializer)
    queue.enqueue_call(FUNCTION_RECORD_VERDICT, args=(message,), job_id=job_id)


def test_a_verdict_waits_for_a_database_that_is_away(world: World, postgres_server: str):
    submission = world.submit()
    name = world.db.scalar(select(func.current_database()))
    with psycopg.connect(postgres_server, autocommit=True) as admin, world.scribe() as process:
        eventually(lambda: "the scribe listens" in world.log())
        admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        world.db.close()
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            send_answer(world.redis, scored(submission))
            eventually(lambda: "will be tried again" in world.log())
        finally:
            admin.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        world.wait_for_status(submission, Status.SCORED)
        assert process.poll() is None


def test_a_scribe_that_is_killed_in_the_middle_loses_nothing(world: World):
    submission = world.submit()
    answer = f"rq:job:verdict-{submission.id}-1"
    with world.sessions() as holding, world.scribe() as process:
        holding.execute(text("SELECT 1 FROM submission WHERE id = :id FOR UPDATE"), {"id": submission.id})
        send_answer(world.redis, scored(submission))
        eventually(lambda: world.redis.hget(answer, "status") == b"started")
        process.kill()
        process.wait()
        holding.rollback()
    for key in world.redis.scan_iter("rq:worker:*"):
        world.redis.delete(key)  # as time does
    with world.scribe():
        world.wait_for_status(submission, Status.SCORED)
    assert world.count_standings() == 2  # one per board


def test_an_emptied_redis_is_filled_again_and_each_submission_is_graded_once(world: World, place: Installation):
    open_sprouts(world, place)
    with world.scribe():
        submissions = [world.submit("sprouts", place.sample()) for _ in range(3)]
        world.redis.flushall()
        with place.running():
            for submission in submissions:
                world.wait_for_status(submission, Status.SCORED, 60)
        assert {world.state(s.id).attempt for s in submissions} == {1}
    assert world.count_standings() == 2 * 3


def test_a_submission_whose_grader_is_killed_is_graded_again_and_scored_once(world: World, place: Installation):
    submission = world.submit("long")
    with world.scribe(), place.running("-m", "tests.graders.runtime.odd_supervisor") as supervisor:
        eventually(lambda: world.redis.exists("been_here"))
        kill_child(supervisor)
        found = world.wait_for_status(submission, Status.SCORED)
    assert (found.attempt, found.public_score) == (2, 1.0)
    assert world.count_standings() == 2


def test_a_dataset_that_redis_forgot_is_prepared_all_the_same(world: World, place: Installation):
    with world.sessions() as session:
        sync_packages(session, find_packages(place.settings.challenges_dir))
        dataset = request_dataset(session, Queues(world.redis), "sprouts", "offline")
    world.redis.flushall()
    with world.scribe(), place.running():
        eventually(lambda: dataset_state(world, dataset.id) is DatasetState.READY, 60)


def dataset_state(world: World, dataset_id: UUID) -> DatasetState:
    with world.sessions() as session:
        return session.get_one(Dataset, dataset_id).state


def open_sprouts(world: World, place: Installation) -> None:
    """Load the package, and prepare its data."""
    with world.sessions() as session:
        sync_packages(session, find_packages(place.settings.challenges_dir))
        dataset = request_dataset(session, Queues(world.redis), "sprouts", "offline")
    with world.scribe(), place.running():
        eventually(lambda: dataset_state(world, dataset.id) is DatasetState.READY, 60)
