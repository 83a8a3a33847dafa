"""The application on a real port, in a thread of the test's own process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

START_SECONDS = 30


@contextmanager
def serve(app: ASGIApp) -> Iterator[str]:
    """Serve `app` on loopback until the block ends; open streams are cut off then."""
    config = uvicorn.Config(
        app,
        http="httptools",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = threading.Event()
        thread = threading.Thread(target=_run, args=(server, listener, started), name="site")
        thread.start()
        try:
            while not server.started and thread.is_alive():
                started.wait(0.01)
            assert server.started, "the application did not start"
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)


def _run(server: uvicorn.Server, listener: socket.socket, ended: threading.Event) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        ended.set()
