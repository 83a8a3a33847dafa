"""The command line `arena`: learners use it against a server, operators run a server with it.

A command's module is imported when the command is asked for: `arena submit` starts fast, and works without the
server's libraries.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from arena import __version__
from arena.cli.client import Refused
from arena.cli.display import complain
from arena.cli.language import _, choose_language, help_of

LEARNERS = "Take part"
OPERATORS = "Run a server"
ORGANISERS = "Make challenges"

COMMANDS: dict[str, tuple[str, str]] = {
    "login": ("account", LEARNERS),
    "logout": ("account", LEARNERS),
    "whoami": ("account", LEARNERS),
    "challenges": ("reading", LEARNERS),
    "challenge": ("reading", LEARNERS),
    "download": ("download", LEARNERS),
    "check": ("check", LEARNERS),
    "submit": ("submit", LEARNERS),
    "submissions": ("reading", LEARNERS),
    "submission": ("reading", LEARNERS),
    "leaderboard": ("reading", LEARNERS),
    "up": ("up", OPERATORS),
    "doctor": ("doctor", OPERATORS),
    "migrate": ("operate", OPERATORS),
    "prepare": ("operate", OPERATORS),
    "admin": ("operate", OPERATORS),
    "web": ("processes", OPERATORS),
    "scribe": ("processes", OPERATORS),
    "grader": ("grader", OPERATORS),
    "new-challenge": ("organise", ORGANISERS),
}
"""Each command: its module in this folder, and the panel of the help page it stands in."""
FUNCTIONS = {"new-challenge": "new_challenge", "check": "check_file"}
"""Commands whose function has another name."""


class LazyGroup(TyperGroup):
    """A group that imports a command's module when the command is needed."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002
        """The names, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # noqa: ARG002
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, panel = COMMANDS[cmd_name]
        holder = typer.Typer(add_completion=False)
        try:
            function = getattr(importlib.import_module(f"arena.cli.{module}"), FUNCTIONS.get(cmd_name, cmd_name))
        except ModuleNotFoundError as error:
            if (error.name or "arena").partition(".")[0] == "arena":
                raise
            function = _needs_server(error.name or "")
        if isinstance(function, typer.Typer):
            command: Any = typer.main.get_command(function)
            command.name, command.rich_help_panel = cmd_name, _(panel)
            return command
        text = help_of(cmd_name, inspect.getdoc(function) or "")
        holder.command(cmd_name, help=text, rich_help_panel=_(panel))(function)
        return typer.main.get_command(holder)


def _needs_server(library: str) -> Any:
    def missing() -> None:
        sentence = _("This command needs the server's libraries ({library} is missing): {command}")
        raise Refused(sentence.format(library=library, command='pip install "arena-grader[web]"'), "extra_missing")

    missing.__doc__ = "(needs the server's libraries)"
    return missing


def _print_version(asked: bool) -> None:
    if asked:
        print(f"arena {__version__}")
        raise typer.Exit


def root(
    language: Annotated[
        str, typer.Option(metavar="en|zh", help=_("Language of messages; by default as LANG says."))
    ] = "",
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Competitions for people who learn deep learning, graded on your own machine.

    Learners: `arena login`, `arena challenges`, `arena download iris`, `arena check predictions.csv`,
    `arena submit predictions.csv --wait`.

    Operators: `arena up` starts everything on this machine; `arena doctor` says what is missing.
    """


def make_app() -> typer.Typer:
    """The whole command line, in the language chosen before."""
    app = typer.Typer(cls=LazyGroup, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    app.callback(help=help_of("arena", inspect.getdoc(root) or ""))(root)
    return app


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code: 0 done, 1 refused, 2 wrong use, 130 interrupted."""
    words = sys.argv[1:] if arguments is None else arguments
    choose_language(words)
    try:
        make_app()(words, prog_name="arena")
    except Refused as refusal:
        complain(refusal, as_json="--json" in words)
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0
