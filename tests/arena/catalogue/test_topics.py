"""Topics: every tag of a shipped challenge is translated."""

from __future__ import annotations

from arena.catalogue.topics import TOPICS
from arena.settings import CHALLENGES_DIR
from challenges.catalogue import find_packages


def test_every_tag_of_a_shipped_challenge_is_known():
    tags = {tag for package in find_packages(CHALLENGES_DIR).values() for tag in package.manifest.tags}
    assert tags <= set(TOPICS)
