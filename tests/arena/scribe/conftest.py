"""Graders for the scribe's tests, on the same blobs."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from arena.settings import Settings
from graders.settings import GraderSettings
from tests.graders.runtime.installation import Installation


@pytest.fixture
def place(settings: Settings, tmp_path: Path, redis: Redis) -> Installation:
    """A vault and a package beside the web's blobs."""
    graders = GraderSettings(
        redis_url=settings.redis_url,
        storage_url=settings.storage_url,
        vault_url=(tmp_path / "vault").as_uri(),
        challenges_dir=tmp_path / "challenges",
        stop_seconds=1,
    )
    made = Installation(tmp_path, redis, graders)
    made.write_package()
    made.settings.challenges_dir.joinpath("path.toml").write_text(
        '[[stages]]\nname = "start"\ntitle = { en = "Start", zh = "开始" }\nhours = 1\nchallenges = []\n',
        encoding="utf-8",
    )
    return made
