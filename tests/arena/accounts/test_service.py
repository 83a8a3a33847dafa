"""Accounts without HTTP: the first administrator, roles, one-time passwords, and what an attacker's clock sees."""

from __future__ import annotations

import datetime as dt
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from arena.accounts import service, sessions, tokens
from arena.accounts.models import ApiToken, LoginSession, Role, User
from arena.errors import Invalid, LastAdmin, NameTaken, NotFound, RegistrationClosed, WrongPassword
from tests.factories import NOON, PASSWORD, make_admin, make_user


def test_a_closed_registration_makes_no_account(db: Session):
    with pytest.raises(RegistrationClosed):
        service.register(db, "ada", PASSWORD, None, is_open=False)
    assert db.scalars(select(User)).all() == []


def test_a_wrong_name_takes_as_long_as_a_wrong_password(db: Session):
    make_user(db, "ada", password="a password of this test")

    def seconds(username: str) -> float:
        began = time.perf_counter()
        with pytest.raises(WrongPassword):
            service.log_in(db, username, "wrong password")
        return time.perf_counter() - began

    seconds("ada"), seconds("nobody")  # the first call makes the hash that nobody has
    known, unknown = median(seconds("ada") for _ in range(7)), median(seconds("nobody") for _ in range(7))
    assert 0.4 < known / unknown < 2.5


def test_letters_that_keyboards_send_differently_are_the_same_password(db: Session):
    service.register(db, "ada", "pa\u0308sswo\u0308rter", None, is_open=True)
    assert service.log_in(db, "ada", "p\u00e4ssw\u00f6rter").username == "ada"


class TestAdmin:
    """The administrators."""

    def test_the_first_is_made_once_with_a_password_for_one_use(self, db: Session):
        password = service.ensure_admin(db, "admin")
        assert password
        admin = service.log_in(db, "admin", password)
        assert admin.role is Role.ADMIN
        assert admin.must_change_password
        assert service.ensure_admin(db, "admin") is None
        assert service.ensure_admin(db, "other") is None

    def test_two_starts_at_once_make_one(self, sessions: sessionmaker[Session]):
        def ensure(name: str) -> str | None:
            with sessions() as session:
                return service.ensure_admin(session, name)

        with ThreadPoolExecutor(4) as threads:
            made = [password for password in threads.map(ensure, ["admin", "admin", "chief", "admin"]) if password]
        assert len(made) == 1

    def test_a_participants_name_is_not_taken_over(self, db: Session):
        make_user(db, "Admin")
        with pytest.raises(NameTaken):
            service.ensure_admin(db, "admin")

    def test_the_last_one_stays(self, db: Session):
        make_admin(db, "chief")
        with pytest.raises(LastAdmin):
            service.set_role(db, "chief", Role.PARTICIPANT)
        db.rollback()
        with pytest.raises(LastAdmin):
            service.disable(db, "chief", NOON)
        db.rollback()
        make_user(db, "ada")
        assert service.set_role(db, "ada", Role.ADMIN).role is Role.ADMIN
        assert service.set_role(db, "chief", Role.ORGANISER).role is Role.ORGANISER

    def test_an_unknown_person_has_no_role(self, db: Session):
        with pytest.raises(NotFound):
            service.set_role(db, "nobody", Role.ADMIN)


def test_a_reset_password_ends_sessions_and_must_be_changed(db: Session):
    user = make_user(db, "ada")
    sessions.start_session(db, user, "", NOON, dt.timedelta(days=1))
    password = service.reset_password(db, "ADA")
    assert db.scalars(select(LoginSession)).all() == []
    assert service.log_in(db, "ada", password).must_change_password
    with pytest.raises(WrongPassword):
        service.log_in(db, "ada", PASSWORD)


def test_a_disabled_person_is_locked_out(db: Session):
    user = make_user(db, "ada")
    sessions.start_session(db, user, "", NOON, dt.timedelta(days=1))
    service.disable(db, "ada", NOON)
    assert db.scalars(select(LoginSession)).all() == []
    with pytest.raises(WrongPassword):
        service.log_in(db, "ada", PASSWORD)


class TestTokens:
    """What tokens may be made."""

    @pytest.mark.parametrize(
        ("name", "scopes", "days"),
        [
            ("", ["read"], 1),
            (" ", ["read"], 1),
            ("x" * 61, ["read"], 1),
            ("x", [], 1),
            ("x", ["root"], 1),
            ("x", ["read"], 0),
        ],
    )
    def test_what_makes_no_token(self, db: Session, name: str, scopes: list[str], days: int):
        user = make_user(db)
        with pytest.raises(Invalid):
            tokens.make_token(db, user, name, scopes, NOON + dt.timedelta(days=days), NOON)

    def test_fifty_are_enough_and_a_log_in_ends_the_least_used(self, db: Session):
        user = make_user(db)
        for number in range(tokens.MOST_TOKENS):
            tokens.make_token(db, user, f"token {number}", ["read"], None, NOON + dt.timedelta(seconds=number))
        with pytest.raises(Invalid):
            tokens.make_token(db, user, "one more", ["read"], None, NOON)
        tokens.revoke_least_used(db, user, NOON)
        assert "token 0" not in {row.name for row in tokens.list_tokens(db, user, NOON)}
        tokens.make_token(db, user, "one more", ["read"], None, NOON)

    def test_use_is_remembered(self, db: Session):
        _, token = tokens.make_token(db, make_user(db), "x", ["read"], None, NOON)
        assert tokens.find_token(db, token, NOON + dt.timedelta(hours=1)).token
        assert db.scalars(select(ApiToken.used_at)).one() == NOON + dt.timedelta(hours=1)
