"""The command line speaks Chinese as completely as English."""

from __future__ import annotations

import ast
import os
import re
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arena.cli import COMMANDS, LEARNERS, OPERATORS, ORGANISERS
from arena.cli.language import read_catalogue
from arena.cli.submit import FINAL

FOLDER = Path(__file__).resolve().parents[3] / "arena" / "cli"


def sentences_in_code() -> Iterator[str]:
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="_"), args=[ast.Constant(value=str(sentence))]):
                    yield sentence


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_sentence_is_translated_and_none_is_left_over():
    expected = {*sentences_in_code(), LEARNERS, OPERATORS, ORGANISERS, "queued", *FINAL}
    assert set(read_catalogue()["sentences"]) == expected


@pytest.mark.parametrize(("english", "chinese"), read_catalogue()["sentences"].items())
def test_a_translation_names_the_same_places(english: str, chinese: str):
    assert places(english) == places(chinese)
    assert chinese


def test_every_command_has_a_chinese_help():
    assert set(read_catalogue()["help"]) == {"arena", *COMMANDS}


@pytest.mark.parametrize("ask", [["--language", "zh"], ["--language=zh_CN"], []])
def test_help_is_chinese_when_asked_for_or_by_locale(ask: list[str]):
    environment = {"PATH": os.defpath, "LANG": "zh_CN.UTF-8" if not ask else "C.UTF-8", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "arena.cli", *ask, "submit", "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, encoding="utf-8")
    assert re.search(r"提交预测文件", done.stdout)
    assert "等待结果" in done.stdout
