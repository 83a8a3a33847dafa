"""The progress of data preparation, as `arena up` shows it: a bar in a terminal, a line each elsewhere."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from arena.cli.display import say, screen
from arena.cli.language import _

LOOK_SECONDS = 0.5
REST_SECONDS = 5.0
"""Between two looks while nothing is being prepared."""
NEWEST = "SELECT DISTINCT ON (slug) slug, state FROM dataset ORDER BY slug, created_at DESC"


class Preparation:
    """Looks at the datasets now and then, and shows what changes.

    One plain query: the models would cost this small process more memory than all the rest of it.
    """

    def __init__(self, database_url: str, logs: Path) -> None:
        self._url = database_url.replace("postgresql+psycopg://", "postgresql://")
        self._logs = logs
        self._seen: dict[str, str] = {}
        self._due = 0.0
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_bar()

    def tick(self) -> None:
        """Look again when it is time."""
        if time.monotonic() < self._due:
            return
        try:
            with psycopg.connect(self._url, connect_timeout=3) as connection:
                states: dict[str, str] = dict(connection.execute(NEWEST).fetchall())
        except psycopg.Error:  # the database restarts; the supervisor sees to it
            self._due = time.monotonic() + REST_SECONDS
            return
        waiting = sorted(slug for slug, state in states.items() if state == "queued")
        self._show_changes(states)
        self._show_bar(waiting, len(states))
        self._seen = states
        self._due = time.monotonic() + (LOOK_SECONDS if waiting else REST_SECONDS)

    def _show_changes(self, states: dict[str, str]) -> None:
        for slug, state in states.items():
            before = self._seen.get(slug)
            if state == "ready" and before == "queued":
                say(_("The data of {slug} is ready.").format(slug=slug), "green")
            elif state == "failed" and before != "failed":
                sentence = _("The data of {slug} could not be prepared; see {folder}, then: arena prepare {slug}")
                say(sentence.format(slug=slug, folder=self._logs), "red")
            elif state == "queued" and before is None and not screen.is_terminal:
                say(_("Preparing the data of {slug} …").format(slug=slug), "dim")

    def _show_bar(self, waiting: list[str], total: int) -> None:
        if not waiting:
            self._close_bar()
        elif self._bar is None and screen.is_terminal:
            words = TextColumn("{task.description}")
            self._bar = Progress(
                SpinnerColumn(), words, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=screen
            )
            self._bar.add_task("")
            self._bar.start()
        if self._bar is not None:
            sentence = _("Preparing data: {slugs}").format(slugs=", ".join(waiting))
            self._bar.update(self._bar.task_ids[0], description=sentence, total=total, completed=total - len(waiting))

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
