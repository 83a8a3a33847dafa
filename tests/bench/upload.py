"""Uploads beside a copy that is hashed: megabytes a second, and how much memory the web process takes for it.

The web serves as in production, on embedded servers; the sender writes to a socket and does nothing else, since both
share the machine. The reference reads the same file, hashes it and writes it, in the same run.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from arena.db import make_engine, make_sessions, migrate
from arena.embedded import start_postgres, start_redis
from challenges.manifest import Limits
from tests.factories import make_challenge, make_dataset, make_manifest, make_token, make_user

MEGABYTE = 1_000_000
PIECE = 1 << 20
SHARE_TARGET, MEMORY_TARGET_MB = 0.4, 16.0
REPETITIONS = 5
START_SECONDS = 60
PATH = "/api/v1/challenges/flowers/submissions"
HEAD = b'--bench\r\nContent-Disposition: form-data; name="file"; filename="p.csv"\r\nContent-Type: text/csv\r\n\r\n'
TAIL = b"\r\n--bench--\r\n"


@dataclass(frozen=True)
class Site:
    """A web process that takes uploads."""

    port: int
    pid: int
    token: str

    def send(self, file: Path, *, as_form: bool) -> float:
        """Upload a file; the seconds until the answer."""
        size = file.stat().st_size
        around = (HEAD, TAIL) if as_form else (b"", b"")
        kind = "multipart/form-data; boundary=bench" if as_form else "application/octet-stream"
        method, path = ("POST", PATH) if as_form else ("PUT", f"{PATH}/p.csv")
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self.token}\r\nConnection: close\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {size + sum(map(len, around))}\r\n\r\n"
        )
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", self.port)) as line, file.open("rb") as content:
            line.sendall(head.encode() + around[0])
            line.sendfile(content)
            line.sendall(around[1])
            answer = line.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 201"), answer
        return time.perf_counter() - began

    def read_memory(self) -> float:
        """How many megabytes the process had at most since its mark was last set down."""
        return read_status(Path(f"/proc/{self.pid}"), "VmHWM") / 1000

    def set_down_mark(self) -> None:
        """Let the mark start anew from what the process has now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Measure raw bodies and forms; a row for each."""
    size = (100 if quick else 500) * MEGABYTE
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as name, running_site(Path(name), size) as site:
        file = make_file(Path(name) / "p.csv", size)
        for as_form in (False, True):
            site.send(make_file(Path(name) / "warm.csv", 1000), as_form=as_form)
        site.set_down_mark()
        idle = site.read_memory()
        return [compare(site, file, idle, as_form=as_form) for as_form in (False, True)]


def compare(site: Site, file: Path, idle: float, *, as_form: bool) -> dict[str, Any]:
    """The best of a few uploads beside the best of as many copies, in turns; the memory above the idle process."""
    size = file.stat().st_size / MEGABYTE
    uploads, copies = [], []
    site.set_down_mark()
    for _ in range(REPETITIONS):
        copies.append(copy_and_hash(file, file.with_suffix(".copy")))
        uploads.append(site.send(file, as_form=as_form))
    extra = site.read_memory() - idle
    share = min(copies) / min(uploads)
    return {
        "upload": "form" if as_form else "raw PUT",
        "MB": round(size),
        "MB/s": size / min(uploads),
        "copy + sha256 MB/s": size / min(copies),
        "share": share,
        "share target": SHARE_TARGET,
        "extra memory MB": extra,
        "memory target MB": MEMORY_TARGET_MB,
        "reached": share >= SHARE_TARGET and extra <= MEMORY_TARGET_MB,
    }


def copy_and_hash(source: Path, target: Path) -> float:
    """The seconds that reading, hashing and writing take without any web."""
    began = time.perf_counter()
    whole = hashlib.sha256()
    with source.open("rb") as content, target.open("wb") as out:
        while piece := content.read(PIECE):
            whole.update(piece)
            out.write(piece)
    seconds = time.perf_counter() - began
    assert whole.hexdigest()
    target.unlink()
    return seconds


def make_file(path: Path, size: int) -> Path:
    """A file that does not compress, with line ends as a CSV has them."""
    block = os.urandom(PIECE - 2) + b"\r\n"
    with path.open("wb") as out:
        while size > 0:
            size -= out.write(block[:size])
    return path


def read_status(process: Path, name: str) -> int:
    """A number of kilobytes from what the kernel says of a process."""
    lines = (process / "status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@contextmanager
def running_site(folder: Path, limit_bytes: int) -> Iterator[Site]:
    """A web process on servers of its own, with a challenge whose limit is high enough."""
    with ExitStack() as stack:
        postgres, redis = start_postgres(folder / "postgres"), start_redis(folder / "redis")
        stack.callback(postgres.stop)
        stack.callback(redis.stop)
        migrate(postgres.url)
        (folder / "blobs").mkdir()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ARENA_")} | {
            "ARENA_DATABASE_URL": postgres.url,
            "ARENA_REDIS_URL": redis.url,
            "ARENA_STORAGE_URL": (folder / "blobs").as_uri(),
        }
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = found.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", "--factory", "arena.app:create_app", "--port", str(port)]
        web = stack.enter_context(
            subprocess.Popen(
                [*command, "--no-access-log", "--log-level", "warning"],
                env=environment,
                stderr=subprocess.DEVNULL,
            )
        )
        stack.callback(web.send_signal, signal.SIGTERM)
        wait_for(f"http://127.0.0.1:{port}/healthz", web)
        yield Site(port, web.pid, make_sender(postgres.url, limit_bytes))


def make_sender(database_url: str, limit_bytes: int) -> str:
    """A challenge that takes files of this size, and the token of a person who sends them."""
    engine = make_engine(database_url)
    with make_sessions(engine)() as session:
        limits = Limits(upload_bytes=limit_bytes, per_day=1000)
        make_dataset(session, make_challenge(session, manifest=make_manifest(limits=limits)))
        token = make_token(session, make_user(session))
    engine.dispose()
    return token


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until an address answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")
