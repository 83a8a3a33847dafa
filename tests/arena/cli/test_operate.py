"""Operating by command line: schema and challenges, real data under its licence, passwords, new challenges."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from arena.accounts.models import Role, User
from arena.accounts.service import find_user, log_in
from arena.catalogue.models import Challenge, Dataset
from arena.cli import operate
from arena.errors import WrongPassword
from arena.settings import CHALLENGES_DIR
from challenges.catalogue import load_package
from challenges.manifest import Source, SourceFile
from challenges.texts import Text
from tests.arena.cli.conftest import bare_environment
from tests.factories import PASSWORD, make_manifest, make_user

Arena = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def arena(postgres_url: str, redis_url: str, tmp_path: Path) -> Arena:
    """Runs `arena` on this test's own servers, as `ARENA_*` variables name them."""
    folder = tmp_path / "challenges"
    folder.mkdir()
    shutil.copytree(CHALLENGES_DIR / "iris", folder / "iris", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHALLENGES_DIR / "path.toml", folder)
    environment = bare_environment(tmp_path) | {"ARENA_DATABASE_URL": postgres_url, "ARENA_REDIS_URL": redis_url}
    environment |= {"ARENA_CHALLENGES_DIR": str(folder)}

    def run(*words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "arena.cli", *words]
        done = subprocess.run(
            command, input=stdin, env=environment | more, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


def test_servers_that_do_not_answer_are_named_without_their_passwords(arena: Arena):
    done = arena("migrate", ARENA_DATABASE_URL="postgresql://u:secret@127.0.0.1:1/x")
    assert done.returncode == 1
    assert "The database does not answer" in done.stderr
    assert "secret" not in done.stderr


def test_without_redis_challenges_are_loaded_all_the_same_and_stdout_stays_a_document(arena: Arena):
    done = arena("migrate", "--sync", "--json", ARENA_REDIS_URL="redis://:secret@127.0.0.1:1/0")
    assert done.returncode == 0
    assert json.loads(done.stdout)["prepare"] == ["iris"]  # the scribe sends it once Redis is back
    assert "secret" not in done.stderr


def test_unknown_challenges_sources_and_people_are_refused(arena: Arena):
    assert arena("migrate", "--sync").returncode == 0
    for words, sentence in (
        (["prepare", "nothing"], "There is no challenge here."),
        (["prepare", "iris", "--source", "nowhere"], "There is no source nowhere. Known: offline"),
        (["admin", "reset-password", "nobody"], "There is no user here."),
    ):
        done = arena(*words)
        assert done.returncode == 1
        assert sentence in done.stderr


def test_migrate_loads_challenges_and_tells_the_password_once(arena: Arena, db: Session, redis: Redis):
    told = json.loads(arena("migrate", "--sync", "--json").stdout)
    assert told["challenges"] == 1
    assert told["prepare"] == ["iris"]
    assert log_in(db, "admin", told["password"]).role is Role.ADMIN
    assert redis.llen("rq:queue:prepare") == 1
    again = json.loads(arena("migrate", "--sync", "--json").stdout)
    assert again == {"challenges": 1, "prepare": [], "admin": "admin", "password": None}
    assert db.scalars(select(Challenge.slug)).all() == ["iris"]


def test_migrate_alone_loads_nothing(arena: Arena, db: Session):
    assert arena("migrate").returncode == 0
    assert db.scalars(select(Challenge)).all() == []
    assert db.scalars(select(User)).all() == []


def test_real_data_is_asked_for_under_its_licence_only(arena: Arena, db: Session):
    assert arena("migrate", "--sync").returncode == 0
    source = next(iter(load_package(CHALLENGES_DIR / "iris").manifest.sources))
    refused = arena("prepare", "iris", "--source", source, stdin="n\n")
    assert refused.returncode == 1
    assert "Licence: " in refused.stdout
    assert "Nothing was downloaded." in refused.stderr
    assert arena("prepare", "iris", "--source", source).returncode == 1  # nobody there to answer
    assert db.scalars(select(Dataset.source)).all() == ["offline"]
    accepted = arena("prepare", "iris", "--source", source, stdin="y\n")
    assert accepted.returncode == 0, accepted.stderr
    silent = arena("prepare", "iris", "--source", source, "--accept-licence")
    assert silent.returncode == 0
    db.rollback()
    assert sorted(db.scalars(select(Dataset.source)).all()) == ["offline", source]


def test_files_that_a_source_lists_apart_are_named_too(capsys: pytest.CaptureFixture[str]):
    source = Source(Text("Real", "真"), "MIT", "https://example.org", [SourceFile("https://a.example/b", "", 5)])
    for listed, told in (("", False), ("more.txt", True)):
        operate._show_source(replace(make_manifest(), sources={"real": replace(source, listed=listed)}), "real")
        assert ("and what more.txt lists" in capsys.readouterr().out) is told


def test_a_reset_password_replaces_the_old_one(arena: Arena, db: Session):
    make_user(db, "ada")
    done = arena("admin", "reset-password", "ada")
    password = done.stdout.rpartition(" ")[2].strip()
    db.expire_all()
    assert log_in(db, "ada", password).must_change_password
    with pytest.raises(WrongPassword):
        log_in(db, "ada", PASSWORD)
    assert find_user(db, "ada") is not None


@pytest.mark.parametrize("name", ["Cats", "9lives", "../x", "a-b", "_template"])
def test_a_name_that_is_no_slug_is_refused(arena: Arena, tmp_path: Path, name: str):
    assert arena("new-challenge", name).returncode == 1
    assert sorted(p.name for p in (tmp_path / "challenges").iterdir()) == ["iris", "path.toml"]


def test_a_new_challenge_is_a_whole_package_and_never_overwrites(arena: Arena, tmp_path: Path):
    done = arena("new-challenge", "cat_breeds")
    assert done.returncode == 0, done.stderr
    package = load_package(tmp_path / "challenges" / "cat_breeds")
    assert package.slug == "cat_breeds"
    assert set(package.descriptions) == {"en", "zh"}
    again = arena("new-challenge", "cat_breeds")
    assert again.returncode == 1
    assert "exists already" in again.stderr
