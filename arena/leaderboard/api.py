"""The API of leaderboards: a page, one's own row, and how the best scores went."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from redis import Redis
from sqlalchemy.orm import Session

from arena.catalogue.service import get_challenge, manifest_of
from arena.clock import Now
from arena.deps import BriefRoute, Db, Identity, Person, Visitor, get_redis
from arena.errors import NotFound
from arena.leaderboard.models import Board
from arena.leaderboard.schemas import BoardOut, HistoryOut, RowOut
from arena.leaderboard.service import history, leading_teams, rank_of, standings
from arena.leaderboard.viewing import find_costs
from arena.problems import Problem
from arena.teams.service import find_team
from arena.translations import choose_language

router = APIRouter(route_class=BriefRoute, tags=["leaderboard"])

Slug = Annotated[str, Path(description="The challenge.", examples=["iris"])]
Side = Annotated[Board, Query(description="`private` answers 403 before the deadline.")]
PageNumber = Annotated[int, Query(ge=1, description="Page of fifty teams; 1 is the first.")]
Ranks = Annotated[Redis, Depends(get_redis)]
Responses = dict[int | str, dict[str, Any]]
HIDDEN: Responses = {403: {"model": Problem, "description": "The private board, before its reveal."}}
MISSING: Responses = {404: {"model": Problem, "description": "No such challenge or page."}}


@router.get("/challenges/{slug}/leaderboard", summary="Show a page of a leaderboard", responses={**HIDDEN, **MISSING})
def show_leaderboard(  # noqa: PLR0913, PLR0917 - what the address says, and what answers it
    request: Request,
    slug: Slug,
    db: Db,
    redis: Ranks,
    visitor: Visitor,
    now: Now,
    board: Side = Board.PUBLIC,
    page: PageNumber = 1,
) -> BoardOut:
    """Fifty teams by rank, and the reader's own row wherever it stands."""
    challenge = get_challenge(db, slug)
    found = standings(db, redis, challenge, board, page, now, team_id=_team_of(db, visitor, slug))
    costs = find_costs(db, challenge, board, found.teams)
    return BoardOut.of(challenge, found, costs, choose_language(request), now)


@router.get(
    "/challenges/{slug}/leaderboard/me", summary="Show one's own row of a leaderboard", responses={**HIDDEN, **MISSING}
)
def show_own_row(slug: Slug, db: Db, redis: Ranks, person: Person, now: Now, board: Side = Board.PUBLIC) -> RowOut:
    """The row of the reader's team; 404 before its first score."""
    challenge, team_id = get_challenge(db, slug), _team_of(db, person, slug)
    row = rank_of(db, redis, challenge, board, team_id, now) if team_id else None
    if row is None:
        raise NotFound(what="team")
    costs = find_costs(db, challenge, board, [row.team_id])
    return RowOut.of(row, manifest_of(challenge).metric.decimals, costs.get(row.team_id, {}))


@router.get("/challenges/{slug}/history", summary="Show how the best scores went", responses=MISSING)
def show_history(slug: Slug, db: Db, redis: Ranks, visitor: Visitor) -> HistoryOut:
    """Each improvement of the reader's team and of the five leading ones, on the public board."""
    challenge, mine = get_challenge(db, slug), _team_of(db, visitor, slug)
    leaders = leading_teams(db, redis, challenge)
    return HistoryOut.of(challenge, history(db, challenge, [mine, *leaders] if mine else leaders), mine)


def _team_of(db: Session, identity: Identity, slug: str) -> UUID | None:
    team = find_team(db, identity.user, slug) if identity.user else None
    return team.id if team else None
