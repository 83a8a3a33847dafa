"""Each test of programs has a temporary folder of its own, in which nothing may be left."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No folder of a program, and no socket, outlives it."""
    before = tempfile.gettempdir()
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before
        assert list(Path(folder).iterdir()) == []
