"""What the commands print: tables, scores and times for people, one JSON document for programs."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from arena.cli.client import Refused
from arena.cli.language import _

AsJson = Annotated[bool, typer.Option("--json", help=_("Print one JSON document instead, for programs."))]
Server = Annotated[str, typer.Option("--server", metavar="URL", help=_("The server; by default the last login's."))]

PIPE_WIDTH = 200
"""Columns of a table that a program reads: none of its cells is folded."""

screen = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors = Console(stderr=True, highlight=False)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def complain(refusal: Refused, *, as_json: bool) -> None:
    """Print a refusal: a sentence on stderr, and with `--json` a document on stdout."""
    errors.print(Text(plain(refusal), style="red"), soft_wrap=True)
    if as_json:
        print_json({"error": {"code": refusal.code, "status": refusal.status, "detail": str(refusal)}})


def print_json(document: Any) -> None:
    """Print a document as it came."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def say(sentence: str, style: str = "") -> None:
    """Print a sentence that may hold other people's words: no markup is read from it."""
    screen.print(Text(plain(sentence), style=style), soft_wrap=True)


def plain(value: object) -> str:
    """The value as text that cannot steer a terminal; None is a dash."""
    return "–" if value is None else _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value))


def print_table(columns: list[str], rows: list[list[object]], *, right: tuple[int, ...] = (), bold: int = -1) -> None:
    """Print rows under headings; `right` aligns columns of numbers, `bold` is the row that is ours.

    The first column is never folded: it is what other commands are given.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in right else "left", overflow="fold", no_wrap=not index)
    for index, row in enumerate(rows):
        cells = [cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row]
        table.add_row(*cells, style="bold" if index == bold else None)
    screen.print(table)


def show_score(value: float | None, decimals: int | None = None) -> str:
    """A score with the digits its challenge shows."""
    if value is None:
        return "–"
    return f"{value:.{decimals}f}" if decimals is not None else f"{value:.6g}"


def show_time(text: str | None) -> str:
    """A time of the API in this machine's zone, to the minute."""
    if not text:
        return "–"
    try:
        return dt.datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return plain(text)


def show_size(size_bytes: int) -> str:
    """A number of bytes in a unit that suits it."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":  # noqa: PLR2004 - a kilobyte
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return ""


def make_progress(*, hidden: bool) -> Progress:
    """A progress bar of bytes on stderr; nothing where nobody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=errors, disable=hidden or not errors.is_terminal)
