"""Logging in with a password, by page or API: wrong guesses are counted by address, right ones are free.

A class that logs in behind one address is not held up; whoever tries passwords is.
"""

from __future__ import annotations

from fastapi import Request
from sqlalchemy.orm import Session

from arena.accounts import service
from arena.accounts.models import User
from arena.deps import address_of
from arena.errors import WrongPassword
from arena.limiting import Limits


def enter(request: Request, session: Session, username: str, password: str) -> User:
    """The person of that name, if the password is right.

    Raises:
        RateLimited: Too many wrong guesses came from this address; not even the right one counts now.
        WrongPassword: Name or password are wrong.
    """
    limits: Limits = request.app.state.limits
    who = address_of(request)
    limits.check_room(limits.login, "login", who)
    # counted before the password is looked at, so that guesses sent all at once do not all find room
    limits.check(limits.login_of_name, "login-name", f"{who} {username[:64].casefold()}")
    try:
        return service.log_in(session, username, password)
    except WrongPassword:
        limits.count(limits.login, "login", who)
        raise
