"""What all runs of one program share: its files, its time, and what the end of a run means."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from challenges._generators.programs import ProgramFailed
from graders.boxing import THREADS, SandboxFailed
from graders.programs.folder import lay_out, remove
from graders.sandbox import Bounds, End

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from challenges.manifest import Limits
    from challenges.programs import ProgramSpec
    from graders.sandbox import Mechanism, Outcome

WALL_FACTOR = 3
"""Seconds on the clock for each second of processor time: other runs share the machine."""
SHARE = 0.9
"""Of the time of a submission, for all runs of its program together; the rest is for what is done with them."""
SAID_BYTES = 4000
"""The end of what a program wrote to stderr that is told."""
LEFT = "left"
"""How a run ended that ended by itself, before it was asked to."""
SILENT = "silent"
"""How the run of a service failed that took a connection and closed it without an answer."""
FLAVOURS = {"numpy": "tables", "torch": "torch"}
"""Fork servers, by the libraries that a challenge wants loaded beforehand."""


@dataclass
class Running:
    """A participant's files, laid out while a `with` block lasts."""

    members: Mapping[str, bytes]
    """By path."""
    program: ProgramSpec
    limits: Limits
    sandbox: Mechanism
    place: Path | None = None
    """Where the files are laid out: a folder of the job, which removes it however it ends."""
    is_trial: bool = False
    """Nothing hidden has been told: what the program says of its end may be repeated."""
    began: float = field(default_factory=time.monotonic)
    folder: Path = Path()
    _blocks: int = 0

    def __enter__(self) -> Self:
        """Lay the files out; a block within another one finds them there."""
        if not self._blocks:
            self.folder = lay_out(self.members, self.place)
        self._blocks += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove them."""
        self._blocks -= 1
        if not self._blocks:
            remove(self.folder)

    def bounds(self, result_bytes: int) -> Bounds:
        """What the next run may take.

        Raises:
            ProgramFailed: `wall`: no time is left. Not a refusal, which would cost nothing and tell a bit of what is
                hidden: what was not run in time is worth what a run is worth that failed.
        """
        left = self.began + SHARE * self.limits.grade_seconds - time.monotonic()
        if left <= 0:
            raise ProgramFailed(End.WALL.value)
        seconds = min(left, float(WALL_FACTOR * self.program.run_seconds))
        return Bounds(seconds, self.program.run_seconds, self.limits.memory_bytes, result_bytes, threads=THREADS)

    def failure(self, outcome: Outcome) -> ProgramFailed:
        """What it means that a run ended before its work was done.

        Raises:
            SandboxFailed: The run could not lock itself in.
        """
        if outcome.end is End.SANDBOX_ERROR:
            raise SandboxFailed(outcome.stderr.decode(errors="replace")[:1000])
        said = outcome.stderr[-SAID_BYTES:].decode(errors="replace") if self.is_trial else ""
        return ProgramFailed(LEFT if outcome.end is End.DONE else outcome.end.value, said)
