"""The memory of the web process stays flat while a large file comes in, by either way."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.upload import MEGABYTE, make_file, running_site

SIZE = 300 * MEGABYTE
MOST_EXTRA_MB = 16


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_three_hundred_megabytes_take_sixteen(tmp_path: Path):
    with running_site(tmp_path, SIZE) as site:
        file, small = make_file(tmp_path / "large.csv", SIZE), make_file(tmp_path / "small.csv", 1000)
        for as_form in (False, True):
            site.send(small, as_form=as_form)
        site.set_down_mark()
        idle = site.read_memory()
        for as_form in (False, True):
            site.send(file, as_form=as_form)
            assert site.read_memory() - idle < MOST_EXTRA_MB
        stored = sorted(path.stat().st_size for path in (tmp_path / "blobs" / "uploads").glob("*/*"))
    assert stored == [1000, 1000, SIZE, SIZE]
