"""Pages of a person's own settings: profile, password, browsers that are logged in, and API tokens."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from arena.accounts import service, sessions, tokens
from arena.accounts.pages import PASSWORD_PAGE, begin_session, errors_of, text_of
from arena.clock import Now
from arena.deps import AnyoneLoggedIn, Db, Form, Identity, Person, set_session_cookie
from arena.errors import ArenaError, Invalid
from arena.rendering import render
from arena.translations import mark

router = APIRouter(include_in_schema=False, prefix="/settings")
LIFETIMES = {"7": 7, "30": 30, "90": 90, "365": 365, "never": None}
"""How many days a token may last, by the value of the form's choice."""


@router.get("")
def show_settings(request: Request, db: Db, identity: Person, now: Now) -> Response:
    """Profile, password and sessions."""
    return render_settings(request, db, identity, now)


@router.post("/profile")
def update_profile(request: Request, db: Db, form: Form, identity: Person, now: Now) -> Response:
    """Save address and language."""
    try:
        service.update_profile(db, identity.known, text_of(form, "email"), text_of(form, "language"))
    except ArenaError as error:
        return render_settings(request, db, identity, now, error)
    return RedirectResponse("/settings?notice=saved", 303)


@router.get("/password")
def show_password(request: Request, identity: AnyoneLoggedIn) -> Response:
    """The form for a new password."""
    return render(request, "accounts/password.html", errors={}, must_change=identity.known.must_change_password)


@router.post("/password")
def change_password(request: Request, db: Db, form: Form, identity: AnyoneLoggedIn, now: Now) -> Response:
    """Replace the password; every other browser is logged out, and this one gets a new session."""
    user = identity.known
    try:
        service.change_password(db, user, text_of(form, "old_password"), text_of(form, "password"), identity.session)
    except ArenaError as error:
        facts = {"errors": errors_of(request, error), "must_change": user.must_change_password}
        return render(request, "accounts/password.html", error.status, **facts)
    begin_session(request, db, identity, user, now)
    return RedirectResponse("/settings?notice=password_changed", 303)


@router.post("/sessions/{session_id}/revoke")
def revoke_session(request: Request, session_id: UUID, db: Db, _form: Form, identity: Person) -> Response:
    """Log one browser out."""
    is_own = identity.session is not None and identity.session.id == session_id
    sessions.revoke_session(db, identity.known, session_id)
    if is_own:
        set_session_cookie(request, "")
    return RedirectResponse("/?notice=logged_out" if is_own else "/settings?notice=saved", 303)


@router.post("/sessions/revoke-others")
def revoke_others(db: Db, _form: Form, identity: Person) -> Response:
    """Log every other browser out."""
    sessions.revoke_others(db, identity.known, identity.session)
    return RedirectResponse("/settings?notice=saved", 303)


@router.get("/tokens")
def show_tokens(request: Request, db: Db, identity: Person, now: Now) -> Response:
    """The tokens that hold, and the form for a new one."""
    return render_tokens(request, db, identity, now)


@router.post("/tokens")
def make_token(request: Request, db: Db, form: Form, identity: Person, now: Now) -> Response:
    """Make a token and show it, this once."""
    try:
        ends = ends_at(text_of(form, "lifetime"), now)
        scopes = [scope for scope in tokens.SCOPES if form.get(f"scope_{scope}")]
        name, maker = text_of(form, "name"), identity.token
        row, token = tokens.make_token(db, identity.known, name, scopes, ends, now, maker=maker)
    except ArenaError as error:
        return render_tokens(request, db, identity, now, error, form=form)
    return render_tokens(request, db, identity, now, made=row, token=token)


@router.post("/tokens/{token_id}/revoke")
def revoke_token(token_id: UUID, db: Db, _form: Form, identity: Person, now: Now) -> Response:
    """End a token."""
    tokens.revoke_token(db, identity.known, token_id, now)
    return RedirectResponse("/settings/tokens?notice=token_revoked", 303)


def render_settings(
    request: Request, db: Session, identity: Identity, now: dt.datetime, error: ArenaError | None = None
) -> Response:
    """The page of settings, with what is wrong where something is."""
    return render(
        request,
        "accounts/settings.html",
        error.status if error else 200,
        sessions=sessions.list_sessions(db, identity.known, now),
        current=identity.session.id if identity.session else None,
        errors=errors_of(request, error) if error else {},
        password_page=PASSWORD_PAGE,
    )


def render_tokens(
    request: Request,
    db: Session,
    identity: Identity,
    now: dt.datetime,
    error: ArenaError | None = None,
    **shown: Any,
) -> Response:
    """The page of tokens, with a new one or with what is wrong."""
    facts = {"made": None, "token": "", "form": {}} | shown
    page = render(
        request,
        "accounts/tokens.html",
        error.status if error else 200,
        tokens=tokens.list_tokens(db, identity.known, now),
        scopes=[scope for scope in tokens.SCOPES if scope != "admin" or identity.is_admin],
        lifetimes=list(LIFETIMES),
        errors=errors_of(request, error) if error else {},
        **facts,
    )
    page.headers["Cache-Control"] = "no-store"
    return page


def ends_at(choice: str, now: dt.datetime) -> dt.datetime | None:
    """When a token of the chosen lifetime ends; None: never."""
    if choice not in LIFETIMES:
        raise Invalid(field="lifetime", problem=mark("is not one of the choices"))
    days = LIFETIMES[choice]
    return None if days is None else now + dt.timedelta(days=days)
