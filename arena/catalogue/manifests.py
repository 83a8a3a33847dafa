"""Manifests as the database keeps them: JSON of `challenge.toml`, with the two dates as ISO text."""

from __future__ import annotations

import datetime as dt
import json
from functools import lru_cache
from typing import Any

from arena.catalogue.models import Challenge, Dataset
from challenges.manifest import Manifest
from challenges.records import dump_record, parse_record

DATES = ("opens_at", "deadline")


def dump_manifest(manifest: Manifest) -> dict[str, Any]:
    """The manifest as JSON-ready data."""
    data: dict[str, Any] = dump_record(manifest)
    return data | {name: data[name].isoformat() for name in DATES if data[name] is not None}


def manifest_of(challenge: Challenge, dataset: Dataset | None = None) -> Manifest:
    """The manifest of a challenge, parsed once per text, with levels, baselines and labels of some data's source.

    Its dates are those of the package; the ones that hold are the challenge's own `opens_at` and `deadline`.

    Args:
        challenge: The challenge.
        dataset: Data of it; None: the data in use.
    """
    dataset = dataset or challenge.dataset
    return _parse(json.dumps(challenge.manifest, sort_keys=True), dataset.source if dataset else "")


@lru_cache(maxsize=512)
def _parse(text: str, source: str) -> Manifest:
    data = json.loads(text)
    dates = {name: dt.datetime.fromisoformat(data[name]) for name in DATES if data.get(name) is not None}
    return parse_record(Manifest, data | dates).of_source(source)
