"""The learner's commands against the real application over real HTTP: refusals first, then the whole way."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from arena.accounts.models import User
from arena.catalogue.models import Challenge, Dataset
from arena.settings import Settings
from challenges.catalogue import load_package
from tests.arena.cli.conftest import bare_environment
from tests.factories import (
    COSTS,
    MODEL,
    PASSWORD,
    make_challenge,
    make_dataset,
    make_manifest,
    make_standing,
    make_submission,
    make_team,
    make_user,
)

CHALLENGES = Path(__file__).resolve().parents[3] / "challenges"
TRAIN = b"id,species\n1,a\n2,b\n"


@dataclass
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str


Arena = Callable[..., Done]


@pytest.fixture
def arena(site_url: str, tmp_path: Path) -> Arena:
    """Runs `arena` as a person of their own, with a home of their own."""
    home = tmp_path / "home"
    home.mkdir()
    environment = bare_environment(home) | {"XDG_CONFIG_HOME": str(home / "config")}
    environment |= {"ARENA_SERVER": site_url, "PYTHONWARNINGS": "error"}

    def run(*words: str, stdin: str = "", **more: str) -> Done:
        command = [sys.executable, "-m", "arena.cli", *words]
        done = subprocess.run(
            command, input=stdin, env=environment | more, cwd=home, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def ada(db: Session) -> User:
    return make_user(db, "ada")


@pytest.fixture
def flowers(db: Session, settings: Settings) -> str:
    """An open challenge with one file and a leaderboard of one."""
    challenge = make_challenge(db)
    dataset = publish(db, settings, challenge, "train.csv", TRAIN)
    rival = make_user(db, "grace")
    team = make_team(db, challenge, rival)
    make_standing(db, make_submission(db, team, rival, dataset, public_score=0.9), 0.9)
    return "flowers"


def publish(db: Session, settings: Settings, challenge: Challenge, name: str, content: bytes) -> Dataset:
    """Data of one public file."""
    file = {"name": name, "size_bytes": len(content), "digest": hashlib.sha256(content).hexdigest()}
    dataset = make_dataset(db, challenge, files=[file])
    folder = Path(settings.storage_url.removeprefix("file://")) / "public" / challenge.slug / dataset.version
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    return dataset


def log_in(arena: Arena) -> None:
    assert arena("login", "--username", "ada", stdin=PASSWORD + "\n").code == 0


@pytest.mark.usefixtures("ada")
def test_a_wrong_password_is_a_sentence_and_stores_nothing(arena: Arena, tmp_path: Path):
    done = arena("login", "--username", "ada", stdin="guess\n")
    assert done.code == 1
    assert "The name or the password is wrong." in done.err
    assert not (tmp_path / "home" / "config").exists()


def test_without_a_login_one_is_told_to_log_in(arena: Arena, flowers: str, tmp_path: Path):
    (tmp_path / "p.csv").write_text("id,species\n1,a\n")
    done = arena("submit", flowers, str(tmp_path / "p.csv"))
    assert done.code == 1
    assert "arena login" in done.err


def test_a_wrong_token_is_told(arena: Arena):
    done = arena("whoami", ARENA_TOKEN="arena_of_nobody")
    assert done.code == 1
    assert "unknown, expired or revoked" in done.err


def test_an_unknown_challenge_is_told_in_chinese_too(arena: Arena):
    assert arena("challenge", "nothing").code == 1
    english = arena("challenge", "nothing").err
    chinese = arena("--language", "zh", "challenge", "nothing").err
    assert english != chinese
    assert not chinese.isascii()


@pytest.mark.usefixtures("ada")
def test_an_empty_file_is_refused_before_it_counts(arena: Arena, flowers: str, tmp_path: Path):
    log_in(arena)
    (tmp_path / "empty.csv").write_text("")
    done = arena("submit", flowers, str(tmp_path / "empty.csv"))
    assert done.code == 1
    assert "empty" in done.err
    assert json.loads(arena("submissions", "--json").out) == []


@pytest.mark.usefixtures("ada")
def test_the_token_is_kept_for_its_owner_alone_and_sent_to_its_server_alone(
    arena: Arena, tmp_path: Path, site_url: str
):
    log_in(arena)
    path = tmp_path / "home" / "config" / "arena" / "login.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "ada" in arena("whoami").out
    elsewhere = site_url.replace("127.0.0.1", "localhost")
    assert arena("whoami", "--server", elsewhere).code == 1


@pytest.mark.usefixtures("ada")
def test_logging_out_ends_the_token_on_the_server(arena: Arena, tmp_path: Path):
    log_in(arena)
    token = json.loads((tmp_path / "home" / "config" / "arena" / "login.json").read_text())["token"]
    assert "Logged out." in arena("logout").out
    assert arena("whoami", ARENA_TOKEN=token).code == 1
    assert "Nobody was logged in." in arena("logout").out


def test_challenges_can_be_read_without_a_login_in_both_languages(arena: Arena, flowers: str):
    assert "Small flowers" in arena("challenges").out
    assert "小花" in arena("--language", "zh", "challenges").out
    shown = arena("challenge", flowers).out
    for fact in ("Small flowers", "higher is better", "id, species", "train.csv"):
        assert fact in shown


@pytest.mark.usefixtures("ada")
def test_from_download_to_submission(arena: Arena, flowers: str, tmp_path: Path):
    log_in(arena)
    folder = tmp_path / "home" / flowers
    assert arena("download", flowers).code == 0
    assert (folder / "train.csv").read_bytes() == TRAIN
    assert "unchanged" in arena("download", flowers).out
    (folder / "mine.csv").write_text("id,species\n1,a\n")
    sent = json.loads(arena("submit", f"{flowers}/mine.csv", "-m", "first", "--json").out)
    assert (sent["status"], sent["message"], sent["filename"]) == ("queued", "first", "mine.csv")
    assert sent["digest"] == hashlib.sha256(b"id,species\n1,a\n").hexdigest()
    listed = json.loads(arena("submissions", flowers, "--json").out)
    assert [item["id"] for item in listed] == [sent["id"]]
    assert "queued" in arena("submissions").out
    assert "mine.csv" in arena("submission", sent["id"], "--download", "--to", "back").out
    assert (tmp_path / "home" / "back" / "mine.csv").read_bytes() == b"id,species\n1,a\n"
    again = arena("submission", sent["id"], "--download", "--to", "back")
    assert again.code == 1
    assert "exists already" in again.err


def test_another_teams_submission_cannot_be_seen(arena: Arena, flowers: str, db: Session, ada: User):
    log_in(arena)
    theirs = json.loads(arena("leaderboard", flowers, "--json").out)["rows"][0]["team_id"]
    assert theirs
    other = make_user(db, "eve")
    challenge = make_challenge(db, "other")
    submission = make_submission(db, make_team(db, challenge, other), other, make_dataset(db, challenge))
    assert submission.user_id != ada.id
    assert arena("submission", str(submission.id)).code == 1


def test_a_file_is_checked_far_from_the_downloaded_folder(
    arena: Arena, db: Session, settings: Settings, tmp_path: Path
):
    package = load_package(CHALLENGES / "iris")
    challenge = make_challenge(db, "iris", package.manifest, manifest_text=package.text)
    publish(db, settings, challenge, "sample_submission.csv", b"id,species\na1,setosa\nb2,setosa\n")
    (tmp_path / "home" / "mine.csv").write_text("id,species\na1,setosa\nb2,virginica\n")
    for words in (("iris", "mine.csv"), ("mine.csv", "iris")):
        done = arena("check", *words, "--json")
        assert (done.code, json.loads(done.out)["ok"]) == (0, True)
    (tmp_path / "home" / "mine.csv").write_text("id,species\na1,setosa\n")
    refused = arena("check", "iris", "mine.csv")
    assert refused.code == 1
    assert "b2" in refused.out
    assert "There is no challenge here." in arena("check", "nothing", "mine.csv").err


def test_models_are_told_with_what_they_cost(arena: Arena, ada: User, db: Session):
    challenge = make_challenge(db, "pictures", replace(make_manifest(), kind="onnx", model=MODEL))
    sent = make_submission(
        db, make_team(db, challenge, ada), ada, make_dataset(db, challenge), public_score=0.9, costs=COSTS
    )
    make_standing(db, sent, 0.9)
    log_in(arena)
    wide = {"COLUMNS": "200"}
    for words in (("leaderboard", "pictures"), ("submissions",)):
        for language, heading in (("en", "Time beside the reference"), ("zh", "与参照耗时之比")):
            shown = arena("--language", language, *words, **wide).out
            assert all(expected in shown for expected in (heading, "4,514", "0.25 ×"))
    shown = arena("challenge", "pictures", **wide).out
    for fact in (
        "image float32 [rows, 1, any, 28] 0…6: Grey planes.",
        "6,000 parameters",
        "2.5 times the reference",
        "17 – 23",
        "network.py",
        "sample.txt",
    ):
        assert fact in shown
    assert not re.search(r"weight_bytes|latency_ratio", shown)
    costs = arena("submission", str(sent.id), **wide).out
    assert all(expected in costs for expected in ("4,514", "190,000", "0.25 ×", "Attentions", "37"))


def test_where_tables_are_sent_no_costs_are_told(arena: Arena, flowers: str):
    assert "Parameters" not in arena("leaderboard", flowers, COLUMNS="200").out


def test_the_leaderboard_shows_teams_and_baselines(arena: Arena, flowers: str):
    shown = arena("leaderboard", flowers).out
    assert "grace" in shown
    assert "0.9" in shown
    assert "Page 1 of 1, 1 teams" in shown
