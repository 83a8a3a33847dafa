"""What routes ask for by annotation: the database session, who is asking, and what that person may do.

`Visitor` is anyone, `Person` is logged in, `Admin` is an administrator or organiser. A token reads with the scope
`read`, writes with `submit`, and administers with `admin`; a browser's session may do all that its person may.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Annotated, Any, cast

from anyio import to_thread
from fastapi import Depends, Request
from fastapi.routing import APIRoute
from redis import Redis
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from arena.clock import Now
from arena.crossing import SAFE_METHODS, check_origin
from arena.errors import AdminOnly, CsrfFailed, NotLoggedIn, PasswordMustChange, ScopeMissing
from arena.events import Hub
from arena.limiting import Limits, network_of
from arena.queues import Queues
from arena.security import is_same
from arena.settings import Settings

if TYPE_CHECKING:
    from arena.accounts.models import ApiToken, LoginSession, User
    from arena.storage import Storage

SESSION_COOKIE = "arena_session"
LARGEST_FIELD = 20_000


@dataclass(frozen=True)
class Credentials:
    """What a request brought to prove who sent it."""

    token: str | None = None
    """From `Authorization: Bearer …`; goes before the cookie."""
    secret: str | None = None
    """From the session cookie."""


@dataclass(frozen=True)
class Identity:
    """Who is asking, and by what it was proven."""

    user: User | None = None
    session: LoginSession | None = None
    token: ApiToken | None = None
    new_secret: str | None = None
    """The session's secret was replaced: the browser gets this one."""

    @property
    def known(self) -> User:
        """The person, where a route asks for one that is logged in.

        Raises:
            NotLoggedIn: Nobody is.
        """
        if self.user is None:
            raise NotLoggedIn
        return self.user

    @property
    def csrf_token(self) -> str:
        """What the forms of this session carry; empty for visitors without one."""
        return self.session.csrf_token if self.session else ""

    @property
    def is_admin(self) -> bool:
        """May see and do what organisers and administrators may."""
        if self.user is None or self.user.role == "participant":
            return False
        return self.token is None or "admin" in self.token.scopes

    @property
    def key(self) -> str:
        """Who counts as one for rate limits, with however many tokens; empty for anonymous visitors."""
        return f"user:{self.user.id}" if self.user is not None else ""


Identify = Callable[[Session, Credentials, dt.datetime], Identity]
"""How credentials become an identity; the app takes it from the accounts, which stand above this module."""


async def get_db(request: Request) -> AsyncIterator[Session]:
    """A session that is closed before the answer leaves; services commit, this never does.

    Closing has threads of its own: those of the routes may all be waiting for the connection that this gives back.
    """
    session: Session = request.app.state.sessions()
    try:
        yield session
    finally:
        if session.in_transaction():
            await to_thread.run_sync(session.close, limiter=request.app.state.closers)
        else:
            session.close()


Db = Annotated[Session, Depends(get_db, scope="function")]


class BriefRoute(APIRoute):
    """A route that gives its connection back in the thread that used it: its answer is put together in another one.

    Were it kept in between, a hundred readers at once would all wait: some for threads, the others for connections.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else _giving_back(endpoint), **options)


def _giving_back(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(endpoint)
    def call(**values: Any) -> Any:
        answer = endpoint(**values)
        for session in values.values():
            if isinstance(session, Session) and not (session.new or session.dirty or session.deleted):
                session.commit()  # of what was only read
        return answer

    return call


def session_cookie(settings: Settings) -> str:
    """The name of the session cookie; over TLS one that no other host or path can set."""
    return f"__Host-{SESSION_COOKIE}" if settings.secure_cookies else SESSION_COOKIE


def read_credentials(request: Request) -> Credentials:
    """The token or the cookie of a request."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Credentials(token=token.strip())
    return Credentials(secret=request.cookies.get(session_cookie(request.app.state.settings)))


async def get_visitor(request: Request, db: Db, now: Now) -> Identity:
    """Whoever is asking; a token that does not hold is refused even where none is needed."""
    identity = await recognise(request, db, now)
    if identity.session and request.method not in SAFE_METHODS and request.url.path.startswith("/api/"):
        check_csrf(request, identity, request.headers.get("x-csrf-token", ""))
    return identity


Visitor = Annotated[Identity, Depends(get_visitor)]


