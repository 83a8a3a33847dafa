"""Browser sessions: a random secret in a cookie, its digest in a row, replaced from time to time.

A replaced secret stays good until the browser has shown the new one, so that an answer lost on the way logs nobody out.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from arena.accounts.models import LoginSession, User
from arena.deps import Identity
from arena.errors import NotFound
from arena.security import digest_of, new_secret

ROTATE_AFTER = dt.timedelta(hours=12)
GRACE = dt.timedelta(minutes=1)
"""Requests that were under way during a rotation come with the secret before it."""
TOUCH_AFTER = dt.timedelta(minutes=10)
LONGEST = dt.timedelta(days=90)
"""However busy, a session ends so long after its log-in."""
MOST_SESSIONS = 30
LONGEST_AGENT = 200


def start_session(
    session: Session, user: User, user_agent: str, now: dt.datetime, lasting: dt.timedelta
) -> tuple[LoginSession, str]:
    """Log a browser in, and forget the person's sessions that are over or too many.

    Returns:
        The session, and the secret for the cookie, which is stored nowhere.
    """
    secret = new_secret()
    made = LoginSession(
        digest=digest_of(secret),
        user_id=user.id,
        csrf_token=new_secret(),
        user_agent=user_agent[:LONGEST_AGENT],
        created_at=now,
        seen_at=now,
        rotated_at=now,
        expires_at=now + lasting,
    )
    session.add(made)
    newest = select(LoginSession.id).where(LoginSession.user_id == user.id)
    newest = newest.order_by(LoginSession.seen_at.desc()).limit(MOST_SESSIONS)
    is_over = or_(LoginSession.expires_at <= now, LoginSession.id.not_in(newest))
    session.execute(delete(LoginSession).where(LoginSession.user_id == user.id, is_over))
    session.commit()
    return made, secret


def find_session(session: Session, secret: str, now: dt.datetime, lasting: dt.timedelta) -> Identity:
    """Whose session a secret opens; nobody's where it is unknown or over. Seen sessions last on."""
    digest = digest_of(secret)
    is_known = or_(LoginSession.digest == digest, LoginSession.previous_digest == digest)
    found = session.scalar(select(LoginSession).where(is_known))
    if found is None or found.expires_at <= now or found.user.disabled_at is not None:
        return Identity()
    if found.digest != digest:
        lost = now - found.rotated_at > GRACE  # the answer with the new secret never arrived
        return Identity(found.user, found, new_secret=_rotate(session, found, digest, now, lasting) if lost else None)
    if now - found.rotated_at > ROTATE_AFTER:
        return Identity(found.user, found, new_secret=_rotate(session, found, digest, now, lasting))
    is_confirmed = found.previous_digest is not None and now - found.rotated_at > GRACE
    if is_confirmed or now - found.seen_at > TOUCH_AFTER:
        found.previous_digest = None if is_confirmed else found.previous_digest
        found.seen_at = now
        found.expires_at = _end_of(found, now, lasting)
        session.commit()
    return Identity(found.user, found)


def end_session(session: Session, found: LoginSession) -> None:
    """Log a browser out."""
    session.execute(delete(LoginSession).where(LoginSession.id == found.id))
    session.commit()


def list_sessions(session: Session, user: User, now: dt.datetime) -> list[LoginSession]:
    """A person's sessions that last, the last used first."""
    found = select(LoginSession).where(LoginSession.user_id == user.id, LoginSession.expires_at > now)
    return list(session.scalars(found.order_by(LoginSession.seen_at.desc())))


def revoke_session(session: Session, user: User, session_id: UUID) -> None:
    """End one of a person's own sessions.

    Raises:
        NotFound: The person has no such session.
    """
    is_own = (LoginSession.id == session_id, LoginSession.user_id == user.id)
    ended = session.scalar(delete(LoginSession).where(*is_own).returning(LoginSession.id))
    session.commit()
    if ended is None:
        raise NotFound(what="session")


def revoke_others(session: Session, user: User, keep: LoginSession | None) -> None:
    """End all of a person's sessions but one."""
    others = delete(LoginSession).where(LoginSession.user_id == user.id)
    session.execute(others if keep is None else others.where(LoginSession.id != keep.id))
    session.commit()


def _end_of(found: LoginSession, now: dt.datetime, lasting: dt.timedelta) -> dt.datetime:
    return min(now + lasting, found.created_at + LONGEST)


def _rotate(session: Session, found: LoginSession, digest: str, now: dt.datetime, lasting: dt.timedelta) -> str | None:
    """Replace the secret, unless another request has just done so."""
    secret, ends = new_secret(), _end_of(found, now, lasting)
    mine = (LoginSession.id == found.id, LoginSession.rotated_at == found.rotated_at)
    values = {"digest": digest_of(secret), "previous_digest": digest, "rotated_at": now, "seen_at": now}
    changed = update(LoginSession).where(*mine).values(values | {"expires_at": ends}).returning(LoginSession.id)
    was_changed = session.scalar(changed) is not None
    session.commit()
    return secret if was_changed else None
