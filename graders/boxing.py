"""What a challenge's limits mean for a run in the sandbox, and what the end of a run means for a submission."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import structlog

from challenges.errors import InvalidSubmission, Reason
from graders.faults import parse_refusal
from graders.kinds import check_kinds
from graders.sandbox import Bounds, End
from graders.sandbox.frames import BrokenFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from challenges.manifest import Limits
    from graders.sandbox import Mechanism, Outcome
    from graders.sandbox.frames import Frame

THREADS = 64

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class SandboxFailed(Exception):
    """The sandbox did not hold, or its guest did not work: ours to mend, whatever was submitted."""


class KindRefused(Exception):
    """What was submitted is not opened here: the sandbox of this machine does not hold it. The operator's to mend."""


@dataclass(frozen=True)
class Box:
    """The sandbox of a grader, and what it holds."""

    mechanism: Mechanism
    refuses: Mapping[str, str] = field(default_factory=dict)
    """Submission kinds that this machine cannot hold, each with the reason."""
    device: str = "cpu"
    """Where models compute whose challenge asks for a GPU."""
    tried: set[str] = field(default_factory=set)
    """Kinds whose specimens got the verdicts they must get."""

    def check_kind(self, kind: str) -> None:
        """See that a kind may be opened here; its specimens are tried before its first submission.

        Raises:
            KindRefused: The sandbox does not hold it.
            SpecimenFailed: This grader would judge it wrongly.
        """
        if kind in self.refuses:
            raise KindRefused(f"{kind}: {self.refuses[kind]}")
        if kind not in self.tried:
            check_kinds(self.mechanism, [kind])
            self.tried.add(kind)


def bounds_of(limits: Limits, result_bytes: int) -> Bounds:
    """What a run may take: wall-clock time as the challenge says, and as much processor time on each of two cores.

    Args:
        limits: The challenge's.
        result_bytes: Largest that all frames together can honestly be.
    """
    seconds = float(limits.grade_seconds)
    return Bounds(seconds, math.ceil(2 * seconds), limits.memory_bytes, result_bytes, threads=THREADS)


def read_answer(outcome: Outcome, limits: Limits, load: Callable[[Frame], Answer]) -> Answer:
    """What a guest found in an upload, told in one frame.

    Args:
        outcome: What became of its run.
        limits: The challenge's.
        load: Reads the frame and believes nothing of it: BrokenFrame or ValueError where it cannot be honest.

    Raises:
        InvalidSubmission: The guest refused the upload, was stopped, or answered what it cannot have read.
        SandboxFailed: It could not lock itself in.
    """
    frame = check_end(outcome, limits)
    try:
        refusal = parse_refusal(frame.note)
        if refusal is None:
            return load(frame)
    except (BrokenFrame, ValueError) as error:  # the file has taken the guest over
        log.warning("a guest answered what it cannot have read", error=str(error))
        raise InvalidSubmission.because(Reason.CRASHED) from error
    raise InvalidSubmission(*refusal)


def check_end(outcome: Outcome, limits: Limits, frames: int = 1) -> Frame:
    """The last of the frames that a run had to send.

    Args:
        outcome: What became of it.
        limits: The challenge's.
        frames: How many frames it had to send.

    Raises:
        InvalidSubmission: It was stopped or crashed: the reason says why, and nothing that the guest wrote.
        SandboxFailed: It could not lock itself in.
    """
    end = outcome.end
    if end is End.SANDBOX_ERROR:
        raise SandboxFailed(outcome.stderr.decode(errors="replace")[:1000])
    if end in (End.WALL, End.CPU):
        raise InvalidSubmission.because(Reason.TIMED_OUT, limit_seconds=limits.grade_seconds)
    if end is End.MEMORY:
        raise InvalidSubmission.because(Reason.OUT_OF_MEMORY, limit_bytes=limits.memory_bytes)
    if end is End.OUTPUT:
        raise InvalidSubmission.because(Reason.TOO_MUCH_OUTPUT)
    if end is End.THREADS:
        raise InvalidSubmission.because(Reason.TOO_MANY_THREADS, limit=THREADS)
    if end is not End.DONE or len(outcome.frames) != frames:
        raise InvalidSubmission.because(Reason.CRASHED)
    return outcome.frames[-1]
