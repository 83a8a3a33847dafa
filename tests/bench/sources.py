"""What each `baseline.py` reaches on the real data whose files lie beside the checkout, each time divided anew.

It is what `[[sources.NAME.baselines]]` of a manifest tells. `--quick` leaves out what trains a network.
"""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import Any

from challenges.catalogue import find_packages
from challenges.errors import InvalidSource
from tests.challenges.workshop import CHALLENGES, Workshop
from tests.real_data import REAL, serve_real_files
from tests.sandboxing import close_sandbox

FOLDERS = {
    "bert_sentiment": "zh-review-sentiment/dataset/amazon_cn",
    "gpt2_coherence": "wikitext-2-sample",
    "object_detection": "bccd",
    "preprocess_pipeline": "california-housing/titanic",
    "style_transfer": "style-images",
}
"""Where the files of some challenges are; in other folders, other files have the same names."""


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Prepare every real source that can be had here, and run the baseline on it; a row for each."""
    rows = []
    try:
        for slug, package in find_packages(CHALLENGES).items():
            trains = "torch" in (package.folder / "baseline.py").read_text(encoding="utf-8")
            names = [] if quick and trains else package.manifest.sources
            rows += [row for name in names if (row := measure(slug, name))]
    finally:
        close_sandbox()
    return rows


def measure(slug: str, source: str) -> dict[str, Any] | None:
    """Scores of the baseline on both sides; None where the source's files are not here."""
    with (
        tempfile.TemporaryDirectory(prefix="arena-bench-") as name,
        serve_real_files(REAL / FOLDERS.get(slug, "")) as mirror,
    ):
        try:
            made = Workshop(Path(name)).prepare(slug, secret=secrets.token_bytes(32), source=source, mirror=mirror)
        except InvalidSource:
            return None
        out, seconds = made.run_baseline()
        verdict = made.grade(out)
    if verdict.public is None or verdict.private is None:
        raise AssertionError(verdict.faults)
    told = [known.score for known in made.package.manifest.of_source(source).baselines if known.is_script]
    return {
        "what": slug,
        "source": source,
        "public": verdict.public.score,
        "private": verdict.private.score,
        "told": told[0] if told else None,
        "cpu s": seconds,
    }
