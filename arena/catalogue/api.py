"""The API of challenges: the list, one of them, and its files, all of it public."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import PlainTextResponse

from arena.catalogue.files import get_file, send_file
from arena.catalogue.models import Challenge
from arena.catalogue.schemas import ChallengeDetail, ChallengeOut, FilesOut
from arena.catalogue.service import check_started, get_challenge, page_of_challenges
from arena.clock import Now
from arena.deps import BriefRoute, Db, get_storage
from arena.errors import NotFound, NotReady
from arena.paging import LARGEST_PAGE, Page, decode_cursor, encode_cursor
from arena.problems import MEDIA_TYPE, Problem
from arena.storage import Storage
from arena.translations import choose_language

router = APIRouter(route_class=BriefRoute, tags=["challenges"])

Slug = Annotated[str, Path(description="The challenge.", examples=["iris"])]
Name = Annotated[str, Path(description="A file that `files` lists.", examples=["train.csv"])]


@router.get("/challenges", summary="List the challenges in the order of the path")
def list_challenges(
    request: Request,
    db: Db,
    now: Now,
    cursor: Annotated[str | None, Query(description="From `next_cursor` of the part before.")] = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Number of challenges in one part.")] = 50,
) -> Page[ChallengeOut]:
    """Every challenge, also those that are not open yet or no longer."""
    found = page_of_challenges(db, decode_cursor(cursor, int, str) if cursor else None, limit + 1)
    language = choose_language(request)
    items = [ChallengeOut.of(challenge, language, now) for challenge in found[:limit]]
    following = encode_cursor(*_position(found[limit - 1])) if len(found) > limit else None
    return Page(items=items, next_cursor=following)


@router.get("/challenges/{slug}", summary="Show one challenge", responses={404: {"model": Problem}})
def show_challenge(request: Request, slug: Slug, db: Db, now: Now) -> ChallengeDetail:
    """What to predict, how it is scored, and what a submission has to look like."""
    return ChallengeDetail.of(get_challenge(db, slug), choose_language(request), now)


@router.get(
    "/challenges/{slug}/manifest",
    summary="Show the manifest as it is written",
    response_class=PlainTextResponse,
    responses={
        200: {"content": {"text/plain": {}}, "description": "TOML; `ETag` changes with it."},
        304: {"description": "It is the one that `If-None-Match` names."},
        404: {"model": Problem},
        409: {"model": Problem, "description": "Not open yet."},
    },
)
def show_manifest(slug: Slug, db: Db, now: Now) -> PlainTextResponse:
    """`challenge.toml` of the package in use: all that a check on one's own machine needs to know."""
    challenge = get_challenge(db, slug)
    check_started(challenge, now)
    if not challenge.manifest_text:  # no process has looked at the packages since an update
        raise NotFound(what="file")
    return PlainTextResponse(challenge.manifest_text)


@router.get(
    "/challenges/{slug}/files",
    summary="List the public files",
    responses={404: {"model": Problem}, 409: {"model": Problem, "description": "Not prepared, or not open yet."}},
)
def list_files(slug: Slug, db: Db, now: Now) -> FilesOut:
    """Name, size, checksum and address of each."""
    challenge = get_challenge(db, slug)
    check_started(challenge, now)
    if challenge.dataset is None:
        raise NotReady(slug=slug)
    return FilesOut.of(challenge, challenge.dataset)


@router.head("/challenges/{slug}/files/{name}", include_in_schema=False)
@router.get(
    "/challenges/{slug}/files/{name}",
    summary="Download a public file",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "The whole file."},
        206: {"content": {"application/octet-stream": {}}, "description": "The range that was asked for."},
        304: {"description": "It is the one that `If-None-Match` names."},
        404: {"model": Problem},
        409: {"model": Problem, "description": "Not prepared, or not open yet."},
        412: {"content": {MEDIA_TYPE: {}}, "description": "It is not the one that `If-Match` names."},
        416: {"content": {MEDIA_TYPE: {}}, "description": "The range lies outside of the file."},
    },
)
def download_file(
    request: Request, slug: Slug, name: Name, db: Db, now: Now, storage: Annotated[Storage, Depends(get_storage)]
) -> Response:
    """The bytes, or one range of them; `ETag` and `Repr-Digest` hold the sha256 of the whole file."""
    challenge = get_challenge(db, slug)
    check_started(challenge, now)
    return send_file(request, storage, *get_file(challenge, name))


def _position(challenge: Challenge) -> tuple[int, str]:
    return challenge.position, challenge.slug
