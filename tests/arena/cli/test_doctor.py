"""`arena doctor` finds what is missing and says what follows."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from arena.cli import main
from arena.cli.doctor import State, examine, sandbox
from arena.cli.installation import Installation
from arena.cli.language import choose_language
from arena.cli.settings import OperatorSettings


def test_this_machine_is_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", "--data", str(tmp_path / "new"), "--json"]) == 0
    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["PostgreSQL"]["found"].startswith("postgres (PostgreSQL) 18")
    assert findings["Redis"]["state"] == "good"
    assert findings["libraries: grader"]["state"] == "good"


def test_a_folder_of_other_things_is_bad_and_the_exit_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["doctor", "--data", str(tmp_path)]) == 1
    assert "It holds something else" in " ".join(capsys.readouterr().out.split())


def test_a_taken_port_is_noticed(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        findings = {f.name: f for f in examine(tmp_path / "new", port, OperatorSettings())}
    assert findings[f"port {port}"].state is State.NOTE
    assert "--port" in findings[f"port {port}"].follows


def test_servers_of_ones_own_are_named_without_their_passwords(tmp_path: Path):
    own = OperatorSettings(database_url="postgresql://u:secret@db/x", redis_url="redis://:secret@r/0")
    findings = list(examine(tmp_path / "new", 8000, own))
    assert "secret" not in str(findings)
    assert "ARENA_DATABASE_URL" in str(findings)


def test_a_running_installation_is_named(tmp_path: Path):
    installation = Installation(tmp_path / "data")
    installation.make()
    with installation.claim("http://127.0.0.1:8123"):
        assert "http://127.0.0.1:8123" in str(list(examine(tmp_path / "data", 8000, OperatorSettings())))
    assert "8123" not in str(list(examine(tmp_path / "data", 8000, OperatorSettings())))


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"level": "S2", "reasons": ["No bubblewrap."], "probes": {}, "refuses": {"scratch": "x"}}, State.GOOD),
        ({"level": "S1", "reasons": [], "probes": {}, "refuses": {}}, State.NOTE),
        ({"level": "S0", "reasons": [], "probes": {}, "refuses": {"onnx": "x"}}, State.NOTE),
        ({"level": "S0", "reasons": [], "probes": {}, "refuses": {"predictions": "x", "onnx": "x"}}, State.BAD),
        ({"level": "S2", "reasons": [], "refuses": {}}, State.BAD),
        ({"level": "S2"}, State.BAD),
        ("nothing", State.BAD),
    ],
)
def test_the_sandbox_is_told_with_what_follows(told: object, state: State):
    finding = sandbox([sys.executable, "-c", f"print({json.dumps(told)!r})"])
    assert finding.state is state
    if isinstance(told, dict) and "probes" in told:
        assert finding.found == told["level"]
        assert all(reason in finding.follows for reason in [*told["reasons"], *told["refuses"]])


def test_what_the_sandbox_is_made_of_is_told_in_the_readers_language():
    reason = "Guests run as the grader's own user: only root can lend them another."
    probes = {"seccomp": "ok", "landlock": "ok", "bubblewrap": "not installed", "canary_models": "ok"}
    told = {"level": "S2", "reasons": [reason], "probes": probes, "refuses": {}}
    command = [sys.executable, "-c", f"print({json.dumps(told)!r})"]
    assert sandbox(command).found == "S2: seccomp, landlock"
    assert sandbox(command).follows == reason
    choose_language(["--language", "zh"])
    try:
        assert "root" in sandbox(command).follows
        assert not sandbox(command).follows.isascii()
    finally:
        choose_language([])


def test_a_program_that_does_not_run_is_no_sandbox():
    assert sandbox(["/nowhere/at/all"]).state is State.BAD
    assert sandbox([sys.executable, "-c", "raise SystemExit('broken')"]).state is State.BAD
