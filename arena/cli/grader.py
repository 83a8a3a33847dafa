"""Starting a grader. It runs where nothing of the web side is installed, hence a module of its own."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from arena.cli.client import Refused
from arena.cli.language import _
from arena.cli.settings import GRADER_VARIABLES, environment_of


def grader() -> None:
    """Grade submissions and prepare data. Settings come from ARENA_* variables.

    It never sees the database: the grader's own program is started without that variable, even where it is set.
    """
    if find_spec("polars") is None or find_spec("torch") is None:
        sentence = _("This command needs the grader's libraries: {command}")
        raise Refused(sentence.format(command='pip install "arena-grader[grader]"'), "extra_missing")
    told = environment_of(GRADER_VARIABLES, {})
    os.execve(sys.executable, [sys.executable, "-m", "graders.worker"], told)  # noqa: S606 - our own program
