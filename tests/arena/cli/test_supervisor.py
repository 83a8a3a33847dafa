"""The supervisor: restarts what dies, stops in order, waits no longer than promised, and rotates logs."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from arena.cli.supervisor import LOG_BYTES, LOG_FILES, Stopping, Supervisor, keep_output, last_lines, rotate

SLEEPS = "import time; print('here', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
LEAVES_A_CHILD = (
    f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPS!r}], start_new_session=True); {SLEEPS}"
)
ENVIRONMENT = {"PATH": os.defpath}


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, told: list[tuple[str, str]]) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, lambda name, what: told.append((name, what)))
    yield made
    hurry = Stopping()
    hurry.count = 2
    made.stop(hurry)


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def wait_for(condition: Callable[[], object], tick: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        tick()
        time.sleep(0.02)


def said_here(supervisor: Supervisor, name: str) -> bool:
    return "here" in last_lines(supervisor.logs / f"{name}.log")


def test_a_killed_child_is_started_again_and_told(supervisor: Supervisor, told: list[tuple[str, str]]):
    child = supervisor.start("web", python(SLEEPS), ENVIRONMENT)
    assert child.process is not None
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: child.is_running and child.process and child.process.pid != first, supervisor.tick)
    assert told == [("web", "signal SIGKILL")]


def test_a_child_that_keeps_failing_is_started_less_and_less_often(supervisor: Supervisor, told: list[tuple[str, str]]):
    child = supervisor.start("scribe", python("raise SystemExit(3)"), ENVIRONMENT)
    wait_for(lambda: child.failures >= 2 and child.due_at, supervisor.tick)
    assert told[:2] == [("scribe", "exit code 3")] * 2
    assert child.due_at - time.monotonic() > 0.6


def test_children_stop_in_the_order_they_started(supervisor: Supervisor, tmp_path: Path):
    program = (
        "import signal, sys, time, pathlib\n"
        "def end(*_):\n"
        "    with open(sys.argv[1], 'a') as file: file.write(sys.argv[2] + ' ')\n"
        "    sys.exit()\n"
        f"signal.signal(signal.SIGTERM, end)\n{SLEEPS}"
    )
    for name in ("first", "second", "third"):
        supervisor.start(name, [*python(program), str(tmp_path / "order"), name], ENVIRONMENT)
    wait_for(lambda: all(said_here(supervisor, name) for name in ("first", "second", "third")))
    supervisor.stop(Stopping())
    assert (tmp_path / "order").read_text().split() == ["first", "second", "third"]


def test_a_child_that_ignores_the_request_is_killed_after_its_grace(supervisor: Supervisor):
    child = supervisor.start("grader", python(STUBBORN), ENVIRONMENT, grace_seconds=0.5)
    wait_for(lambda: said_here(supervisor, "grader"))
    began = time.monotonic()
    supervisor.stop(Stopping())
    assert 0.4 < time.monotonic() - began < 5
    assert not child.is_running


def test_a_second_request_waits_for_nobody(supervisor: Supervisor):
    child = supervisor.start("grader", python(STUBBORN), ENVIRONMENT, grace_seconds=60)
    wait_for(lambda: said_here(supervisor, "grader"))
    stopping = Stopping()
    with stopping.listening():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        began = time.monotonic()
        supervisor.stop(stopping)
    assert time.monotonic() - began < 5
    assert not child.is_running


def test_what_a_child_started_ends_with_it(supervisor: Supervisor):
    child = supervisor.start("grader", python(LEAVES_A_CHILD), ENVIRONMENT)
    assert child.process is not None
    process = psutil.Process(child.process.pid)
    wait_for(process.children)
    grandchild = process.children()[0]
    supervisor.stop(Stopping())
    wait_for(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_a_child_gets_the_environment_it_is_given_and_no_more(supervisor: Supervisor):
    child = supervisor.start("web", python(SLEEPS), ENVIRONMENT | {"ARENA_X": "1"})
    wait_for(lambda: said_here(supervisor, "web"))
    assert child.process is not None
    assert psutil.Process(child.process.pid).environ().keys() <= {"PATH", "ARENA_X", "LC_CTYPE"}


def test_output_is_kept_and_full_logs_are_put_aside(tmp_path: Path):
    log = tmp_path / "web.log"
    log.write_bytes(b"x" * (LOG_BYTES + 1))
    keep_output(io.BytesIO(b"one\ntwo\n"), log)
    assert log.read_text() == "one\ntwo\n"
    assert (tmp_path / "web.log.1").stat().st_size == LOG_BYTES + 1


def test_the_oldest_log_goes(tmp_path: Path):
    log = tmp_path / "web.log"
    for number in range(6):
        log.write_text(str(number))
        rotate(log)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"web.log.{n}" for n in range(1, LOG_FILES + 1)]
    assert (tmp_path / "web.log.1").read_text() == "5"


def test_the_end_of_a_log_that_is_not_there_is_empty(tmp_path: Path):
    assert last_lines(tmp_path / "none.log") == ""
