"""Browser sessions over time: they end, they are renewed, and a replaced secret dies once the new one was shown."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from arena.accounts.models import LoginSession
from arena.accounts.sessions import (
    GRACE,
    LONGEST,
    MOST_SESSIONS,
    ROTATE_AFTER,
    find_session,
    list_sessions,
    revoke_session,
    start_session,
)
from arena.errors import NotFound
from arena.security import new_secret
from tests.factories import NOON, make_user

LASTING = dt.timedelta(days=14)
MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)


@pytest.fixture
def secret(db: Session) -> str:
    """The secret of Ada's session, begun at noon."""
    return start_session(db, make_user(db, "ada"), "a browser", NOON, LASTING)[1]


def test_an_unknown_secret_is_nobodys(db: Session, secret: str):
    assert find_session(db, new_secret(), NOON, LASTING).user is None
    assert find_session(db, secret[:-1], NOON, LASTING).user is None
    assert find_session(db, "", NOON, LASTING).user is None


def test_the_stored_digest_opens_nothing(db: Session, secret: str):
    row = db.scalars(select(LoginSession)).one()
    assert find_session(db, row.digest, NOON, LASTING).user is None
    assert secret


def test_a_session_ends_when_it_is_not_used(db: Session, secret: str):
    assert find_session(db, secret, NOON + LASTING, LASTING).user is None


def test_use_makes_it_last_but_not_for_ever(db: Session, secret: str):
    now = NOON
    while (identity := find_session(db, secret, now, LASTING)).user is not None:
        secret = identity.new_secret or secret
        assert now - NOON < LONGEST
        now += DAY
    assert now - NOON == LONGEST


def test_a_disabled_person_has_no_session(db: Session, secret: str):
    row = db.scalars(select(LoginSession)).one()
    row.user.disabled_at = NOON
    db.commit()
    assert find_session(db, secret, NOON, LASTING).user is None


def test_the_secret_is_replaced_and_the_old_one_dies_with_the_use_of_the_new(db: Session, secret: str):
    later = NOON + ROTATE_AFTER + MINUTE
    replaced = find_session(db, secret, later, LASTING)
    assert replaced.user
    assert replaced.new_secret
    under_way = find_session(db, secret, later + GRACE / 2, LASTING)
    assert under_way.user
    assert under_way.new_secret is None
    assert find_session(db, replaced.new_secret, later + 2 * GRACE, LASTING).user
    assert find_session(db, secret, later + 2 * GRACE, LASTING).user is None
    assert replaced.csrf_token == under_way.csrf_token


def test_a_secret_that_was_lost_on_the_way_is_replaced_again(db: Session, secret: str):
    later = NOON + ROTATE_AFTER + MINUTE
    lost = find_session(db, secret, later, LASTING).new_secret
    again = find_session(db, secret, later + 2 * GRACE, LASTING)
    assert again.new_secret
    assert again.new_secret != lost
    assert find_session(db, again.new_secret, later + 3 * GRACE, LASTING).user
    assert find_session(db, lost or "", later + 3 * GRACE, LASTING).user is None


def test_of_many_requests_at_once_one_replaces_the_secret(db: Session, sessions: sessionmaker[Session], secret: str):
    later = NOON + ROTATE_AFTER + MINUTE

    def ask(_number: int) -> str | None:
        with sessions() as session:
            identity = find_session(session, secret, later, LASTING)
            assert identity.user is not None
            return identity.new_secret

    with ThreadPoolExecutor(5) as threads:
        replaced = [given for given in threads.map(ask, range(5)) if given]
    assert len(replaced) == 1
    assert find_session(db, replaced[0], later, LASTING).user


def test_old_and_surplus_sessions_are_forgotten_at_log_in(db: Session, secret: str):
    user = find_session(db, secret, NOON, LASTING).known
    for number in range(MOST_SESSIONS + 5):
        start_session(db, user, f"browser {number}", NOON + number * MINUTE, LASTING)
    assert len(list_sessions(db, user, NOON)) == MOST_SESSIONS
    start_session(db, user, "the last", NOON + 2 * LASTING, LASTING)
    assert db.scalar(select(func.count()).select_from(LoginSession)) == 1


def test_the_session_of_another_cannot_be_ended(db: Session, secret: str):
    row = db.scalars(select(LoginSession)).one()
    with pytest.raises(NotFound):
        revoke_session(db, make_user(db, "eve"), row.id)
    assert find_session(db, secret, NOON, LASTING).user