async def recognise(request: Request, db: Session, now: dt.datetime) -> Identity:
    """Find out who is asking, for the route and for everything that is rendered."""
    credentials = read_credentials(request)
    identity = Identity()
    if credentials.token is not None or credentials.secret:
        identity = await run_in_threadpool(_identify, request, db, credentials, now)
    request.state.identity = identity
    if identity.new_secret:
        set_session_cookie(request, identity.new_secret)
    return identity


def _identify(request: Request, db: Session, credentials: Credentials, now: dt.datetime) -> Identity:
    identify: Identify = request.app.state.identify
    identity = identify(db, credentials, now)
    db.commit()  # gives the connection back: who keeps one while waiting for a thread stops everybody in the end
    return identity


async def get_anyone_logged_in(request: Request, identity: Visitor) -> Identity:
    """Someone who is logged in, even if the password must be changed first."""
    if identity.user is None:
        raise NotLoggedIn
    check_scope(identity, "read" if request.method in SAFE_METHODS else "submit")
    return identity


AnyoneLoggedIn = Annotated[Identity, Depends(get_anyone_logged_in)]


async def get_person(identity: AnyoneLoggedIn) -> Identity:
    """Someone who is logged in with a password of their own."""
    if identity.user is not None and identity.user.must_change_password:
        raise PasswordMustChange
    return identity


Person = Annotated[Identity, Depends(get_person)]


async def get_admin(identity: Visitor) -> Identity:
    """An administrator or organiser."""
    if identity.user is None:
        raise NotLoggedIn
    if identity.user.role == "participant":
        raise AdminOnly
    check_scope(identity, "admin")
    return await get_person(identity)


Admin = Annotated[Identity, Depends(get_admin)]


def check_scope(identity: Identity, scope: str) -> None:
    """Raise ScopeMissing where a token was not made for this."""
    if identity.token is not None and scope not in identity.token.scopes:
        raise ScopeMissing(scope=scope)


def needs_scope(scope: str) -> Callable[[Identity], Awaitable[None]]:
    """A dependency that refuses tokens without `scope`: `dependencies=[Depends(needs_scope("submit"))]`."""

    async def check(identity: Person) -> None:
        check_scope(identity, scope)

    return check


def check_csrf(request: Request, identity: Identity, token: str) -> None:
    """Raise CsrfFailed unless the request comes from our own page and, where there is a session, carries its token."""
    check_origin(request.headers, request.app.state.settings.base_url)
    if identity.session is not None and not is_same(identity.session.csrf_token, token):
        raise CsrfFailed


async def get_checked_form(request: Request, identity: Visitor) -> FormData:
    """The fields of a form without files, proven to come from our own page."""
    form = await request.form(max_files=0, max_fields=100, max_part_size=LARGEST_FIELD)
    check_csrf(request, identity, str(form.get("csrf_token", "")))
    return form


Form = Annotated[FormData, Depends(get_checked_form)]


def set_session_cookie(request: Request, secret: str) -> None:
    """Give the browser its session's secret, whatever the route answers; an empty one takes it away."""
    settings: Settings = request.app.state.settings
    max_age = settings.session_days * 86_400 if secret else 0
    parts = [f"{session_cookie(settings)}={secret}", "Path=/", f"Max-Age={max_age}", "HttpOnly", "SameSite=Lax"]
    request.scope.setdefault("arena.cookies", []).append(
        "; ".join([*parts, *(["Secure"] if settings.secure_cookies else [])])
    )


def address_of(request: Request) -> str:
    """The visitor's address, as far as trusted proxies tell."""
    return network_of(request.client.host if request.client else "")


def limit_api(request: Request, identity: Visitor) -> None:
    """Count an API request against the limit for reads or writes."""
    limits: Limits = request.app.state.limits
    is_read = request.method in SAFE_METHODS
    limit, kind = (limits.read, "read") if is_read else (limits.write, "write")
    limits.check(limit, kind, identity.key or address_of(request))


def limit_registration(request: Request) -> None:
    """Count an attempt to register against the address."""
    limits: Limits = request.app.state.limits
    limits.check(limits.login, "register", address_of(request))


def get_settings(request: Request) -> Settings:
    """The settings of this process."""
    return cast("Settings", request.app.state.settings)


def get_queues(request: Request) -> Queues:
    """The queues to the graders."""
    return cast("Queues", request.app.state.queues)


def get_redis(request: Request) -> Redis:
    """The connections to Redis."""
    return cast("Redis", request.app.state.redis)


def get_storage(request: Request) -> Storage:
    """Where uploads and public files are."""
    return cast("Storage", request.app.state.storage)


def get_hub(request: Request) -> Hub:
    """What tells of changes."""
    return cast("Hub", request.app.state.hub)
