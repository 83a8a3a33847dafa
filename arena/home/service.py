"""What the front page tells: the path with the reader's own progress on it, and what others have just reached."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from arena.accounts.models import User
from arena.catalogue.levels import Level, level_of, share_of_way
from arena.catalogue.models import Challenge
from arena.catalogue.service import Phase, list_challenges, manifest_of, phase_of
from arena.leaderboard.models import Board, Standing
from arena.submissions.models import Status, Submission
from arena.teams.models import Membership, Team
from challenges.catalogue import Stage, load_stages
from challenges.manifest import Manifest
from challenges.texts import Text

RECENT = 8
"""Number of recent results on the front page."""
RECENT_SEARCHED = 200
"""How many of the newest submissions are looked through for them."""


@dataclass(frozen=True)
class Entry:
    """A challenge on the path, as one reader sees it."""

    challenge: Challenge
    manifest: Manifest
    phase: Phase
    best: Standing | None = None
    """The reader's standing on the public board."""
    secondary: dict[str, float] = field(default_factory=dict)
    """Secondary metrics of the submission that stands there."""

    @property
    def level(self) -> Level | None:
        """The level the reader has reached."""
        return level_of(self.manifest, self.best.score if self.best else None, self.secondary)

    @property
    def way(self) -> float:
        """How much of the way to `excellent` the reader has come, 0 to 1."""
        return share_of_way(self.manifest, self.best.score if self.best else None, self.secondary)

    @property
    def texts(self) -> list[str]:
        """What a search looks through."""
        both = [self.manifest.title, self.manifest.summary]
        return [self.challenge.slug, *self.manifest.tags, *(t.en for t in both), *(t.zh for t in both)]


@dataclass(frozen=True)
class Step:
    """A stage of the path with its challenges."""

    stage: Stage
    entries: list[Entry]


@dataclass(frozen=True)
class Wish:
    """What the list of challenges is narrowed to; empty fields ask for nothing."""

    stage: str = ""
    tag: str = ""
    state: str = ""
    """A phase, or of the reader's own: `untried`, `tried`, `passed`."""
    words: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a reader is along the path."""

    challenges: int
    tried: int
    passed: int
    medals: dict[Level, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A team's best score, just reached."""

    team: str
    slug: str
    title: Text
    score: float
    decimals: int
    at: dt.datetime


def list_steps(session: Session, challenges_dir: Path, user: User | None, now: dt.datetime) -> list[Step]:
    """The path: each stage that has challenges, in order, with the reader's own standings."""
    own = _own_standings(session, user) if user else {}
    entries = [
        Entry(challenge, manifest_of(challenge), phase_of(challenge, now), *own.get(challenge.slug, ()))
        for challenge in list_challenges(session)
    ]
    stages = [*_stages(challenges_dir), Stage("", Text("More", "更多"), 0)]
    known = {stage.name for stage in stages}
    steps = [
        Step(stage, [e for e in entries if (e.manifest.stage if e.manifest.stage in known else "") == stage.name])
        for stage in stages
    ]
    return [step for step in steps if step.entries]


def narrow(steps: list[Step], wish: Wish) -> list[Step]:
    """The steps with the entries that a wish asks for; steps that lose all of them are left out."""
    kept = [replace(step, entries=[e for e in step.entries if _suits(step, e, wish)]) for step in steps]
    return [step for step in kept if step.entries]


def progress_of(steps: Iterable[Step]) -> Progress:
    """How far the reader of these steps is."""
    entries = [entry for step in steps for entry in step.entries]
    medals = [entry.level for entry in entries if entry.level]
    counts = {level: medals.count(level) for level in Level}
    return Progress(len(entries), sum(e.best is not None for e in entries), len(medals), counts)


def list_recent(session: Session) -> list[Result]:
    """The newest submissions that are the best of their team so far, newest first."""
    newest = (
        select(Submission.id, Submission.dataset_id, Submission.team_id)
        .where(Submission.status == Status.SCORED)
        .order_by(Submission.id.desc())
        .limit(RECENT_SEARCHED)
        .subquery()
    )
    query = (
        select(Standing, Challenge)
        .join(newest, (Standing.dataset_id == newest.c.dataset_id) & (Standing.team_id == newest.c.team_id))
        .join(Challenge, Challenge.dataset_id == Standing.dataset_id)
        .where(Standing.board == Board.PUBLIC, Standing.submission_id == newest.c.id)
        .options(joinedload(Standing.team))
        .order_by(Standing.achieved_at.desc())
        .limit(RECENT)
    )
    return [_result(standing, challenge) for standing, challenge in session.execute(query)]


def _result(standing: Standing, challenge: Challenge) -> Result:
    manifest = manifest_of(challenge)
    return Result(
        standing.team.name,
        challenge.slug,
        manifest.title,
        standing.score,
        manifest.metric.decimals,
        standing.achieved_at,
    )


def _own_standings(session: Session, user: User) -> dict[str, tuple[Standing, dict[str, float]]]:
    """The reader's standings with the secondary metrics of what stands there, by challenge."""
    query = (
        select(Team.slug, Standing, Submission.public_secondary)
        .join(Membership, Membership.team_id == Team.id)
        .join(Challenge, Challenge.slug == Team.slug)
        .join(Standing, (Standing.team_id == Team.id) & (Standing.dataset_id == Challenge.dataset_id))
        .join(Submission, Submission.id == Standing.submission_id)
        .where(Membership.user_id == user.id, Standing.board == Board.PUBLIC)
    )
    return {slug: (standing, secondary) for slug, standing, secondary in session.execute(query)}


def _suits(step: Step, entry: Entry, wish: Wish) -> bool:
    own = {"untried": entry.best is None, "tried": entry.best is not None, "passed": entry.level is not None}
    words = wish.words.casefold().split()
    text = "\n".join(entry.texts).casefold()
    return (
        wish.stage in ("", step.stage.name)
        and (not wish.tag or wish.tag in entry.manifest.tags)
        and (not wish.state or own.get(wish.state, entry.phase == wish.state))
        and all(word in text for word in words)
    )


@lru_cache
def _stages(challenges_dir: Path) -> list[Stage]:
    return load_stages(challenges_dir)
