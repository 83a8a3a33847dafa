"""Writes `docs/reference.md`: every setting, command, metric, reason and error code, from the code itself.

`make docs` runs it, and has `docs/challenges.md` written, too; `tests/architecture/test_docs.py` fails while a file on
disk says something else.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic_settings import BaseSettings

from arena.cli import COMMANDS, make_app
from arena.errors import ArenaError
from arena.settings import Settings
from challenges.errors import SENTENCES
from graders.settings import GraderSettings
from tests import challenge_table

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference.md"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def settings_rows(cls: type[BaseSettings]) -> Iterator[tuple[str, str, str]]:
    """Variable, default and meaning of each field."""
    for name, field in cls.model_fields.items():
        default = "" if field.is_required() or isinstance(field.default, Path) else str(field.default)
        yield f"`ARENA_{name.upper()}`", f"`{default}`" if default else "", field.description or ""


def command_rows() -> Iterator[tuple[str, str]]:
    """Each verb of the command line, with the first line of its help."""
    group: Any = typer.main.get_command(make_app())
    for name in COMMANDS:
        command = group.get_command(None, name)
        yield f"`arena {name}`", (command.help or "").strip().splitlines()[0]


def metric_rows() -> Iterator[tuple[str, str, str]]:
    """Each metric, its better end, and the first line of its docstring."""
    for path in sorted((ROOT / "graders" / "metrics").glob("[a-z]*.py")):
        module = importlib.import_module(f"graders.metrics.{path.stem}")
        function = getattr(module, path.stem)
        better = "higher" if module.DIRECTION == "max" else "lower"
        yield f"`{path.stem}`", better, (function.__doc__ or "").strip().splitlines()[0]


def reason_rows() -> Iterator[tuple[str, str]]:
    """Why a submission is rejected, with its sentence."""
    for reason, sentence in SENTENCES.items():
        yield f"`{reason.value}`", sentence


def error_rows() -> Iterator[tuple[str, str, str]]:
    """Every error the API answers, wherever in `arena` it is defined."""
    for path in sorted((ROOT / "arena").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(n, ast.ClassDef) and "ArenaError" in ast.dump(n) for n in tree.body):
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for cls in sorted(descendants(ArenaError), key=lambda c: (c.status, c.code)):
        yield f"`{cls.code}`", str(cls.status), cls.sentence


def descendants(cls: type[ArenaError]) -> set[type[ArenaError]]:
    """The class and all its subclasses."""
    return {cls}.union(*(descendants(child) for child in cls.__subclasses__()))


def compose() -> str:
    """The whole reference."""
    return "\n\n".join(
        (
            "# Reference",
            "Made from the code by `make docs`; a test fails while it is out of date.",
            "## Commands",
            table(("command", "what it does"), command_rows()),
            "## Settings of web and scribe",
            table(("variable", "default", "meaning"), settings_rows(Settings)),
            "## Settings of graders",
            table(("variable", "default", "meaning"), settings_rows(GraderSettings)),
            "## Metrics",
            table(("metric", "better", "what it measures"), metric_rows()),
            "## Why a submission is rejected",
            table(("reason", "sentence"), reason_rows()),
            "## Error codes of the API",
            table(("code", "status", "sentence"), error_rows()),
            "The fields of `challenge.toml` are listed in [challenges/README.md](../challenges/README.md).",
            "All challenges are listed in [challenges.md](challenges.md).\n",
        )
    )


if __name__ == "__main__":
    REFERENCE.parent.mkdir(exist_ok=True)
    REFERENCE.write_text(compose(), encoding="utf-8")
    challenge_table.PAGE.write_text(challenge_table.compose(), encoding="utf-8")
