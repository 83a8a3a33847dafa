"""The API of operations. Organisers may see the queue, open and close; the rest is for administrators."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from arena.accounts.models import User
from arena.catalogue.models import ChallengeState
from arena.catalogue.service import set_deadline, set_state
from arena.clock import Now
from arena.deps import BriefRoute, Db, get_queues, get_storage
from arena.operations import service
from arena.operations.access import ADMINISTRATOR, ORGANISER
from arena.operations.schemas import (
    DatasetsOut,
    DatasetStateOut,
    DeadlineIn,
    FailureOut,
    GradersOut,
    PrepareIn,
    QueuesOut,
    RegradeOut,
    TimelineOut,
    UserAdminOut,
    UserChange,
)
from arena.paging import LARGEST_PAGE, Page, decode_cursor, encode_cursor
from arena.problems import Problem
from arena.queues import Queues
from arena.storage import Storage
from arena.submissions.models import Submission

router = APIRouter(
    route_class=BriefRoute,
    prefix="/admin",
    tags=["operations"],
    responses={401: {"model": Problem}, 403: {"model": Problem, "description": "Not yours to see or do."}},
)

Jobs = Annotated[Queues, Depends(get_queues)]
Blobs = Annotated[Storage, Depends(get_storage)]
Slug = Annotated[str, Path(description="The challenge.", examples=["iris"])]
Cursor = Annotated[str | None, Query(description="From `next_cursor` of the part before.")]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Number of items in one part.")]


@router.get("/queue", dependencies=ORGANISER, summary="Show the queues")
def show_queues(db: Db, queues: Jobs, now: Now) -> QueuesOut:
    """Length, age of the longest waiting job, and expected wait of each."""
    return QueuesOut.of(service.read_overview(db, queues, now))


@router.get("/graders", dependencies=ORGANISER, summary="List the graders that are alive")
def show_graders(db: Db, queues: Jobs, now: Now) -> GradersOut:
    """Name, queues, job in hand and number of jobs done of each."""
    return GradersOut.of(service.read_overview(db, queues, now).graders)


@router.get("/failures", dependencies=ADMINISTRATOR, summary="List failed gradings with their traces")
def list_failures(db: Db, cursor: Cursor = None, limit: Limit = 50) -> Page[FailureOut]:
    """The newest first. Administrators only: a trace may hold hidden data."""
    found = service.list_failures(db, read_after(cursor), limit + 1)
    items = [FailureOut.of(row) for row in found[:limit]]
    return Page(items=items, next_cursor=cursor_of(found, limit))


@router.get("/datasets", dependencies=ADMINISTRATOR, summary="List the newest datasets of every challenge")
def list_datasets(db: Db, queues: Jobs, now: Now) -> DatasetsOut:
    """State, progress, and why one failed."""
    found = service.list_data(db, queues, now)
    return DatasetsOut(
        datasets=[DatasetStateOut.of(view, item.challenge.dataset_id) for item in found for view in item.datasets]
    )


@router.post("/challenges/{slug}/open", dependencies=ORGANISER, summary="Open a challenge")
def open_challenge(slug: Slug, db: Db, now: Now) -> TimelineOut:
    """Take submissions again, within the dates of its timeline."""
    return TimelineOut.of(set_state(db, slug, ChallengeState.OPEN), now)


@router.post("/challenges/{slug}/close", dependencies=ORGANISER, summary="Close a challenge")
def close_challenge(slug: Slug, db: Db, now: Now) -> TimelineOut:
    """Take no submissions until it is opened again; private scores stay hidden until the deadline."""
    return TimelineOut.of(set_state(db, slug, ChallengeState.CLOSED), now)


@router.post("/challenges/{slug}/deadline", dependencies=ADMINISTRATOR, summary="Move the deadline of a challenge")
def move_deadline(slug: Slug, body: DeadlineIn, db: Db, now: Now) -> TimelineOut:
    """The end of submissions and the moment of the reveal; null makes the challenge practice."""
    return TimelineOut.of(set_deadline(db, slug, body.deadline), now)


@router.post(
    "/challenges/{slug}/prepare", dependencies=ADMINISTRATOR, status_code=202, summary="Have data prepared anew"
)
def prepare_data(slug: Slug, body: PrepareIn, db: Db, queues: Jobs) -> DatasetStateOut:
    """From this machine's secret, or from a real source under its licence. The data in use stays until it is ready."""
    dataset = service.prepare(db, queues, slug, body.source, accepts_licence=body.accept_licence)
    return DatasetStateOut.of(service.DatasetView(dataset), None)


@router.post(
    "/submissions/{submission_id}/regrade",
    dependencies=ADMINISTRATOR,
    status_code=202,
    summary="Grade a submission again",
)
def regrade(submission_id: UUID, db: Db, queues: Jobs, storage: Blobs) -> RegradeOut:
    """The new verdict replaces the old one, and the standing follows."""
    return RegradeOut.model_validate(service.regrade(db, queues, storage, submission_id))


@router.get("/users", dependencies=ADMINISTRATOR, summary="List people")
def list_users(
    db: Db,
    words: Annotated[str, Query(max_length=100, description="Part of a name or an address.")] = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[UserAdminOut]:
    """The newest first."""
    found = service.list_users(db, words, read_after(cursor), limit + 1)
    items = [UserAdminOut.model_validate(row) for row in found[:limit]]
    return Page(items=items, next_cursor=cursor_of(found, limit))


@router.patch("/users/{username}", dependencies=ADMINISTRATOR, summary="Change a person's role, or lock the person out")
def change_user(username: str, body: UserChange, db: Db, now: Now) -> UserAdminOut:
    """One administrator always remains."""
    return UserAdminOut.model_validate(service.change_user(db, username, now, role=body.role, disabled=body.disabled))


def read_after(cursor: str | None) -> list[Any] | None:
    """Time and id of the last row that was shown."""
    return decode_cursor(cursor, dt.datetime, UUID) if cursor else None


def cursor_of(found: Sequence[Submission | User], limit: int) -> str | None:
    """Where the next part begins, when there is one more than `limit`."""
    return encode_cursor(found[limit - 1].created_at, found[limit - 1].id) if len(found) > limit else None
