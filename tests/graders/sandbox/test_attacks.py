"""Every attack, on every mechanism and identity: stopped; and without the sandbox: successful."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graders.sandbox import Mechanism
from tests.graders.sandbox.cases import CASES, MEMORY, MEMORY_BYTES, SLACK_BYTES, TOLD, Case, complaints
from tests.graders.sandbox.mechanisms import SETUPS, Setup
from tests.graders.sandbox.seen import see_within, see_without
from tests.graders.sandbox.targets import World

HARMFUL = [case for case in CASES if case.without]
PAIRS = [
    pytest.param(case, setup, id=f"{case}-{setup}")
    for case in CASES
    for setup in SETUPS
    # who reads a frame is the grader, whatever sent it: one mechanism shows all that can be wrong with one
    if case.variant in {"", "nest"} or setup.name == "forkserver"
]


@pytest.mark.parametrize(("case", "setup"), PAIRS)
def test_the_sandbox_stops(
    case: Case, setup: Setup, mechanism_of: Callable[[Setup], Mechanism], world_for: Callable[[int], World]
):
    mechanism = mechanism_of(setup)
    world = world_for(setup.uid)
    settings = world.settings(variant=case.variant, uid=setup.inner_uid)
    seen = see_within(mechanism, case.attacks, settings, case.bounds)
    assert not complaints(case, seen, world.effects(seen.told), is_hidden=setup.is_wrapped), seen


@pytest.mark.parametrize("case", HARMFUL, ids=str)
def test_without_the_sandbox_succeeds(case: Case, world_for: Callable[[int], World]):
    reason = case.needs()
    if reason:
        pytest.skip(reason)
    world = world_for(0)
    seen = see_without(case.attacks, world.settings(variant=case.variant, uid=0))
    shown = {TOLD: seen.lines("PWNED"), MEMORY: seen.peak_bytes > MEMORY_BYTES + SLACK_BYTES}
    effects = world.effects(seen.told) | {name for name, holds in shown.items() if holds}
    assert not seen.lines("BROKEN")
    assert effects >= case.without, seen
