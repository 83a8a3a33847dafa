"""API tokens: shown once, stored as digests, limited in scope and time; and how any credentials become an identity."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from arena.accounts.models import ApiToken, Role, User
from arena.accounts.sessions import find_session
from arena.deps import Credentials, Identify, Identity
from arena.errors import Invalid, NotFound, ScopeMissing, TokenInvalid
from arena.security import digest_of, new_api_token
from arena.translations import mark

SCOPES = ("read", "submit", "admin")
PREFIX_LENGTH = 12
LONGEST_NAME = 60
MOST_TOKENS = 50
TOUCH_AFTER = dt.timedelta(minutes=5)


def make_token(
    session: Session,
    user: User,
    name: str,
    scopes: Iterable[str],
    expires_at: dt.datetime | None,
    now: dt.datetime,
    *,
    maker: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """Make a token that holds until `expires_at`, or until it is revoked.

    Where another token asks for it (`maker`), the new one can do no more, and lasts no longer.

    Returns:
        The row, and the token itself, which is stored nowhere.

    Raises:
        Invalid: No name, no or unknown scopes, an end in the past, or too many tokens.
        ScopeMissing: More is asked for than the person or the asking token may.
    """
    name, wanted = name.strip(), set(scopes)
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid(field="name", problem=mark("must have 1 to 60 characters"))
    if not wanted or not wanted <= set(SCOPES):
        raise Invalid(field="scopes", problem=mark("must be some of read, submit and admin"))
    if expires_at is not None and expires_at <= now:
        raise Invalid(field="expires_at", problem=mark("must lie in the future"))
    _check_power(user, wanted, maker)
    if maker is not None and maker.expires_at is not None:
        expires_at = min(expires_at or maker.expires_at, maker.expires_at)
    if len(list_tokens(session, user, now)) >= MOST_TOKENS:
        raise Invalid(field="name", problem=mark("there are 50 tokens already; revoke one first"))
    token = new_api_token()
    row = ApiToken(
        user_id=user.id,
        name=name,
        digest=digest_of(token),
        prefix=token[:PREFIX_LENGTH],
        scopes=[scope for scope in SCOPES if scope in wanted],
        expires_at=expires_at,
        created_at=now,
    )
    session.add(row)
    session.commit()
    return row, token


def list_tokens(session: Session, user: User, now: dt.datetime) -> list[ApiToken]:
    """A person's tokens that hold, the newest first."""
    return list(session.scalars(select(ApiToken).where(*_holding(now), ApiToken.user_id == user.id).order_by(_NEWEST)))


def revoke_token(session: Session, user: User, token_id: UUID, now: dt.datetime) -> None:
    """End one of a person's own tokens.

    Raises:
        NotFound: The person has no such token.
    """
    is_own = (ApiToken.id == token_id, ApiToken.user_id == user.id, ApiToken.revoked_at.is_(None))
    ended = session.scalar(update(ApiToken).where(*is_own).values(revoked_at=now).returning(ApiToken.id))
    session.commit()
    if ended is None:
        raise NotFound(what="token")


def revoke_least_used(session: Session, user: User, now: dt.datetime) -> None:
    """Where a person has as many tokens as may be, end the one that was used longest ago."""
    tokens = list_tokens(session, user, now)
    if len(tokens) >= MOST_TOKENS:
        revoke_token(session, user, min(tokens, key=lambda t: t.used_at or t.created_at).id, now)


def find_token(session: Session, token: str, now: dt.datetime) -> Identity:
    """Whose token it is.

    Raises:
        TokenInvalid: It is unknown, expired or revoked, or its owner is locked out.
    """
    found = session.scalar(select(ApiToken).where(ApiToken.digest == digest_of(token), *_holding(now)))
    if found is None or found.user.disabled_at is not None:
        raise TokenInvalid
    if found.used_at is None or now - found.used_at > TOUCH_AFTER:
        found.used_at = now
        session.commit()
    return Identity(found.user, token=found)


def make_identify(session_days: int) -> Identify:
    """How this installation recognises people."""
    lasting = dt.timedelta(days=session_days)

    def identify(session: Session, credentials: Credentials, now: dt.datetime) -> Identity:
        if credentials.token is not None:
            return find_token(session, credentials.token, now)
        return find_session(session, credentials.secret or "", now, lasting)

    return identify


_NEWEST = ApiToken.created_at.desc()


def _holding(now: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    return ApiToken.revoked_at.is_(None), or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now)


def _check_power(user: User, wanted: set[str], maker: ApiToken | None) -> None:
    if "admin" in wanted and user.role is Role.PARTICIPANT:
        raise ScopeMissing(scope="admin")
    for scope in sorted(wanted):
        if maker is not None and scope not in maker.scopes:
            raise ScopeMissing(scope=scope)
