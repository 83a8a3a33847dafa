"""The language of the command line: English as written, or Chinese from `zh_Hans.toml` beside this file.

The server's sentences arrive in the same language: each request says which one.
"""

from __future__ import annotations

import sys
import tomllib
from functools import lru_cache
from pathlib import Path

from arena.cli.settings import ClientSettings, system_language

CATALOGUE = Path(__file__).with_name("zh_Hans.toml")


def _asked_for(arguments: list[str]) -> str:
    """The language by `--language`, ARENA_LANGUAGE, or the locale."""
    asked = ClientSettings().language or system_language()
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word == "--language":
            asked = following
        elif word.startswith("--language="):
            asked = word.partition("=")[2]
    return "zh_Hans" if asked.lower().startswith("zh") else "en"


_chosen = [_asked_for(sys.argv[1:])]
"""Settled at import, since help texts are made when their modules are imported."""


def choose_language(arguments: list[str]) -> None:
    """Settle the language of messages from other arguments than the process's own."""
    _chosen[0] = _asked_for(arguments)


def language_tag() -> str:
    """The chosen language as HTTP names it."""
    return "zh-Hans" if _chosen[0] == "zh_Hans" else "en"


def _(sentence: str) -> str:
    """The sentence in the chosen language."""
    return read_catalogue()["sentences"].get(sentence, sentence) if _chosen[0] == "zh_Hans" else sentence


def help_of(command: str, english: str) -> str:
    """A command's help text: its docstring, or the Chinese one of the same name."""
    return read_catalogue()["help"].get(command, english).strip() if _chosen[0] == "zh_Hans" else english


@lru_cache
def read_catalogue() -> dict[str, dict[str, str]]:
    """Chinese help texts by command, and Chinese sentences by English ones."""
    return tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
