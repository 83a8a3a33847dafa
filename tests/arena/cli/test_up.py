"""`arena up` as an operator meets it: refusals, the isolation of its processes, deaths, Ctrl-C at any moment."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from arena.settings import CHALLENGES_DIR
from tests.arena.cli.conftest import bare_environment

pytestmark = pytest.mark.slow

MARKS = ("cli web", "cli scribe", "graders.worker --child", "graders.worker", "bin/postgres -D", "redis-server")
"""What the command lines of the six kinds of process hold."""


class Operator:
    """Someone at a terminal with a data folder."""

    def __init__(self, home: Path) -> None:
        self.home, self.data, self.port = home, home / "data", free_port()
        (home / "challenges").mkdir()
        shutil.copytree(CHALLENGES_DIR / "iris", home / "challenges" / "iris")
        shutil.copytree(CHALLENGES_DIR / "_generators", home / "challenges" / "_generators")
        shutil.copy(CHALLENGES_DIR / "path.toml", home / "challenges")
        self.environment = bare_environment(home) | {
            "ARENA_CHALLENGES_DIR": str(home / "challenges"),
            "ARENA_TOKEN": "arena_secret",
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return (self.home / "up.out").read_text(encoding="utf-8")

    def up(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "arena.cli", "up", "--data", str(self.data), "--port", str(self.port), *words]
        with (self.home / "up.out").open("wb") as out:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        return self.process

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "arena.cli", *words],
            env=self.environment | more,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )

    def wait_until_up(self) -> None:
        wait_for(lambda: "Ctrl-C stops everything" in self.output or (self.process and self.process.poll() is not None))
        assert httpx.get(f"{self.url}/readyz", timeout=10).status_code == 200, self.output

    def children(self) -> dict[str, psutil.Process]:
        """The processes of the installation by what they are."""
        assert self.process is not None
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                line = " ".join(child.cmdline())
                for mark in (mark for mark in MARKS if mark in line):
                    found.setdefault(mark, child)
                    break
        return found

    def is_back(self, mark: str, first: psutil.Process) -> bool:
        """Whether another process has taken the place of the first, and the site answers."""
        second = self.children().get(mark)
        with suppress(httpx.TransportError):
            is_ready = httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
            return second is not None and second.pid != first.pid and is_ready
        return False

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def everything_of_ours(self) -> list[psutil.Process]:
        return [p for p in psutil.process_iter() if is_of(p, str(self.data))]


def is_of(process: psutil.Process, data: str) -> bool:
    with suppress(psutil.Error):
        return data in " ".join(process.cmdline()) or data in str(process.environ())
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def operator() -> Iterator[Operator]:
    with tempfile.TemporaryDirectory(prefix="arena-up-") as home:
        made = Operator(Path(home))
        yield made
        if made.process is not None and made.process.poll() is None:
            made.interrupt()
        wait_for(lambda: not made.everything_of_ours())


def test_a_taken_port_is_refused_before_anything_starts(operator: Operator):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", operator.port))
        taken.listen()
        assert operator.up().wait(30) == 1
    assert "Choose another with --port" in operator.output
    assert not (operator.data / "postgres").exists()


def test_a_challenge_that_is_broken_is_named(operator: Operator):
    (operator.home / "challenges" / "iris" / "challenge.toml").write_text("schema = 1")
    assert operator.up().wait(60) == 1
    assert "challenge.toml" in operator.output
    assert "Traceback" not in operator.output


def test_each_process_sees_its_row_of_the_table_and_a_second_up_is_told(operator: Operator):
    operator.up()
    operator.wait_until_up()
    seen = {name: process.environ() for name, process in operator.children().items()}
    assert set(seen) == set(MARKS)
    for name, environment in seen.items():
        is_grader, is_web_side = name.startswith("graders"), name.startswith("cli")
        assert ("ARENA_VAULT_URL" in environment) == is_grader, name
        assert ("ARENA_DATABASE_URL" in environment) == is_web_side, name
        assert ("ARENA_REDIS_URL" in environment) == (is_grader or is_web_side), name
        assert "ARENA_TOKEN" not in environment, name
        assert str(operator.data / "vault") not in str(environment) or is_grader, name
    second = operator.run("up", "--data", str(operator.data), "--port", str(free_port()))
    assert second.returncode == 1
    assert f"running here already: {operator.url}" in second.stderr
    wait_for(lambda: "The data of iris is ready." in operator.output)
    password = operator.run("admin", "reset-password", "admin", "--data", str(operator.data))
    assert "One-time password of admin" in password.stdout
    assert operator.run("prepare", "iris", "--data", str(operator.data)).returncode == 0
    assert "no page" not in operator.run("challenge", "iris", "--server", operator.url).stdout


def test_what_dies_comes_back(operator: Operator):
    operator.up()
    operator.wait_until_up()
    for mark in ("cli web", "bin/postgres -D", "redis-server", "graders.worker"):
        first = operator.children()[mark]
        first.kill()
        wait_for(lambda mark=mark, first=first: operator.is_back(mark, first))  # type: ignore[misc]
    assert "web ended (signal SIGKILL); it is started again." in operator.output


def test_it_stops_with_ctrl_c_comes_back_with_everything_and_stops_at_once_when_pressed_twice(operator: Operator):
    operator.up()
    operator.wait_until_up()
    assert "one-time password: " in operator.output
    account = {"username": "ada", "password": "correct horse battery"}
    assert httpx.post(f"{operator.url}/api/v1/users", json=account, timeout=10).status_code == 201
    began = time.monotonic()
    assert operator.interrupt() == 0
    assert time.monotonic() - began < 20
    assert "Nothing is lost" in operator.output
    assert not operator.everything_of_ours()
    began = time.monotonic()
    again = operator.up("--graders", "2")
    operator.wait_until_up()
    assert time.monotonic() - began < 40
    assert "password" not in operator.output
    assert httpx.post(f"{operator.url}/api/v1/login", json=account, timeout=10).status_code == 200
    again.send_signal(signal.SIGTERM)
    time.sleep(0.5)  # two signals in the same moment are one
    began = time.monotonic()
    assert operator.interrupt() == 0
    assert time.monotonic() - began < 15
    assert not operator.everything_of_ours()


@pytest.mark.parametrize("moment", [0.3, 2.0])
def test_ctrl_c_during_the_start_leaves_nothing_behind(operator: Operator, moment: float):
    operator.up()
    time.sleep(moment)
    began = time.monotonic()
    code = operator.interrupt()
    assert time.monotonic() - began < 20
    assert code in (0, 130, -2)
    assert not operator.everything_of_ours()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no parent-death signal")
def test_nothing_outlives_a_killed_supervisor(operator: Operator):
    operator.up()
    operator.wait_until_up()
    assert operator.process is not None
    operator.process.kill()
    operator.process.wait()
    wait_for(lambda: not operator.everything_of_ours())
    operator.up()
    operator.wait_until_up()
