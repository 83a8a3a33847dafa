"""Writes `docs/challenges.md`: every challenge with its metric, its levels, and what preparing it takes.

`make docs` runs it; `tests/architecture/test_docs.py` fails while the file on disk says something else. Times and sizes
are those that `python -m tests.bench prepare` has recorded: a challenge that was not measured in this version shows a
dash.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from challenges.catalogue import Package, find_packages, load_stages
from challenges.manifest import Direction, Manifest
from tests.bench.prepare import MEGABYTES_TARGET, SECONDS_TARGET, load_current
from tests.factories import thresholds_of
from tests.manifest_table import join_cells

ROOT = Path(__file__).resolve().parents[1]
CHALLENGES = ROOT / "challenges"
PAGE = ROOT / "docs" / "challenges.md"
HEAD = (
    *("challenge", "chapter of the guide", "kind", "metric", "baseline", "pass", "good", "excellent"),
    *("seconds to prepare", "MB published"),
)
NONE = "–"
INTRODUCTION = f"""# All challenges

Made from the manifests by `make docs`; a test fails while it is out of date.

In the order of the path. The arrow says which end of the metric is better; *baseline* is what the challenge's
`baseline.py` reaches. Seconds are processor time that `prepare` took from the offline source; megabytes are what a
learner downloads, and an archive holds the same once more.

Both were measured by `python -m tests.bench prepare`, which also compares the sums: all challenges together must take
less than {SECONDS_TARGET:.0f} seconds and {MEGABYTES_TARGET:.0f} MB. A dash stands where a challenge has not been
measured in its present version."""


def rows() -> Iterator[tuple[str, ...]]:
    """A line for each challenge, then one for all that were measured."""
    chapters = {stage.name: stage.title.en for stage in load_stages(CHALLENGES)}
    measured = load_current()
    for slug, package in find_packages(CHALLENGES).items():
        made = measured.get(slug)
        cost = (f"{made.seconds:.1f}", f"{made.megabytes:.1f}") if made else (NONE, NONE)
        yield (*describe(package, chapters[package.manifest.stage]), *cost)
    seconds = sum(made.seconds for made in measured.values())
    megabytes = sum(made.megabytes for made in measured.values())
    yield (f"together ({len(measured)} measured)", *[""] * (len(HEAD) - 3), f"{seconds:.1f}", f"{megabytes:.1f}")


def describe(package: Package, chapter: str) -> tuple[str, ...]:
    """Everything of a line that the manifest says."""
    manifest = package.manifest
    baseline = next((known.score for known in manifest.baselines if known.is_script), None)
    title = f"[{manifest.title.en}](../challenges/{package.slug}/description.md)"
    arrow = "↑" if manifest.metric.direction is Direction.MAX else "↓"
    first = NONE if baseline is None else f"{baseline:.{manifest.metric.decimals}f}"
    levels = (describe_level(manifest, level) for level in ("passing", "good", "excellent"))
    return title, chapter, manifest.kind, f"`{manifest.metric.name}` {arrow}", first, *levels


def describe_level(manifest: Manifest, level: str) -> str:
    """What a level asks for: a score, and perhaps something of secondary metrics."""
    told = [f"{getattr(thresholds_of(manifest), level):.{manifest.metric.decimals}f}"]
    for metric in manifest.secondary:
        asked = getattr(thresholds_of(manifest).secondary.get(metric.name), level, None)
        if asked is not None:
            sign = "≥" if metric.direction is Direction.MAX else "≤"
            told.append(f"`{metric.name}` {sign} {asked:.{metric.decimals}f}")
    return " and ".join(told)


def compose() -> str:
    """The whole page."""
    lines = [HEAD, ("---",) * len(HEAD), *rows()]
    return INTRODUCTION + "\n\n" + "\n".join(map(join_cells, lines)) + "\n"
