"""Pages of operations: what goes on, what went wrong, data, people. Actions are forms and need no script."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from arena.accounts.models import Role
from arena.catalogue.models import ChallengeState
from arena.catalogue.service import set_deadline, set_state
from arena.clock import Now
from arena.deps import Db, Form, get_queues, get_storage
from arena.errors import Invalid
from arena.operations import service
from arena.operations.access import ADMINISTRATOR, FORM, ORGANISER
from arena.operations.api import cursor_of, read_after
from arena.queues import Queues
from arena.rendering import render
from arena.storage import Storage
from arena.translations import mark

router = APIRouter(prefix="/admin", include_in_schema=False)

Jobs = Annotated[Queues, Depends(get_queues)]
Blobs = Annotated[Storage, Depends(get_storage)]
Cursor = Annotated[str | None, Query()]
ROWS = 25
WAITING_ROWS = 50


@router.get("", dependencies=ORGANISER)
def show_overview(request: Request, db: Db, queues: Jobs, now: Now) -> HTMLResponse:
    """Queues and graders in short, and every challenge with its switches."""
    facts = {
        "overview": service.read_overview(db, queues, now),
        "challenges": service.list_data(db, queues, now),
        "failures": service.count_failures(db),
    }
    return _render(request, "overview", **facts)


@router.get("/queue", dependencies=ORGANISER)
def show_queue(request: Request, db: Db, queues: Jobs, now: Now) -> HTMLResponse:
    """Queues, graders, and who waits longest."""
    facts = {"overview": service.read_overview(db, queues, now), "waiting": service.list_waiting(db, WAITING_ROWS)}
    return _render(request, "queue", now=now, **facts)


@router.get("/failures", dependencies=ADMINISTRATOR)
def show_failures(request: Request, db: Db, cursor: Cursor = None) -> HTMLResponse:
    """Failed gradings with their traces."""
    found = service.list_failures(db, read_after(cursor), ROWS + 1)
    return _render(request, "failures", failures=found[:ROWS], next_cursor=cursor_of(found, ROWS))


@router.get("/datasets", dependencies=ADMINISTRATOR)
def show_datasets(request: Request, db: Db, queues: Jobs, now: Now) -> HTMLResponse:
    """Every challenge's data, and the ways to have it prepared anew."""
    return _render(request, "datasets", challenges=service.list_data(db, queues, now))


@router.get("/users", dependencies=ADMINISTRATOR)
def show_users(
    request: Request,
    db: Db,
    q: Annotated[str, Query(max_length=100)] = "",
    cursor: Cursor = None,
) -> HTMLResponse:
    """People, their roles, and who is locked out."""
    found = service.list_users(db, q, read_after(cursor), ROWS + 1)
    facts = {"people": found[:ROWS], "next_cursor": cursor_of(found, ROWS), "words": q, "roles": list(Role)}
    return _render(request, "users", **facts)


@router.post("/challenges/{slug}/open", dependencies=[*ORGANISER, FORM])
def open_challenge(slug: str, db: Db) -> RedirectResponse:
    """Take submissions again."""
    set_state(db, slug, ChallengeState.OPEN)
    return _back_to("/admin", "opened")


@router.post("/challenges/{slug}/close", dependencies=[*ORGANISER, FORM])
def close_challenge(slug: str, db: Db) -> RedirectResponse:
    """Take no submissions until it is opened again."""
    set_state(db, slug, ChallengeState.CLOSED)
    return _back_to("/admin", "closed")


@router.post("/challenges/{slug}/deadline", dependencies=ADMINISTRATOR)
def move_deadline(form: Form, slug: str, db: Db) -> RedirectResponse:
    """Set the end of submissions, in UTC; empty: none."""
    set_deadline(db, slug, parse_moment(str(form.get("deadline", ""))))
    return _back_to("/admin", "saved")


@router.post("/challenges/{slug}/prepare", dependencies=ADMINISTRATOR)
def prepare_data(form: Form, slug: str, db: Db, queues: Jobs) -> RedirectResponse:
    """Have data prepared anew."""
    accepts = form.get("accept_licence") == "yes"
    service.prepare(db, queues, slug, str(form.get("source", "")), accepts_licence=accepts)
    return _back_to("/admin/datasets", "preparing")


@router.post("/submissions/{submission_id}/regrade", dependencies=[*ADMINISTRATOR, FORM])
def regrade(submission_id: UUID, db: Db, queues: Jobs, storage: Blobs) -> RedirectResponse:
    """Grade a submission again."""
    service.regrade(db, queues, storage, submission_id)
    return _back_to(f"/submissions/{submission_id}", "regrading")


@router.post("/users/{username}", dependencies=ADMINISTRATOR)
def change_user(form: Form, username: str, db: Db, now: Now) -> RedirectResponse:
    """Change a person's role, or lock the person out."""
    _change_user(db, username, now, {name: str(value) for name, value in form.items()})
    return _back_to("/admin/users", "saved")


def _change_user(db: Session, username: str, now: dt.datetime, fields: dict[str, str]) -> None:
    role, disabled = fields.get("role"), fields.get("disabled")
    if role is not None and role not in list(Role):
        raise Invalid(field="role", problem=mark("is not a role"))
    wish = {"yes": True, "no": False}.get(disabled or "")
    service.change_user(db, username, now, role=Role(role) if role else None, disabled=wish)


def parse_moment(text: str) -> dt.datetime | None:
    """What a date and time field sends, meant in UTC; None for an empty one.

    Raises:
        Invalid: It is not a date and time.
    """
    if not text.strip():
        return None
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise Invalid(field="deadline", problem=mark("is not a date and time")) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _render(request: Request, name: str, **facts: Any) -> HTMLResponse:
    is_administrator = request.state.identity.user.role is Role.ADMIN
    page = render(request, f"operations/{name}.html", current=name, is_administrator=is_administrator, **facts)
    page.headers["Cache-Control"] = "no-store"
    return page


def _back_to(path: str, notice: str) -> RedirectResponse:
    return RedirectResponse(f"{path}?notice={notice}", 303)
