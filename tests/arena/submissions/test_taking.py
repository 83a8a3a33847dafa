"""What is taken and what is refused: time, quota and keys, also when several things happen at once."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from arena.accounts.models import User
from arena.catalogue.models import ChallengeState, DatasetState
from arena.catalogue.service import set_state
from arena.errors import ArenaError, ChallengeClosed, EmptyUpload, IdempotencyMismatch, NotFound, NotReady, QuotaUsed
from arena.submissions.models import Status, Submission
from arena.submissions.service import FREE, begin, quota_of
from challenges.messages import QUEUE_GRADE_CPU
from tests.arena.submissions.conftest import CONTENT, Desk
from tests.factories import NOON, make_challenge, make_dataset, make_submission, make_team, make_user

MINUTE = dt.timedelta(minutes=1)


def count_rows(db: Session) -> int:
    db.rollback()
    return db.scalar(select(func.count()).select_from(Submission)) or 0


class TestRefusals:
    """Each is refused before the body is read, and again when the file has arrived; the file is removed."""

    def refused(self, desk: Desk, user: User, error: type[ArenaError], slug: str = "flowers", now: Any = NOON) -> None:
        before = count_rows(desk.db)
        with pytest.raises(error):
            begin(desk.db, user, slug, now)
        desk.db.rollback()
        with pytest.raises(error):
            desk.submit(user, slug=slug, now=now)
        assert count_rows(desk.db) == before
        assert desk.files() == []

    def test_an_unknown_challenge(self, desk: Desk, ada: User):
        self.refused(desk, ada, NotFound, slug="tulips")

    def test_a_closed_challenge(self, desk: Desk, ada: User):
        desk.challenge.state = ChallengeState.CLOSED
        desk.db.commit()
        self.refused(desk, ada, ChallengeClosed)

    def test_a_challenge_after_its_deadline(self, desk: Desk, ada: User):
        desk.challenge.deadline = NOON
        desk.db.commit()
        assert begin(desk.db, ada, "flowers", NOON - dt.timedelta(microseconds=1)) == 1_000_000
        self.refused(desk, ada, ChallengeClosed)

    def test_a_challenge_before_its_opening(self, desk: Desk, ada: User):
        desk.challenge.opens_at = NOON + MINUTE
        desk.db.commit()
        self.refused(desk, ada, ArenaError)

    def test_a_challenge_without_data(self, desk: Desk, ada: User):
        bare = make_challenge(desk.db, "bare", state=ChallengeState.PREPARING)
        make_dataset(desk.db, bare, state=DatasetState.QUEUED)
        self.refused(desk, ada, NotReady, slug="bare")

    def test_more_than_the_quota(self, desk: Desk, ada: User):
        team = make_team(desk.db, desk.challenge, ada)
        for status in (Status.QUEUED, Status.SCORED, Status.QUEUED, Status.SCORED, Status.SCORED):
            make_submission(desk.db, team, ada, desk.dataset, status=status)
        self.refused(desk, ada, QuotaUsed)

    def test_an_empty_file(self, desk: Desk, ada: User):
        with pytest.raises(EmptyUpload):
            desk.submit(ada, desk.upload(b""))
        assert count_rows(desk.db) == 0
        assert desk.files() == []

    def test_a_challenge_that_closes_while_the_file_arrives(
        self, desk: Desk, ada: User, sessions: sessionmaker[Session]
    ):
        begin(desk.db, ada, "flowers", NOON)
        with sessions() as other:
            set_state(other, "flowers", ChallengeState.CLOSED)
        with pytest.raises(ChallengeClosed):
            desk.submit(ada)
        assert desk.files() == []

    def test_who_is_refused_stays_readable_for_the_answer(self, desk: Desk, ada: User):
        with pytest.raises(NotFound):
            desk.submit(ada, slug="tulips")
        assert ada.username == "ada"


class TestQuota:
    """Counted per team and UTC day; only what is queued or scored counts."""

    def test_rejected_failed_and_cancelled_cost_nothing(self, desk: Desk, ada: User):
        team = make_team(desk.db, desk.challenge, ada)
        for status in (Status.REJECTED, Status.FAILED, Status.CANCELLED):
            make_submission(desk.db, team, ada, desk.dataset, status=status)
        assert quota_of(desk.db, desk.challenge, team, NOON).left == 5

    def test_rejected_ones_without_end_are_not_free(self, desk: Desk, ada: User):
        team = make_team(desk.db, desk.challenge, ada)
        for _ in range(FREE + 2):
            make_submission(desk.db, team, ada, desk.dataset, status=Status.REJECTED)
        assert quota_of(desk.db, desk.challenge, team, NOON).left == 3

    @pytest.mark.parametrize(
        ("now", "used"),
        [
            ("2026-05-04T23:59:59.999999+00:00", 1),
            ("2026-05-05T00:00:00+00:00", 0),
            ("2026-05-05T07:59:59+08:00", 1),  # still the fourth in UTC
            ("2026-05-03T23:59:59+00:00", 0),
        ],
    )
    def test_the_day_is_that_of_utc(self, desk: Desk, ada: User, now: str, used: int):
        team = make_team(desk.db, desk.challenge, ada)
        make_submission(desk.db, team, ada, desk.dataset, created_at=NOON)
        quota = quota_of(desk.db, desk.challenge, team, dt.datetime.fromisoformat(now))
        assert quota.used == used
        assert quota.resets_at.utcoffset() == dt.timedelta(0)

    def test_members_share_it_and_other_teams_do_not(self, desk: Desk, ada: User):
        bob, eve = make_user(desk.db), make_user(desk.db)
        make_team(desk.db, desk.challenge, ada, bob)
        for sender in (ada, bob, ada, bob, ada):
            desk.submit(sender)
        with pytest.raises(QuotaUsed) as refused:
            desk.submit(bob)
        assert refused.value.facts == {"limit": 5, "resets_at": "2026-05-05 00:00"}
        assert desk.submit(eve).status is Status.QUEUED

    def test_twenty_at_once_take_exactly_what_is_left(self, desk: Desk, ada: User, sessions: sessionmaker[Session]):
        team = make_team(desk.db, desk.challenge, ada)
        make_submission(desk.db, team, ada, desk.dataset)
        outcomes = at_once(20, lambda session: desk.submit(ada, session=session), sessions)
        assert sum(isinstance(outcome, Submission) for outcome in outcomes) == 4
        assert sum(isinstance(outcome, QuotaUsed) for outcome in outcomes) == 16
        assert count_rows(desk.db) == 5
        assert len(desk.files()) == 4
        assert desk.queues.lengths()[QUEUE_GRADE_CPU] == 4

    def test_two_members_at_once_for_the_last_slot(self, desk: Desk, ada: User, sessions: sessionmaker[Session]):
        bob = make_user(desk.db)
        team = make_team(desk.db, desk.challenge, ada, bob)
        for _ in range(4):
            make_submission(desk.db, team, ada, desk.dataset)
        senders = iter((ada, bob))
        outcomes = at_once(2, lambda session: desk.submit(next(senders), session=session), sessions)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["QuotaUsed", "Submission"]


class TestIdempotency:
    """The same key is the same submission; with another file it is a mistake."""

    def test_the_same_key_and_file_is_the_same_submission(self, desk: Desk, ada: User):
        first = desk.submit(ada, desk.upload(key="k"))
        again = desk.submit(ada, desk.upload(key="k"))
        assert again.id == first.id
        assert count_rows(desk.db) == 1
        assert len(desk.files()) == 1

    def test_the_same_key_with_another_file_is_refused(self, desk: Desk, ada: User):
        desk.submit(ada, desk.upload(key="k"))
        with pytest.raises(IdempotencyMismatch):
            desk.submit(ada, desk.upload(CONTENT + b"3,c\n", key="k"))
        assert len(desk.files()) == 1

    def test_the_same_key_in_another_challenge_is_refused(self, desk: Desk, ada: User):
        make_dataset(desk.db, make_challenge(desk.db, "digits"))
        desk.submit(ada, desk.upload(key="k"))
        with pytest.raises(IdempotencyMismatch):
            desk.submit(ada, desk.upload(key="k"), slug="digits")

    def test_a_key_belongs_to_a_person(self, desk: Desk, ada: User):
        first = desk.submit(ada, desk.upload(key="k"))
        assert desk.submit(make_user(desk.db), desk.upload(key="k")).id != first.id

    def test_without_a_key_the_same_file_counts_again(self, desk: Desk, ada: User):
        assert desk.submit(ada).id != desk.submit(ada).id

    def test_a_replay_is_answered_after_the_quota_is_used_and_the_challenge_closed(self, desk: Desk, ada: User):
        first = desk.submit(ada, desk.upload(key="k"))
        for _ in range(4):
            desk.submit(ada)
        desk.challenge.state = ChallengeState.CLOSED
        desk.db.commit()
        assert begin(desk.db, ada, "flowers", NOON, "k") == 1_000_000
        assert desk.submit(ada, desk.upload(key="k")).id == first.id

    def test_many_at_once_make_one_row(self, desk: Desk, ada: User, sessions: sessionmaker[Session]):
        outcomes = at_once(8, lambda session: desk.submit(ada, desk.upload(key="k"), session=session), sessions)
        assert len({outcome.id for outcome in outcomes}) == 1
        assert count_rows(desk.db) == 1
        assert len(desk.files()) == 1
        assert desk.queues.lengths()[QUEUE_GRADE_CPU] == 1

    def test_at_once_in_two_challenges_one_is_refused(self, desk: Desk, ada: User, sessions: sessionmaker[Session]):
        make_dataset(desk.db, make_challenge(desk.db, "digits"))
        slugs = iter(("flowers", "digits"))
        outcomes = at_once(
            2, lambda session: desk.submit(ada, desk.upload(key="k"), slug=next(slugs), session=session), sessions
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["IdempotencyMismatch", "Submission"]
        assert len(desk.files()) == 1


def test_a_submission_that_redis_cannot_take_is_kept_for_the_sweep(desk: Desk, ada: User, db: Session):
    with Redis(host="127.0.0.1", port=1) as away:
        desk.queues = type(desk.queues)(away)
        sent = desk.submit(ada)
    assert sent.status is Status.QUEUED
    assert sent.sent_at is None
    assert count_rows(db) == 1


def test_a_row_that_is_there_keeps_its_file(desk: Desk, ada: User, db: Session):
    sent = desk.submit(ada)
    db.execute(update(Submission).values(status=Status.SCORED))
    db.commit()
    assert (desk.folder / sent.storage_key).read_bytes() == CONTENT


def at_once(
    number: int, work: Callable[[Session], Submission], sessions: sessionmaker[Session]
) -> list[Submission | Any]:
    """What came of doing the same in several threads at one moment: results and errors."""
    barrier = threading.Barrier(number)

    def one() -> Any:
        with sessions() as session:
            barrier.wait(30)
            try:
                return work(session)
            except ArenaError as error:
                return error

    with ThreadPoolExecutor(number) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(number)]]
