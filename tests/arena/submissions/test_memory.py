"""The memory of the web process stays flat while a large file comes in, by either way."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from tests.bench.upload import MEGABYTE, make_file, running_site

SIZE = 300 * MEGABYTE
MOST_EXTRA_MB = 16


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_three_hundred_megabytes_take_sixteen():
    # Not pytest's own folder, which stays for three more runs.
    with tempfile.TemporaryDirectory(prefix="arena-tests-") as name, running_site(Path(name), SIZE) as site:
        file, small = make_file(Path(name) / "large.csv", SIZE), make_file(Path(name) / "small.csv", 1000)
        for as_form in (False, True):
            site.send(small, as_form=as_form)
        site.set_down_mark()
        idle = site.read_memory()
        for as_form in (False, True):
            site.send(file, as_form=as_form)
            assert site.read_memory() - idle < MOST_EXTRA_MB
        stored = sorted(path.stat().st_size for path in (Path(name) / "blobs" / "uploads").glob("*/*"))
    assert stored == [1000, 1000, SIZE, SIZE]
