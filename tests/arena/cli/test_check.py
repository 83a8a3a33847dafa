"""`arena check`: the graders' own checks on one's own machine, with the rules that lie beside the file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arena.cli import main
from arena.cli.check import show, tell_all
from arena.cli.marker import write_marker
from challenges.errors import Fault, Reason
from challenges.phrases import Code, Phrase, say
from challenges.records import dump_record
from tests.arena.cli.conftest import bare_environment

ROOT = Path(__file__).resolve().parents[3]
GOOD = "id,species\na1,setosa\nb2,virginica\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As `arena download iris` leaves it, with two ids."""
    shutil.copy(ROOT / "challenges" / "iris" / "challenge.toml", tmp_path)
    (tmp_path / "sample_submission.csv").write_text("id,species\na1,setosa\nb2,setosa\n", encoding="utf-8")
    write_marker(tmp_path, "iris", "http://127.0.0.1:1")
    return tmp_path


def written(folder: Path, content: str) -> str:
    path = folder / "mine.csv"
    path.write_text(content, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("words", [[], ["iris"]])
def test_a_right_file_is_told_as_such(folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["check", *words, written(folder, GOOD), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("id,species\na1,tulip\nb2,setosa\n", "unknown_label"),
        ("id,species\na1,setosa\n", "missing_id"),
        ("id,kind\na1,setosa\nb2,setosa\n", "unknown_column"),
        ("", "empty_file"),
    ],
)
def test_a_wrong_file_is_refused_as_a_grader_would(
    folder: Path, content: str, reason: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["check", written(folder, content), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert found["faults"][0]["reason"] == reason


def check_in_chinese(folder: Path, path: Path, *options: str) -> str:
    """What is printed of a file that must be refused."""
    command = [sys.executable, "-m", "arena.cli", "--language", "zh", "check", str(path), *options]
    environment = bare_environment(folder) | {"PYTHONUTF8": "1", "COLUMNS": "500"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, encoding="utf-8")
    assert done.returncode == 1, done.stderr
    return done.stdout


def test_faults_are_told_in_the_readers_language(folder: Path):
    printed = check_in_chinese(folder, Path(written(folder, "id,species\na1,tulip\nb2,setosa\n")))
    assert "第 1 行：`species` 为 `tulip`，应为以下之一：`setosa`, `versicolor`, `virginica`。" in printed


def test_words_within_faults_are_too(tmp_path: Path):
    shutil.copy(ROOT / "challenges" / "char_rnn" / "challenge.toml", tmp_path)
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04\x95")
    assert "• 该文件是 Python 的 pickle 文件（`.pkl`，或旧的 `.pt`），打开时可能执行代码" in check_in_chinese(
        tmp_path, path
    )
    (fault,) = json.loads(check_in_chinese(tmp_path, path, "--json"))["faults"]
    assert fault["facts"]["found"] == "Python 的 pickle 文件（`.pkl`，或旧的 `.pt`）"
    assert fault["facts"]["found"] in fault["sentence"]


def test_what_this_machine_does_otherwise_is_told_beside_the_faults(capsys: pytest.CaptureFixture[str]):
    doubt = Fault(Reason.BEYOND_CAP, {"cost": "latency_ratio", "found": 3.0, "limit": 2.0}).to_dict()
    warning = dump_record(say(Phrase.NO_SANDBOX, problem=say(Phrase.OTHER_SYSTEM, system=Code("plan9"))))
    show(tell_all({"ok": True, "faults": [], "count": 0, "costs": {}, "doubts": [doubt], "warning": warning}))
    printed = " ".join(capsys.readouterr().out.split())
    assert "limits of time and memory: sandboxes need Linux, and this is `plan9`." in printed
    assert "As measured on this machine: The model's `latency_ratio` is 3.0; at most 2.0 is taken." in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere.onnx"], "There is no file nowhere.onnx"),
        (["a", "b", __file__], "Give one file"),
        (["--server", "127.0.0.1:1", __file__], "Which challenge?"),
        (["--server", "127.0.0.1:1", "iris", __file__], "127.0.0.1:1"),
    ],
)
def test_wrong_words_are_refused(words: list[str], sentence: str, tmp_path: Path):
    command = [sys.executable, "-m", "arena.cli", "check", *words]
    environment = bare_environment(tmp_path)
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert sentence in " ".join(done.stderr.split())


def test_rules_that_cannot_be_read_are_told(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "challenge.toml").write_text("schema = 1\n", encoding="utf-8")
    assert main(["check", written(folder, GOOD)]) == 1
    assert "is missing" in capsys.readouterr().err
