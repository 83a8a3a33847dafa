"""Pages of accounts: log in, register, log out, and the reader's language and theme."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from arena.accounts import service, sessions
from arena.accounts.entering import enter
from arena.accounts.models import User
from arena.clock import Now
from arena.deps import Db, Form, Identity, Visitor, limit_registration, set_session_cookie
from arena.errors import ArenaError
from arena.problems import sentence_of
from arena.rendering import COOKIE_THEME, THEMES, render
from arena.security import safe_next
from arena.translations import COOKIE_LANGUAGE, LANGUAGES, choose_language

router = APIRouter(include_in_schema=False)
YEAR_SECONDS = 365 * 86_400
PASSWORD_PAGE = "/settings/password"  # noqa: S105 - an address


@router.get("/login")
def show_login(request: Request, identity: Visitor) -> Response:
    """The form; who is logged in goes on at once."""
    if identity.user is not None:
        return RedirectResponse(wanted_page(request), 303)
    return render(request, "accounts/login.html", next=wanted_page(request), errors={}, username="")


@router.post("/login")
def log_in(request: Request, db: Db, form: Form, identity: Visitor, now: Now) -> Response:
    """Begin a session, or show the form again with what is wrong."""
    username, target = text_of(form, "username"), safe_next(text_of(form, "next"))
    try:
        user = enter(request, db, username, text_of(form, "password"))
    except ArenaError as error:
        facts = {"next": target, "username": username, "errors": errors_of(request, error)}
        return render(request, "accounts/login.html", error.status, **facts)
    begin_session(request, db, identity, user, now)
    return RedirectResponse(
        f"{PASSWORD_PAGE}?notice=password_must_change" if user.must_change_password else target, 303
    )


@router.get("/register")
def show_register(request: Request, identity: Visitor) -> Response:
    """The form; where registration is closed, a page that says so."""
    if identity.user is not None:
        return RedirectResponse(wanted_page(request), 303)
    is_open = request.app.state.settings.registration_open
    facts = {"is_open": is_open, "next": wanted_page(request), "errors": {}, "username": "", "email": ""}
    return render(request, "accounts/register.html", **facts)


@router.post("/register", dependencies=[Depends(limit_registration)])
def register(request: Request, db: Db, form: Form, identity: Visitor, now: Now) -> Response:
    """Make an account and log in, or show the form again with what is wrong."""
    username, email, target = text_of(form, "username"), text_of(form, "email"), safe_next(text_of(form, "next"))
    is_open = request.app.state.settings.registration_open
    try:
        user = service.register(db, username, text_of(form, "password"), email, is_open=is_open)
    except ArenaError as error:
        facts = {"next": target, "username": username, "email": email, "errors": errors_of(request, error)}
        return render(request, "accounts/register.html", error.status, is_open=is_open, **facts)
    begin_session(request, db, identity, user, now)
    return RedirectResponse(with_notice(target, "welcome"), 303)


@router.post("/logout")
def log_out(request: Request, db: Db, _form: Form, identity: Visitor) -> Response:
    """End the session of this browser."""
    if identity.session is not None:
        sessions.end_session(db, identity.session)
    set_session_cookie(request, "")
    return RedirectResponse("/?notice=logged_out", 303)


@router.post("/language")
def choose(request: Request, db: Db, form: Form, identity: Visitor) -> Response:
    """Remember the language, in a cookie and in the account."""
    language = text_of(form, "language")
    answer = RedirectResponse(safe_next(text_of(form, "next")), 303)
    if language in LANGUAGES:
        if identity.user is not None:
            service.set_language(db, identity.user, language)
        remember(request, answer, COOKIE_LANGUAGE, language)
    return answer


@router.post("/theme")
def choose_theme(request: Request, form: Form) -> Response:
    """Remember light or dark, in a cookie."""
    theme = text_of(form, "theme")
    answer = RedirectResponse(safe_next(text_of(form, "next")), 303)
    if theme in THEMES:
        remember(request, answer, COOKIE_THEME, theme)
    return answer


def begin_session(request: Request, db: Session, identity: Identity, user: User, now: dt.datetime) -> None:
    """Log this browser in under a new secret; the session it had before ends."""
    if identity.session is not None:
        sessions.end_session(db, identity.session)
    lasting = dt.timedelta(days=request.app.state.settings.session_days)
    agent = request.headers.get("user-agent", "")
    _, secret = sessions.start_session(db, user, agent, now, lasting)
    set_session_cookie(request, secret)


def remember(request: Request, answer: Response, name: str, value: str) -> None:
    """Keep a choice in a cookie for a year; scripts may read it, it proves nothing."""
    secure = request.app.state.settings.secure_cookies
    answer.set_cookie(name, value, max_age=YEAR_SECONDS, secure=secure, samesite="lax")


def text_of(form: Any, name: str) -> str:
    """A field of a form as text; empty where it is absent."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def wanted_page(request: Request) -> str:
    """Where the person wanted to go before logging in."""
    return safe_next(request.query_params.get("next"))


def with_notice(target: str, key: str) -> str:
    """An address on this site with a notice to show there."""
    return f"{target}{'&' if '?' in target else '?'}notice={key}"


def errors_of(request: Request, error: ArenaError) -> dict[str, str]:
    """What is wrong, by the field it belongs to; under the empty name what belongs to none."""
    language = choose_language(request)
    return {str(error.facts.get("field", "")): sentence_of(error, language)}
