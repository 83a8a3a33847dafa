"""The front page, the list of challenges, and what Arena is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from arena.clock import Now
from arena.deps import Db, Visitor, get_visitor
from arena.home.service import Wish, list_recent, list_steps, narrow, progress_of
from arena.rendering import render

router = APIRouter(include_in_schema=False)

Word = Annotated[str, Query(max_length=60)]


@router.get("/")
def show_home(request: Request, db: Db, visitor: Visitor, now: Now) -> HTMLResponse:
    """What Arena is, the path, own progress, recent results."""
    settings = request.app.state.settings
    steps = list_steps(db, settings.challenges_dir, visitor.user, now)
    facts = {"steps": steps, "progress": progress_of(steps), "recent": list_recent(db), "base_url": settings.base_url}
    return render(request, "home/home.html", **facts)


@router.get("/challenges")
def show_challenges(  # noqa: PLR0913, PLR0917 - each is a field of the filter's form
    request: Request,
    db: Db,
    visitor: Visitor,
    now: Now,
    stage: Word = "",
    tag: Word = "",
    state: Word = "",
    q: Word = "",
) -> HTMLResponse:
    """All challenges by stage, narrowed by stage, topic, state and words."""
    everything = list_steps(db, request.app.state.settings.challenges_dir, visitor.user, now)
    wish = Wish(stage, tag, state, q)
    tags = sorted({tag for step in everything for entry in step.entries for tag in entry.manifest.tags})
    steps = narrow(everything, wish)
    return render(request, "home/challenges.html", steps=steps, everything=everything, tags=tags, wish=wish)


@router.get("/about", dependencies=[Depends(get_visitor)])
def show_about(request: Request) -> HTMLResponse:
    """What Arena is, how scores come about, what is kept."""
    return render(request, "home/about.html")
