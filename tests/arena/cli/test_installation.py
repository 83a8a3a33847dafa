"""The data folder: refusals, one `arena up` at a time, and what each process may see."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from arena.cli.client import Refused
from arena.cli.installation import Installation, use_installation
from arena.cli.settings import GRADER_VARIABLES, WEB_VARIABLES, OperatorSettings, environment_of
from graders.settings import GraderSettings

OWN = OperatorSettings(database_url="postgresql://db/x", redis_url="redis://r/0", vault_url="file:///vault")


def test_a_folder_with_other_things_is_refused_and_untouched(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Refused, match="not empty"):
        Installation(tmp_path).make()
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="cannot be written"):
        Installation(tmp_path / "file" / "data").make()


def test_commands_need_an_installation(tmp_path: Path):
    with pytest.raises(Refused, match="There is no data folder"), use_installation(tmp_path, "postgres"):
        pass


def test_hidden_answers_are_closed_to_other_users(tmp_path: Path):
    installation = Installation(tmp_path / "data")
    installation.make()
    installation.make()
    assert stat.S_IMODE((tmp_path / "data" / "vault").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "blobs").stat().st_mode) == 0o700


def test_a_second_claim_says_where_the_first_runs(tmp_path: Path):
    installation = Installation(tmp_path / "data")
    installation.make()
    with (
        installation.claim("http://127.0.0.1:8123"),
        pytest.raises(Refused, match=rf"running here already: http://127.0.0.1:8123 \(process {os.getpid()}\)"),
        installation.claim("http://127.0.0.1:9999"),
    ):
        pass
    with installation.claim("http://127.0.0.1:9999"):
        pass


def test_a_claim_ends_with_its_process(tmp_path: Path):
    installation = Installation(tmp_path / "data")
    installation.make()
    program = (
        "import os, sys, signal; from pathlib import Path; from arena.cli.installation import Installation\n"
        "with Installation(Path(sys.argv[1])).claim('http://x'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "data")], check=False)
    assert done.returncode == -9
    with installation.claim("http://127.0.0.1:9999"):
        pass


def test_the_graders_variables_are_those_of_their_settings():
    assert {f"ARENA_{name.upper()}" for name in GraderSettings.model_fields} == GRADER_VARIABLES


def test_web_and_scribe_are_told_nothing_of_the_vault(tmp_path: Path):
    environment = Installation(tmp_path, OWN).web_environment("http://127.0.0.1:8000")
    assert environment["ARENA_DATABASE_URL"] == "postgresql://db/x"
    assert not [name for name in environment if "VAULT" in name]
    assert "ARENA_VAULT_URL" not in WEB_VARIABLES


def test_graders_are_told_nothing_of_the_database(tmp_path: Path):
    environment = Installation(tmp_path, OWN).grader_environment("grade-cpu,prepare")
    assert environment["ARENA_VAULT_URL"] == "file:///vault"
    assert environment["ARENA_QUEUES"] == "grade-cpu,prepare"
    assert not [name for name in environment if "DATABASE" in name or name.startswith("PG")]


def test_a_learners_token_and_strange_variables_go_nowhere():
    secrets = {"ARENA_TOKEN": "arena_x", "PGPASSWORD": "x", "GITHUB_TOKEN": "x", "ARENA_DATA": "/x"}
    program = (
        "from arena.cli.settings import *\n"
        "print([n for v in (WEB_VARIABLES, GRADER_VARIABLES) for n in environment_of(v, {}) if n.startswith('ARENA')"
        " or 'PASS' in n or 'TOKEN' in n])"
    )
    environment = os.environ | secrets
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert environment_of(WEB_VARIABLES, {"ARENA_VAULT_URL": "x", "ARENA_REDIS_URL": "y"}).get("ARENA_REDIS_URL") == "y"


def test_a_grader_started_by_hand_is_not_told_of_the_database_either(redis_url: str, tmp_path: Path):
    told = {"ARENA_REDIS_URL": redis_url, "ARENA_STORAGE_URL": tmp_path.as_uri(), "ARENA_VAULT_URL": tmp_path.as_uri()}
    secret = {"ARENA_DATABASE_URL": "postgresql://u:secret@db/x", "PGPASSWORD": "secret"}
    environment = {"PATH": os.environ["PATH"], **told, **secret}
    with subprocess.Popen(
        [sys.executable, "-m", "arena.cli", "grader"], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        grader = psutil.Process(process.pid)
        deadline = time.monotonic() + 30
        while "graders.worker" not in grader.cmdline():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        seen = grader.environ()
        process.terminate()
        process.wait(30)
    assert "secret" not in str(seen)
    assert seen["ARENA_VAULT_URL"] == tmp_path.as_uri()
