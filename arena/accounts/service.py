"""Accounts: making them, logging in, passwords and roles; `sessions` and `tokens` beside it do the rest."""

from __future__ import annotations

import datetime as dt

from psycopg.errors import UniqueViolation
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from arena.accounts.models import LoginSession, Role, User
from arena.errors import Invalid, LastAdmin, NameTaken, NotFound, RegistrationClosed, WrongPassword
from arena.security import (
    check_email,
    check_password,
    check_username,
    hash_password,
    is_weaker,
    new_one_time_password,
    verify_nobody,
    verify_password,
)
from arena.translations import LANGUAGES, mark

ADMIN_LOCK = 4_173_295_716_028_846_338


def register(session: Session, username: str, password: str, email: str | None, *, is_open: bool) -> User:
    """Make a participant's account.

    Raises:
        RegistrationClosed: The operator makes the accounts.
        Invalid: Name, password or address break their rules.
        NameTaken: Name or address belong to someone, or were taken in the same moment.
    """
    if not is_open:
        raise RegistrationClosed
    email = (email or "").strip() or None
    check_username(username)
    check_password(password, username)
    if email is not None:
        check_email(email)
    user = User(username=username, email=email, password_hash=hash_password(password))
    session.add(user)
    _commit_unique(session, username, email)
    return user


def log_in(session: Session, username: str, password: str) -> User:
    """The person of that name, if the password is right; takes as long when there is no such person.

    Raises:
        WrongPassword: Name or password are wrong, or the account is disabled; which of them is not told.
    """
    user = find_user(session, username)
    if user is None:
        verify_nobody(password)
        raise WrongPassword
    if not verify_password(user.password_hash, password) or user.disabled_at is not None:
        raise WrongPassword
    if is_weaker(user.password_hash):
        user.password_hash = hash_password(password)
        session.commit()
    return user


def find_user(session: Session, username: str) -> User | None:
    """A person by name, without regard to case."""
    return session.scalar(select(User).where(func.lower(User.username) == username.lower()))


def get_user(session: Session, username: str) -> User:
    """A person by name, without regard to case.

    Raises:
        NotFound: No such person.
    """
    user = find_user(session, username)
    if user is None:
        raise NotFound(what="user")
    return user


def change_password(session: Session, user: User, old: str, new: str, keep: LoginSession | None) -> None:
    """Replace the password, and end every session of the person but `keep`.

    Raises:
        Invalid: The old password is wrong, or the new one breaks the rules.
    """
    if not verify_password(user.password_hash, old):
        raise Invalid(field="old_password", problem=mark("is wrong"))
    check_password(new, user.username)
    if verify_password(user.password_hash, new):
        raise Invalid(field="password", problem=mark("must differ from the old one"))
    user.password_hash = hash_password(new)
    user.must_change_password = False
    others = delete(LoginSession).where(LoginSession.user_id == user.id)
    session.execute(others if keep is None else others.where(LoginSession.id != keep.id))
    session.commit()


def update_profile(session: Session, user: User, email: str | None, language: str | None) -> None:
    """Set address and language; the empty text takes them away.

    Raises:
        Invalid: No such language, or not the shape of an address.
        NameTaken: The address belongs to someone else.
    """
    email = (email or "").strip() or None
    if email is not None:
        check_email(email)
    if language and language not in LANGUAGES:
        raise Invalid(field="language", problem=mark("is not spoken here"))
    user.email, user.language = email, language or None
    _commit_unique(session, user.username, email)


def set_language(session: Session, user: User, language: str) -> None:
    """Remember the language that a person chose."""
    session.execute(update(User).where(User.id == user.id).values(language=language))
    session.commit()


def ensure_admin(session: Session, username: str) -> str | None:
    """Make the first administrator.

    Returns:
        The one-time password; None where an administrator exists already.

    Raises:
        NameTaken: The name belongs to someone who is no administrator.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADMIN_LOCK})
    if session.scalar(select(User.id).where(User.role == Role.ADMIN).limit(1)) is not None:
        session.rollback()
        return None
    check_username(username)
    password = new_one_time_password()
    hashed = hash_password(password)
    session.add(User(username=username, password_hash=hashed, role=Role.ADMIN, must_change_password=True))
    _commit_unique(session, username, None)
    return password


def reset_password(session: Session, username: str) -> str:
    """Give a person a one-time password, and end all their sessions.

    Raises:
        NotFound: No such person.
    """
    user = get_user(session, username)
    password = new_one_time_password()
    user.password_hash = hash_password(password)
    user.must_change_password = True
    session.execute(delete(LoginSession).where(LoginSession.user_id == user.id))
    session.commit()
    return password


def set_role(session: Session, username: str, role: Role) -> User:
    """Give a person another role.

    Raises:
        NotFound: No such person.
        LastAdmin: Nobody would be left to administer.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADMIN_LOCK})
    user = get_user(session, username)
    if user.role is Role.ADMIN and role is not Role.ADMIN:
        _check_other_admin(session, user)
    user.role = role
    session.commit()
    return user


def disable(session: Session, username: str, now: dt.datetime) -> None:
    """Lock a person out at once: sessions end, tokens are refused, the password opens nothing.

    Raises:
        NotFound: No such person.
        LastAdmin: Nobody would be left to administer.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADMIN_LOCK})
    user = get_user(session, username)
    if user.role is Role.ADMIN:
        _check_other_admin(session, user)
    user.disabled_at = now
    session.execute(delete(LoginSession).where(LoginSession.user_id == user.id))
    session.commit()


def _check_other_admin(session: Session, user: User) -> None:
    others = select(User.id).where(User.role == Role.ADMIN, User.id != user.id, User.disabled_at.is_(None))
    if session.scalar(others.limit(1)) is None:
        raise LastAdmin(username=user.username)


def _commit_unique(session: Session, username: str, email: str | None) -> None:
    """Commit; the database decides who was first."""
    try:
        session.commit()
    except IntegrityError as error:
        session.rollback()
        if not isinstance(error.orig, UniqueViolation):
            raise
        if "email" in (error.orig.diag.constraint_name or ""):
            raise NameTaken(field="email", value=email or "") from None
        raise NameTaken(field="username", value=username) from None
