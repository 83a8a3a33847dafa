"""Pages of submissions: send a file, one's own submissions, one of them as it is graded; whole without JavaScript."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from arena.accounts.models import User
from arena.catalogue.levels import level_of
from arena.catalogue.models import Challenge
from arena.catalogue.pages import frame_of
from arena.catalogue.service import get_challenge, is_revealed, manifest_of
from arena.clock import Now
from arena.deps import Db, Person, check_csrf, get_queues, limit_api
from arena.errors import ArenaError, CsrfFailed, NotFound
from arena.paging import decode_cursor
from arena.problems import sentence_of
from arena.queues import Queues
from arena.rendering import render
from arena.submissions.api import cursor_after
from arena.submissions.intake import LONGEST_MESSAGE, Desk, Intake
from arena.submissions.models import Status, Submission
from arena.submissions.progress import ladder_of, points_of
from arena.submissions.schemas import SubmissionOut, SubmissionRow, find_place
from arena.submissions.service import get_submission, list_scores, list_submissions, quota_of
from arena.submissions.uploads import FormBody
from arena.teams.service import find_team
from arena.translations import choose_language

router = APIRouter(include_in_schema=False)

ROWS = 25


@router.get("/challenges/{slug}/submit")
async def show_form(slug: str, desk: Desk) -> HTMLResponse:
    """The form to send a file, what the file must look like, and how many are left today."""
    return await run_in_threadpool(_render_form, desk, slug)


@router.post("/challenges/{slug}/submit", dependencies=[Depends(limit_api)])
async def send_form(slug: str, desk: Desk) -> Response:
    """Take the file, or show the form again with what is wrong."""
    try:
        submission = await _take(desk, slug)
    except (CsrfFailed, NotFound):
        raise
    except ArenaError as error:
        return await run_in_threadpool(_render_form, desk, slug, error)
    return RedirectResponse(f"/submissions/{submission.id}?notice=submitted", 303)


@router.get("/challenges/{slug}/submissions")
def show_own(
    request: Request,
    slug: str,
    db: Db,
    person: Person,
    now: Now,
    cursor: Annotated[str | None, Query()] = None,
) -> HTMLResponse:
    """The team's submissions to a challenge, and their scores over time."""
    challenge = get_challenge(db, slug)
    after = decode_cursor(cursor, dt.datetime, UUID) if cursor else ()
    found = list_submissions(db, person.known, slug, after, ROWS + 1)
    language = choose_language(request)
    facts: dict[str, Any] = {
        "rows": [SubmissionRow.of(row, challenge, language, now) for row in found[:ROWS]],
        "next_cursor": cursor_after(found, ROWS),
        "is_first_page": not after,
    }
    facts |= _progress(db, challenge, person.known, now) if not after else {"points": [], "quota": None}
    return render(request, "submissions/list.html", **frame_of(challenge, now), **facts)


@router.get("/submissions/{submission_id}")
def show_submission(
    request: Request,
    submission_id: UUID,
    db: Db,
    person: Person,
    now: Now,
    queues: Annotated[Queues, Depends(get_queues)],
) -> HTMLResponse:
    """One submission: where it waits, its score beside the levels, or what is wrong with its file."""
    submission = get_submission(db, person.known, submission_id, sees_all=person.is_admin)
    challenge = get_challenge(db, submission.slug)
    place = find_place(queues, submission)
    told = SubmissionOut.of(submission, challenge, choose_language(request), now, place)
    frame = frame_of(challenge, now) | {"submission": told, "is_revealed": is_revealed(challenge, now)}
    return render(request, "submissions/show.html", **frame, **_measure(submission, challenge))


async def _take(desk: Intake, slug: str) -> Submission:
    """Take the file of a form that proves to come from our own page."""
    body = FormBody(desk.request)
    await body.read_fields()
    check_csrf(desk.request, desk.person, body.fields.get("csrf_token", ""))
    submission, _ = await desk.take(slug, body, body.fields.get("form_key", "")[:100])
    return submission


def _progress(session: Session, challenge: Challenge, user: User, now: dt.datetime) -> dict[str, Any]:
    """What stands above the first part of the list: the scores so far, and what is left of today."""
    team = find_team(session, user, challenge.slug)
    scores = list_scores(session, team, challenge.dataset) if team and challenge.dataset else []
    return {
        "points": points_of(scores, manifest_of(challenge)),
        "quota": quota_of(session, challenge, team, now),
    }


def _measure(submission: Submission, challenge: Challenge) -> dict[str, Any]:
    """What a score reaches; compared before it is rounded, as on the leaderboard."""
    manifest = manifest_of(challenge, submission.dataset)
    score = submission.public_score if submission.status is Status.SCORED else None
    return {
        "level": level_of(manifest, score, submission.public_secondary),
        "ladder": ladder_of(score, submission.public_secondary, manifest),
        "is_current": submission.dataset_id == challenge.dataset_id,
    }


def _render_form(desk: Intake, slug: str, error: ArenaError | None = None) -> HTMLResponse:
    challenge = get_challenge(desk.db, slug)
    team = find_team(desk.db, desk.user, slug)
    language = choose_language(desk.request)
    facts: dict[str, Any] = {
        "quota": quota_of(desk.db, challenge, team, desk.present()),
        "form_key": secrets.token_urlsafe(12),
        "upload_to": f"/api/v1/challenges/{quote(slug)}/submissions",
        "longest_message": LONGEST_MESSAGE,
        "error": sentence_of(error, language) if error else "",
    }
    status = error.status if error else 200
    return render(desk.request, "submissions/submit.html", status, **frame_of(challenge, desk.now), **facts)
