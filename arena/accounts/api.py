"""REST routes of accounts: register, log in for a token, see oneself, manage tokens."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from arena.accounts import service, tokens
from arena.accounts.entering import enter
from arena.accounts.models import User
from arena.accounts.schemas import LoginIn, LoginOut, RegisterIn, TokenIn, TokenList, TokenMade, TokenOut, UserOut
from arena.clock import Now
from arena.deps import AnyoneLoggedIn, BriefRoute, Db, Person, limit_registration
from arena.errors import PasswordMustChange

router = APIRouter(route_class=BriefRoute, tags=["accounts"])
LOGIN_LASTS = dt.timedelta(days=90)


@router.post("/users", status_code=201, summary="Register", dependencies=[Depends(limit_registration)])
def register(request: Request, body: RegisterIn, db: Db) -> UserOut:
    """Make an account. Refused where the operator has closed registration."""
    is_open = request.app.state.settings.registration_open
    return UserOut.model_validate(service.register(db, body.username, body.password, body.email, is_open=is_open))


@router.post("/login", summary="Log in for a token")
def log_in(request: Request, body: LoginIn, db: Db, now: Now, response: Response) -> LoginOut:
    """Exchange name and password for an API token that holds for 90 days."""
    user = enter(request, db, body.username, body.password)
    if user.must_change_password:
        raise PasswordMustChange
    tokens.revoke_least_used(db, user, now)
    row, token = tokens.make_token(db, user, body.token_name, body.scopes, now + LOGIN_LASTS, now)
    response.headers["Cache-Control"] = "no-store"
    return LoginOut(token=token, expires_at=row.expires_at, username=user.username)


@router.get("/me", summary="Who am I")
def show_me(identity: AnyoneLoggedIn) -> UserOut:
    """The account that the token or the session belongs to."""
    return UserOut.model_validate(identity.user)


@router.get("/tokens", summary="List own tokens")
def list_tokens(identity: Person, db: Db, now: Now) -> TokenList:
    """The tokens that hold, the newest first."""
    found = tokens.list_tokens(db, identity.known, now)
    return TokenList(items=[TokenOut.model_validate(row) for row in found])


@router.post("/tokens", status_code=201, summary="Make a token")
def make_token(body: TokenIn, identity: Person, db: Db, now: Now, response: Response) -> TokenMade:
    """Make a token; this answer is the only one that shows it. A token makes no token that can do more than itself."""
    user: User = identity.known
    row, token = tokens.make_token(db, user, body.name, body.scopes, body.expires_at, now, maker=identity.token)
    response.headers["Cache-Control"] = "no-store"
    return TokenMade(**TokenOut.model_validate(row).model_dump(), token=token)


@router.delete("/tokens/{token_id}", status_code=204, summary="Revoke a token")
def revoke_token(token_id: UUID, identity: Person, db: Db, now: Now) -> None:
    """End a token at once."""
    tokens.revoke_token(db, identity.known, token_id, now)
