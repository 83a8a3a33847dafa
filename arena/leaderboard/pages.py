"""The page of a leaderboard; without JavaScript it is whole, with it it follows what happens."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from redis import Redis
from sqlalchemy.orm import Session

from arena.catalogue.models import Challenge
from arena.catalogue.pages import frame_of
from arena.catalogue.service import get_challenge, is_revealed
from arena.clock import Now
from arena.deps import Db, Visitor, get_redis
from arena.leaderboard.models import Board
from arena.leaderboard.service import BoardPage, history, standings
from arena.leaderboard.viewing import Beside, curves_of, find_beside, followed, lines_of
from arena.rendering import render
from arena.teams.service import find_team

router = APIRouter(include_in_schema=False)


@router.get("/challenges/{slug}/leaderboard")
def show_leaderboard(  # noqa: PLR0913, PLR0917 - what a page is made of
    request: Request,
    slug: str,
    db: Db,
    redis: Annotated[Redis, Depends(get_redis)],
    visitor: Visitor,
    now: Now,
    board: Board = Board.PUBLIC,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> HTMLResponse:
    """Standings, own place, levels and baselines, scores over time."""
    challenge = get_challenge(db, slug)
    team = find_team(db, visitor.user, slug) if visitor.user else None
    found = standings(db, redis, challenge, board, page, now, team_id=team.id if team else None)
    frame = frame_of(challenge, now)
    return render(request, "leaderboard/board.html", **frame, **view_of(db, challenge, frame["manifest"], found, now))


def view_of(session: Session, challenge: Challenge, manifest: Any, page: BoardPage, now: dt.datetime) -> dict[str, Any]:
    """What the template shows of a page of a board."""
    beside = find_beside(session, page)
    last = min(now, challenge.deadline) if challenge.deadline else now
    shows_curves = page.board is Board.PUBLIC and page.page == 1
    return {
        "board": page,
        "lines": lines_of(page, manifest, beside),
        "own_error": beside.get(page.mine.team_id, Beside()).error if page.mine else None,
        "points": curves_of(history(session, challenge, followed(page)), last) if shows_curves else [],
        "is_revealed": is_revealed(challenge, now),
    }
