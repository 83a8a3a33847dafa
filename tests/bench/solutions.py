"""What each `solution.py` reaches on this machine, and how long it takes, beside the level that it has to reach.

Each time the data are those of a fresh installation. `--quick` takes twenty steps of training, and compares nothing.
One challenge alone: `python -m tests.bench.solutions cifar10`.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from challenges.catalogue import SOLUTION_FILE, find_packages
from challenges.manifest import Direction
from tests.challenges.workshop import CHALLENGES, Workshop
from tests.factories import thresholds_of
from tests.sandboxing import close_sandbox

QUICK_STEPS = 20


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Run all solutions; a row for each."""
    slugs = [slug for slug, package in find_packages(CHALLENGES).items() if (package.folder / SOLUTION_FILE).exists()]
    try:
        return [measure(slug, quick=quick) for slug in slugs]
    finally:
        close_sandbox()


def measure(slug: str, *, quick: bool) -> dict[str, Any]:
    """Run one solution from the command line, and grade what it writes."""
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as name:
        made = Workshop(Path(name)).prepare(slug, secret=secrets.token_bytes(32))
        out = Path(name) / f"submission{made.suffix}"
        script = made.public / SOLUTION_FILE
        command = [sys.executable, str(script), "--data", str(made.public), "--out", str(out)]
        began = time.perf_counter()
        subprocess.run([*command, *(["--steps", str(QUICK_STEPS)] if quick else [])], check=True, stdout=sys.stderr)
        seconds = time.perf_counter() - began
        verdict = made.grade(out)
    if verdict.public is None or verdict.private is None:
        raise AssertionError(verdict.faults)
    manifest, scores = made.package.manifest, (verdict.public.score, verdict.private.score)
    sign = 1 if manifest.metric.direction is Direction.MAX else -1
    good = thresholds_of(manifest).good
    row = {"what": slug, "public": scores[0], "private": scores[1], "good": good, "s": seconds}
    return row if quick else row | {"reached": all(sign * s >= sign * good for s in scores)}


if __name__ == "__main__":
    print(measure(sys.argv[1], quick="--quick" in sys.argv))  # noqa: T201 - one challenge alone
    close_sandbox()
