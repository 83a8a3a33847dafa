"""When a challenge is open and when it is revealed, at exact instants and in every time zone."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from arena.catalogue.models import Challenge, ChallengeState
from arena.catalogue.timeline import Phase, check_open, check_started, has_started, is_open, is_revealed, phase_of
from arena.errors import ArenaError, ChallengeClosed, NotReady, NotStarted

OPENS = dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC)
DEADLINE = dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC)
STEP = dt.timedelta(microseconds=1)
ZONES = [dt.timezone(dt.timedelta(hours=hours)) for hours in (-12, 0, 5.75, 14)]


def challenge(state: ChallengeState = ChallengeState.OPEN, *, has_data: bool = True, **dates: dt.datetime) -> Challenge:
    return Challenge(slug="flowers", state=state, dataset_id=uuid4() if has_data else None, **dates)


@pytest.mark.parametrize(
    ("made", "now", "error"),
    [
        (challenge(ChallengeState.PREPARING, has_data=False), OPENS, NotReady),
        (challenge(ChallengeState.OPEN, has_data=False), OPENS, NotReady),
        (challenge(ChallengeState.CLOSED), OPENS, ChallengeClosed),
        (challenge(opens_at=OPENS), OPENS - STEP, NotStarted),
        (challenge(deadline=DEADLINE), DEADLINE, ChallengeClosed),
        (challenge(deadline=DEADLINE), DEADLINE + STEP, ChallengeClosed),
        (challenge(ChallengeState.PREPARING, has_data=False, deadline=DEADLINE), DEADLINE, ChallengeClosed),
        (challenge(ChallengeState.CLOSED, opens_at=OPENS), OPENS - STEP, ChallengeClosed),
    ],
)
def test_submissions_are_refused(made: Challenge, now: dt.datetime, error: type[ArenaError]):
    with pytest.raises(error):
        check_open(made, now)
    assert not is_open(made, now)


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_challenge_is_open_from_its_opening_to_just_before_its_deadline(zone: dt.tzinfo):
    made = challenge(opens_at=OPENS.astimezone(zone), deadline=DEADLINE.astimezone(zone))
    moments = [OPENS - STEP, OPENS, DEADLINE - STEP, DEADLINE]
    assert [phase_of(made, now) for now in moments] == [Phase.UPCOMING, Phase.OPEN, Phase.OPEN, Phase.CLOSED]
    assert [is_revealed(made, now) for now in moments] == [False, False, False, True]
    check_open(made, OPENS)


def test_without_dates_a_challenge_is_open_for_ever_and_never_revealed():
    for now in (dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)):
        assert is_open(challenge(), now)
        assert not is_revealed(challenge(), now)


def test_closing_by_hand_reveals_nothing():
    made = challenge(ChallengeState.CLOSED, deadline=DEADLINE)
    assert not is_revealed(made, DEADLINE - STEP)
    assert not is_revealed(challenge(ChallengeState.CLOSED), DEADLINE)


def test_the_sentence_tells_when_it_opens_in_utc():
    made = challenge(opens_at=OPENS.astimezone(ZONES[2]))
    assert not has_started(made, OPENS - STEP)
    with pytest.raises(NotStarted, match="2026-03-29 01:00"):
        check_started(made, OPENS - STEP)
    check_started(made, OPENS)


@pytest.mark.parametrize("ask", [phase_of, is_open, is_revealed, has_started])
def test_a_moment_without_a_zone_is_refused(ask):  # noqa: ANN001 - four functions of one shape
    with pytest.raises(ValueError, match="time zone"):
        ask(challenge(opens_at=OPENS, deadline=DEADLINE), OPENS.replace(tzinfo=None))
