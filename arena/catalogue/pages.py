"""Pages of one challenge: what it is about, and its data."""

from __future__ import annotations

import datetime as dt
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from arena.catalogue.levels import levels_of
from arena.catalogue.models import Challenge
from arena.catalogue.service import get_challenge, manifest_of, phase_of, public_files
from arena.catalogue.timeline import has_started
from arena.clock import Now
from arena.deps import Db, get_visitor
from arena.formatting import format_local
from arena.markup import to_html
from arena.rendering import render
from arena.translations import CHINESE, choose_language, mark
from challenges.catalogue import NOTEBOOK_FILE, SECTIONS, SOLUTION_FILE, split_sections
from challenges.manifest import Source
from challenges.records import RecordError

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_visitor)])

DATA_SECTIONS = ("data", "submission")
"""What the data page tells of a description; the overview tells the rest."""
PREVIEW = "preview.png"
STARTERS = {
    "baseline.py": mark("A first solution to read, run and beat."),
    SOLUTION_FILE: mark("A stronger one, explained step by step; it runs on a processor in minutes, and on a GPU."),
    NOTEBOOK_FILE: mark("The same as a Jupyter notebook; put it beside the data, and run its cells one by one."),
}
"""Programs that come with the data, and what they are; the weakest first."""

Section = tuple[str, str, Markup]
"""Key, heading and body."""


@router.get("/challenges/{slug}")
def show_challenge(request: Request, slug: str, db: Db, now: Now) -> HTMLResponse:
    """Overview, evaluation, rules and timeline."""
    challenge = get_challenge(db, slug)
    sections = [s for s in read_sections(challenge, choose_language(request)) if s[0] not in DATA_SECTIONS]
    facts: dict[str, Any] = {
        "sections": sections,
        "has_evaluation": any(key == "evaluation" for key, _, _ in sections),
        "source": source_of(challenge),
    }
    return render(request, "catalogue/overview.html", **frame_of(challenge, now), **facts)


@router.get("/challenges/{slug}/data")
def show_data(request: Request, slug: str, db: Db, now: Now) -> HTMLResponse:
    """Files with checksums, ways to download them, what is in them, licence."""
    challenge = get_challenge(db, slug)
    sections = read_sections(challenge, choose_language(request))
    facts = files_of(challenge, now) | {"sections": [s for s in sections if s[0] in DATA_SECTIONS]}
    facts["base_url"] = request.app.state.settings.base_url
    return render(request, "catalogue/data.html", **frame_of(challenge, now), **facts)


def frame_of(challenge: Challenge, now: dt.datetime) -> dict[str, Any]:
    """What the head of every page of a challenge names."""
    manifest = manifest_of(challenge)
    return {
        "challenge": challenge,
        "manifest": manifest,
        "phase": phase_of(challenge, now),
        "levels": levels_of(manifest),
    }


def files_of(challenge: Challenge, now: dt.datetime) -> dict[str, Any]:
    """The public files, none before the opening; their archive, picture, programs to start from, and source."""
    files = public_files(challenge.dataset) if has_started(challenge, now) else []
    by_name = {file.name: file for file in files}
    archive = by_name.get(f"{challenge.slug}.zip")
    starters = [(by_name[name], sentence) for name, sentence in STARTERS.items() if name in by_name]
    preview = by_name.get(PREVIEW)
    source = source_of(challenge)
    return {"files": files, "archive": archive, "preview": preview, "starters": starters, "source": source}


def source_of(challenge: Challenge) -> Source | None:
    """The real source of the data in use; None where the data was made on this machine."""
    return manifest_of(challenge).sources.get(challenge.dataset.source) if challenge.dataset else None


def read_sections(challenge: Challenge, language: str) -> list[Section]:
    """The description in a language, by sections; one without a heading when it is not divided as it should be."""
    key = "zh" if language == CHINESE else "en"
    text = format_local(challenge.descriptions, language=language)
    try:
        sections = split_sections(text, key)
    except RecordError:
        return [("overview", "", to_html(text))]
    return [(name, getattr(SECTIONS[name], key), to_html(body)) for name, body in sections.items() if body]
