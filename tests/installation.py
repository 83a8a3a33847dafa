"""One real installation for system and browser tests: `arena up` on embedded servers, as an operator starts it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.real_data import serve_real_files

ROOT = Path(__file__).resolve().parents[1]
ARENA = str(Path(sys.executable).with_name("arena"))
CHALLENGES = ("iris", "house_prices", "char_rnn", "svd_compress", "optimizers")


@dataclass
class Installation:
    """A running installation, and what its operator was told."""

    data: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_password(self) -> str:
        text = self.data.with_suffix(".out").read_text(encoding="utf-8")
        found = re.search(r"password\W+(\S{12,})", text, re.IGNORECASE)
        assert found, text
        return found.group(1)

    def start(self) -> None:
        with self.data.with_suffix(".out").open("a", encoding="utf-8") as out:
            self.process = subprocess.Popen(
                [ARENA, "up", "--data", str(self.data), "--port", str(self.port)],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=self.environment,
                text=True,
            )
        self.wait_for("/readyz", 90)

    def wait_for(self, path: str, seconds: float) -> httpx.Response:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.data.with_suffix(".out").read_text(encoding="utf-8")
            try:
                answer = httpx.get(self.url + path, timeout=5)
                if answer.status_code == 200:
                    return answer
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        pytest.fail(f"{path} did not answer: " + self.data.with_suffix(".out").read_text(encoding="utf-8"))

    def wait_until_open(self, slug: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = httpx.get(f"{self.url}/api/v1/challenges/{slug}", timeout=5)
            if answer.status_code == 200 and answer.json()["state"] == "open":
                return
            time.sleep(0.2)
        pytest.fail(f"{slug} did not open: " + self.data.with_suffix(".out").read_text(encoding="utf-8"))

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            assert self.process.wait(30) in (0, 130)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """A site with two small challenges, started once per worker and stopped with Ctrl-C."""
    # not below pytest's own folder: every pytest that starts closes that one to PostgreSQL's system user again
    home = Path(tempfile.mkdtemp(prefix="arena-installation-"))
    challenges = home / "challenges"
    challenges.mkdir()
    for name in (*CHALLENGES, "_generators"):
        shutil.copytree(ROOT / "challenges" / name, challenges / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "challenges" / "path.toml", challenges)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ARENA_")}
    environment |= {
        "ARENA_CHALLENGES_DIR": str(challenges),
        "ARENA_SWEEP_SECONDS": "1",
        "ARENA_RESEND_AFTER_SECONDS": "2",
        "ARENA_RATE_LOGIN": "1000/minute",
        "ARENA_RATE_WRITE": "10000/minute",
    }
    running = Installation(home / "data", free_port(), environment)
    with serve_real_files() as mirror:
        environment["ARENA_SOURCE_BASE_URL"] = mirror
        try:
            running.start()
            for slug in CHALLENGES:
                running.wait_until_open(slug)
            yield running
        finally:
            running.stop()
            shutil.rmtree(home, ignore_errors=True)
