"""The real data sets beside the checkout, served on loopback in place of their addresses.

They are not part of the repository: where they are absent, tests that need them skip and say so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REAL = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_files = pytest.mark.skipif(not REAL.is_dir(), reason="the real data sets are not at ../shared/data")


class FilesByName(SimpleHTTPRequestHandler):
    """Serves every file below a folder by its plain name, whatever folder the address names."""

    def translate_path(self, path: str) -> str:
        name = path.rpartition("/")[2]
        found = sorted(Path(self.directory).rglob(name))
        return str(found[0] if found else Path(self.directory) / "absent")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serve_real_files(folder: Path = REAL) -> Iterator[str]:
    """Address of a server of the real files, or of others in their place."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(FilesByName, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
