"""When a challenge takes submissions and when its private scores may be seen: by state and dates, at a given moment.

    preparing ─first data ready─▶ upcoming ─opens_at─▶ open ─deadline─▶ closed (and revealed)
                                                        ▲ └─ an organiser closes or opens it ─┘

The deadline itself is the first moment at which nothing more is taken. A challenge without a deadline is practice: its
private scores are never shown, open or closed.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from arena.catalogue.models import Challenge, ChallengeState
from arena.errors import ChallengeClosed, NotReady, NotStarted


class Phase(StrEnum):
    """Where in its timeline a challenge is."""

    PREPARING = "preparing"
    UPCOMING = "upcoming"
    OPEN = "open"
    CLOSED = "closed"


def phase_of(challenge: Challenge, now: dt.datetime) -> Phase:
    """Where in its timeline a challenge is at a moment.

    Args:
        challenge: The challenge.
        now: An aware moment.
    """
    _check_aware(now)
    if challenge.state is ChallengeState.CLOSED or is_past_deadline(challenge, now):
        return Phase.CLOSED
    if challenge.state is ChallengeState.PREPARING or challenge.dataset_id is None:
        return Phase.PREPARING
    return Phase.OPEN if has_started(challenge, now) else Phase.UPCOMING


def has_started(challenge: Challenge, now: dt.datetime) -> bool:
    """Whether the opening has come: before it the data is nobody's to see."""
    _check_aware(now)
    return challenge.opens_at is None or challenge.opens_at <= now


def is_past_deadline(challenge: Challenge, now: dt.datetime) -> bool:
    """Whether there is a deadline and it has come."""
    _check_aware(now)
    return challenge.deadline is not None and challenge.deadline <= now


def is_open(challenge: Challenge, now: dt.datetime) -> bool:
    """Whether submissions are taken at a moment."""
    return phase_of(challenge, now) is Phase.OPEN


def is_revealed(challenge: Challenge, now: dt.datetime) -> bool:
    """Whether private scores may be seen at a moment: from the deadline on, and never without one."""
    return is_past_deadline(challenge, now)


def check_open(challenge: Challenge, now: dt.datetime) -> None:
    """Raise unless submissions are taken at a moment.

    Raises:
        NotReady: The data is still being prepared.
        NotStarted: The challenge opens later.
        ChallengeClosed: It is closed, or its deadline has passed.
    """
    phase = phase_of(challenge, now)
    if phase is Phase.PREPARING:
        raise NotReady(slug=challenge.slug)
    if phase is Phase.CLOSED:
        raise ChallengeClosed(slug=challenge.slug)
    check_started(challenge, now)


def check_started(challenge: Challenge, now: dt.datetime) -> None:
    """Raise NotStarted before the challenge opens."""
    if challenge.opens_at is not None and not has_started(challenge, now):
        opens_at = challenge.opens_at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M")
        raise NotStarted(slug=challenge.slug, opens_at=opens_at)


def _check_aware(moment: dt.datetime) -> None:
    if moment.tzinfo is None:
        message = "the moment needs a time zone"
        raise ValueError(message)
