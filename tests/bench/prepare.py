"""Making the data of every challenge: seconds of processor time, and megabytes that are published.

A learner who starts a server of their own waits for it, and a disk has to hold it. Each challenge is prepared from its
offline source in a process of its own, as a grader does it. What is measured is written to `prepare.toml` beside this
file, from which `docs/challenges.md` is made; `--quick` measures only what stands there for no version or another one.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from challenges.catalogue import find_packages

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path(__file__).with_suffix(".toml")
SECONDS_TARGET, MEGABYTES_TARGET = 180.0, 200.0
"""Of all challenges together. Processor time is at least what two cores need on the clock, and mostly more."""
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Measured:
    """What preparing one version of a challenge's data took."""

    version: int
    """Of the generator, as in the manifest."""
    seconds: float
    """Of processor time, all threads and children together."""
    megabytes: float
    """Of all public files; the archive, which holds them once more, is not counted."""


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Prepare all challenges, write the record, and compare the sums; a row for each."""
    packages = find_packages(ROOT / "challenges")
    found = load_current() if quick else {}
    for slug in packages:
        found[slug] = found.get(slug) or measure(slug)
    record = {slug: found[slug] for slug in packages}
    save(record)
    return [{"what": slug, "CPU s": made.seconds, "MB": made.megabytes} for slug, made in record.items()] + sums(record)


def sums(record: dict[str, Measured]) -> list[dict[str, Any]]:
    """Both sums beside what is allowed."""
    seconds = sum(made.seconds for made in record.values())
    megabytes = sum(made.megabytes for made in record.values())
    return [
        {"what": "together", "CPU s": seconds, "target": SECONDS_TARGET, "reached": seconds < SECONDS_TARGET},
        {"what": "together", "MB": megabytes, "target": MEGABYTES_TARGET, "reached": megabytes < MEGABYTES_TARGET},
    ]


def load_current() -> dict[str, Measured]:
    """What the record says of challenges that are there, in the version that they have."""
    record = tomllib.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    packages = find_packages(ROOT / "challenges")
    measured = {slug: Measured(**fields) for slug, fields in record.items()}
    return {s: m for s, m in measured.items() if s in packages and m.version == packages[s].manifest.version}


def save(record: dict[str, Measured]) -> None:
    """Write the record, in the order of the path."""
    lines = ["# Written by `python -m tests.bench prepare`."]
    for slug, made in record.items():
        lines += ["", f"[{slug}]", f"version = {made.version}"]
        lines += [f"seconds = {made.seconds:.2f}", f"megabytes = {made.megabytes:.3f}"]
    RECORD.write_text("\n".join(lines) + "\n", encoding="utf-8")


def measure(slug: str) -> Measured:
    """Prepare one challenge in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.prepare", slug]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _main(slug: str) -> None:
    from tests.challenges.workshop import Workshop  # noqa: PLC0415 - what it imports is not part of what is measured

    with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder:
        began = _cpu_seconds()
        made = Workshop(Path(folder)).prepare(slug)
        seconds = _cpu_seconds() - began
    megabytes = sum(file.size_bytes for file in made.report.files if file.name != f"{slug}.zip") / MEGABYTE
    told = {"version": made.package.manifest.version, "seconds": seconds, "megabytes": megabytes}
    print(json.dumps(told))  # noqa: T201 - the answer to the process that started this one


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    _main(sys.argv[1])
