"""Every check of conformance, on every mechanism and identity."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graders.sandbox import Mechanism
from tests.graders.sandbox.conformance import CHECKS
from tests.graders.sandbox.mechanisms import SETUPS, Setup


@pytest.mark.parametrize("setup", SETUPS, ids=str)
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_mechanism_conforms(
    check: Callable[[Mechanism], None], setup: Setup, mechanism_of: Callable[[Setup], Mechanism]
):
    check(mechanism_of(setup))
