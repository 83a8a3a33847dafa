"""An installation for the tests of graders' processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from graders.settings import GraderSettings
from tests.graders.runtime.installation import Installation


@pytest.fixture
def place(tmp_path: Path, redis_url: str, redis: Redis) -> Installation:
    """Empty blobs and vault, one package, a Redis of its own."""
    settings = GraderSettings(
        redis_url=redis_url,
        storage_url=(tmp_path / "blobs").as_uri(),
        vault_url=(tmp_path / "vault").as_uri(),
        challenges_dir=tmp_path / "challenges",
        stop_seconds=1,
    )
    made = Installation(tmp_path, redis, settings)
    made.write_package()
    return made
