"""Visits a service: it runs in the sandbox, is asked over one socket, and its answers are read in another run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from challenges._generators.programs import ProgramFailed, Request, Response, Visit
from challenges.errors import InvalidSubmission
from challenges.programs import APP_FILE
from graders.boxing import check_end
from graders.guests import service
from graders.limits import uninterrupted
from graders.programs.asking import Door, Raw, Visitor
from graders.programs.responses import TOLD_BYTES, load_responses
from graders.programs.running import FLAVOURS, LEFT, SILENT, Running
from graders.sandbox import Bounds, Profile, Run
from graders.sandbox.frames import BrokenFrame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


FILES = ".files"
"""Folder of what the grader adds: no path of a participant's begins with a point."""
_READ_SECONDS = 30
_READ_MEMORY = 1 << 30
_FIRST = Request("/")
_SPARE_SECONDS = 5.0
"""The run's own clock ends a start that takes too long."""


@dataclass
class Visiting(Running):
    """A service, as `challenges._generators.programs.Service` says."""

    def visit(
        self,
        requests: Sequence[Request],
        files: Mapping[str, bytes],
        environment: Mapping[str, str],
        request_seconds: float = 5.0,
    ) -> Visit:
        """Start the service, send it requests one after the other, and end it.

        Raises:
            ProgramFailed: It did not answer at all.
            SandboxFailed: It could not be locked in.
        """
        with uninterrupted():  # what is made here is cleared up, whenever the time of the job is over
            return self._visit(requests, files, environment, request_seconds)

    def _visit(
        self,
        requests: Sequence[Request],
        files: Mapping[str, bytes],
        environment: Mapping[str, str],
        request_seconds: float,
    ) -> Visit:
        places = {name: self.folder / FILES / name for name in files}
        for name, path in places.items():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(files[name])
        told = {name: fill_in(value, places) for name, value in environment.items()}
        bounds = self.bounds(1 << 16)
        with (
            Door() as door,
            Visitor(door, _FIRST, requests, bounds.wall_seconds + _SPARE_SECONDS, request_seconds) as visitor,
        ):
            run = self._run_of(told, bounds, door, visitor)
            try:
                outcome = self.sandbox.run(run)
            finally:
                for path in places.values():
                    path.unlink()
        if not visitor.started.is_whole:
            failure = self.failure(outcome)
            is_ended = failure.end == LEFT and outcome.exit_code != 0  # by us, since there was nothing to wait for
            raise ProgramFailed(SILENT, failure.said) if is_ended else failure
        answers = [*visitor.answers, *[Raw()] * (len(requests) - len(visitor.answers))]
        return Visit(self._read(answers), visitor.started.seconds, outcome.peak_bytes)

    def _run_of(self, environment: dict[str, str], bounds: Bounds, door: Door, visitor: Visitor) -> Run:
        settings = {
            service.FOLDER: str(self.folder),
            service.MODULE: APP_FILE.removesuffix(".py"),
            service.ENVIRONMENT: environment,
        }
        return Run(
            guest="service",
            settings=settings,
            bounds=bounds,
            profile=Profile.SERVICE,
            flavour=FLAVOURS[self.program.libraries],
            files=[door.listening.fileno()],
            folder=str(self.folder),
            stop=visitor.done,
        )

    def _read(self, answers: list[Raw]) -> list[Response]:
        """What the answers say, read in the sandbox as everything that a participant made; nothing where it failed.

        A reader that was taken over, or kept busy, by what a service answered must not refuse the submission: that
        would be a word for free about tables that nobody else has seen.
        """
        sizes = [len(raw.content) if raw.is_whole else 0 for raw in answers]
        bounds = Bounds(_READ_SECONDS, 2 * _READ_SECONDS, _READ_MEMORY, TOLD_BYTES + (1 << 17))
        with tempfile.TemporaryFile() as file:
            file.write(b"".join(raw.content for raw in answers if raw.is_whole))
            file.flush()
            outcome = self.sandbox.run(Run("responses", {"sizes": sizes}, bounds, files=[file.fileno()]))
        seconds = [raw.seconds for raw in answers]
        try:
            return load_responses(check_end(outcome, self.limits), seconds)
        except (BrokenFrame, InvalidSubmission):
            return [Response(seconds=taken) for taken in seconds]


def fill_in(value: str, places: Mapping[str, Path]) -> str:
    """A value of the environment with the paths of files in the place of their names."""
    for name, path in places.items():
        value = value.replace(f"{{{name}}}", str(path))
    return value
