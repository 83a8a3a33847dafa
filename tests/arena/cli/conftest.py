"""What all tests of the command line share."""

from __future__ import annotations

import os
from pathlib import Path


def bare_environment(home: Path) -> dict[str, str]:
    """The environment of someone with a new account: no settings, English, and coverage if it is being measured."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return measured | {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
