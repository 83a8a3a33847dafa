"""REST routes of submissions: send a file, list, look at one, follow it, download it again."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from arena.catalogue.service import get_challenge, list_challenges
from arena.clock import Now
from arena.deps import BriefRoute, Db, Person, get_queues, get_storage, limit_api
from arena.errors import NotFound
from arena.paging import LARGEST_PAGE, Page, decode_cursor, encode_cursor
from arena.problems import Problem
from arena.queues import Queues
from arena.storage import Storage
from arena.submissions.following import HEADERS, Watch
from arena.submissions.intake import LONGEST_MESSAGE, Desk, Intake
from arena.submissions.models import Submission
from arena.submissions.schemas import SubmissionOut, SubmissionRow, find_place, links_of
from arena.submissions.service import get_submission, list_submissions
from arena.submissions.uploads import FormBody, RawBody
from arena.translations import choose_language

router = APIRouter(route_class=BriefRoute, tags=["submissions"], dependencies=[Depends(limit_api)])

Slug = Annotated[str, Path(description="The challenge.", examples=["iris"])]
Filename = Annotated[str, Path(description="Name of the file; its suffix tells the format.", examples=["mine.csv"])]
Id = Annotated[UUID, Path(description="The submission.")]
Message = Annotated[str, Query(max_length=4 * LONGEST_MESSAGE, description="A note to yourself.")]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Number of submissions in one part.")]
Cursor = Annotated[str | None, Query(description="From `next_cursor` of the part before.")]
OfChallenge = Annotated[str | None, Query(description="Only submissions to this challenge.")]

_NOT_SEEN: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "No such submission, or another team's."}
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    200: {"model": SubmissionOut, "description": "This file came before under the same idempotency key."},
    400: {"model": Problem, "description": "`upload_incomplete`: broken off, or not the announced sha256."},
    404: {"model": Problem, "description": "No such challenge."},
    409: {
        "model": Problem,
        "description": "`challenge_closed`, `not_started`, `not_ready` or `idempotency_mismatch`.",
    },
    413: {"model": Problem, "description": "`too_large`: stopped at the limit, nothing is kept."},
    415: {"model": Problem, "description": "`unsupported_type`."},
    422: {"model": Problem, "description": "`empty_upload` or `invalid`."},
    429: {"model": Problem, "description": "`quota_used` or `rate_limited`."},
}
_BINARY = {"type": "string", "format": "binary"}
_FORM = {
    "required": ["file"],
    "properties": {"file": _BINARY, "message": {"type": "string", "maxLength": LONGEST_MESSAGE}},
}
_FORM_BODY = {"required": True, "content": {"multipart/form-data": {"schema": {"type": "object", **_FORM}}}}
_RAW_BODY = {"required": True, "content": {"application/octet-stream": {"schema": _BINARY}}}


@router.post(
    "/challenges/{slug}/submissions",
    status_code=201,
    summary="Submit a file as a form",
    responses=_REFUSALS,
    openapi_extra={"requestBody": _FORM_BODY},
)
async def submit_form(slug: Slug, desk: Desk, response: Response) -> SubmissionOut:
    """Send the predictions in the field `file`. It is streamed: memory and disk stay clean whatever is sent."""
    body = FormBody(desk.request)
    await body.read_fields()
    return await _answer(desk, response, *await desk.take(slug, body))


@router.put(
    "/challenges/{slug}/submissions/{filename}",
    status_code=201,
    summary="Submit a file as the raw body",
    responses=_REFUSALS,
    openapi_extra={"requestBody": _RAW_BODY},
)
async def submit_raw(
    slug: Slug, filename: Filename, desk: Desk, response: Response, message: Message = ""
) -> SubmissionOut:
    """The fastest way for programs: the body is the file, its name stands in the address."""
    body = RawBody(desk.request, filename, message)
    return await _answer(desk, response, *await desk.take(slug, body))


@router.get("/submissions", summary="List the submissions of your teams, the newest first")
def list_own(
    request: Request,
    db: Db,
    person: Person,
    now: Now,
    challenge: OfChallenge = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SubmissionRow]:
    """Without diagnostics; ask for one submission to see them."""
    after = decode_cursor(cursor, dt.datetime, UUID) if cursor else ()
    found = list_submissions(db, person.known, challenge, after, limit + 1)
    challenges = {challenge.slug: challenge for challenge in list_challenges(db)}
    language = choose_language(request)
    items = [SubmissionRow.of(row, challenges[row.slug], language, now) for row in found[:limit]]
    return Page(items=items, next_cursor=cursor_after(found, limit))


@router.get("/submissions/{submission_id}", summary="Show one submission", responses=_NOT_SEEN)
def show(
    request: Request,
    submission_id: Id,
    db: Db,
    person: Person,
    now: Now,
    queues: Annotated[Queues, Depends(get_queues)],
) -> SubmissionOut:
    """Status, score or faults, diagnostics; while it waits, its place in the queue."""
    submission = get_submission(db, person.known, submission_id, sees_all=person.is_admin)
    challenge = get_challenge(db, submission.slug)
    place = find_place(queues, submission)
    return SubmissionOut.of(submission, challenge, choose_language(request), now, place)


@router.get(
    "/submissions/{submission_id}/file",
    summary="Download the file that was sent",
    response_class=Response,
    responses=_NOT_SEEN | {200: {"content": {"application/octet-stream": {}}, "description": "The file."}},
)
def download(
    submission_id: Id, db: Db, person: Person, storage: Annotated[Storage, Depends(get_storage)]
) -> StreamingResponse:
    """Byte for byte as it came."""
    submission = get_submission(db, person.known, submission_id, sees_all=person.is_admin)
    try:
        content = storage.read(submission.storage_key, 0, submission.size_bytes)
    except FileNotFoundError:
        raise NotFound(what="file") from None
    return StreamingResponse(content, headers=_describe(submission), media_type="application/octet-stream")


@router.get(
    "/submissions/{submission_id}/events",
    summary="Follow a submission",
    response_class=StreamingResponse,
    responses=_NOT_SEEN
    | {200: {"content": {"text/event-stream": {}}, "description": "Events `status`; their data is a submission."}},
)
async def follow(request: Request, submission_id: Id, db: Db, person: Person, now: Now) -> StreamingResponse:
    """Server-sent events: the submission at once, and again whenever it changes; the stream ends when it is final."""
    watch = Watch(request, person.known, person.is_admin, submission_id, choose_language(request), now)
    db.close()  # nobody keeps a connection while waiting
    await run_in_threadpool(watch.read)
    return StreamingResponse(watch.events(), headers=HEADERS, media_type="text/event-stream")


async def _answer(desk: Intake, response: Response, submission: Submission, is_new: bool) -> SubmissionOut:
    """The answer to a submission: 201, or 200 where it was there already."""
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = links_of(submission).self
    return await run_in_threadpool(_tell_taken, desk, submission)


def _tell_taken(desk: Intake, submission: Submission) -> SubmissionOut:
    challenge = get_challenge(desk.db, submission.slug)
    place = find_place(desk.request.app.state.queues, submission)
    return SubmissionOut.of(submission, challenge, choose_language(desk.request), desk.present(), place)


def cursor_after(found: list[Submission], limit: int) -> str | None:
    """Where the next part begins, when more than `limit` rows were found."""
    return encode_cursor(found[limit - 1].created_at, found[limit - 1].id) if len(found) > limit else None


def _describe(submission: Submission) -> dict[str, str]:
    """Headers that make any browser save the file, and none look into it."""
    name = submission.filename
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    return {
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Length": str(submission.size_bytes),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "ETag": f'"{submission.digest}"',
        "X-Content-Type-Options": "nosniff",
    }
