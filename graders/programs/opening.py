"""From an upload to a program that works: its archive opened in the sandbox, then tried where nothing is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from challenges._generators.programs import ProgramFailed
from challenges.errors import InvalidSubmission, Reason
from challenges.phrases import Phrase, say
from challenges.records import dump_record
from graders.boxing import THREADS, bounds_of, read_answer
from graders.faults import quote
from graders.programs import Ask
from graders.programs.members import find_members, frame_bytes, load_members
from graders.programs.running import LEFT, SILENT
from graders.sandbox import End, Run
from graders.scoring import BrokenChallenge

if TYPE_CHECKING:
    from collections.abc import Callable

    from challenges.manifest import Limits, Manifest
    from challenges.programs import ProgramSpec
    from graders.kinds import Upload
    from graders.programs.running import Running
    from graders.sandbox import Mechanism

_SAID_CHARACTERS = 300

Made = TypeVar("Made", bound="Running")


def program_of(manifest: Manifest) -> ProgramSpec:
    """What a challenge takes.

    Raises:
        BrokenChallenge: It takes no programs.
    """
    if manifest.program is None:
        raise BrokenChallenge("the manifest has no [program] table")
    return manifest.program


def open_program(upload: Upload, manifest: Manifest, sandbox: Mechanism) -> dict[str, bytes]:
    """The files of an upload by path.

    Raises:
        InvalidSubmission: It is not what the challenge takes.
    """
    ask = Ask(program_of(manifest), manifest.limits.upload_bytes, upload.name[-255:])
    with upload.path.open("rb") as file:
        bounds = bounds_of(manifest.limits, frame_bytes(ask))
        outcome = sandbox.run(Run("programs", dump_record(ask), bounds, files=[file.fileno()]))
    return read_answer(outcome, manifest.limits, lambda frame: load_members(frame, ask))


def recognise(head: bytes, filename: str) -> bool:
    """Whether a file may be an archive of programs, or a program."""
    return head.startswith(b"PK") or filename.endswith(".py")


def make_program(
    upload: Upload,
    manifest: Manifest,
    sandbox: Mechanism,
    make: Callable[..., Made],
    try_out: Callable[[Any], None] | None,
) -> Made:
    """Open an upload in the sandbox, and try the program where nothing is hidden.

    Args:
        upload: The file; the program's are laid out beside it.
        manifest: Says what it must hold.
        sandbox: Where it is opened and run.
        make: `Talking` or `Visiting`.
        try_out: The package's.

    Raises:
        InvalidSubmission: The file is not what the challenge takes, or the program does not work.
        BrokenChallenge: The package cannot try it.
    """
    members = open_program(upload, manifest, sandbox)
    program = make(members, program_of(manifest), manifest.limits, sandbox, upload.path.parent)
    try_program(program, try_out)
    return program


def open_here(content: bytes, filename: str, manifest: Manifest) -> dict[str, bytes]:
    """As `open_program`, in this very process: for one's own files."""
    return find_members(content, Ask(program_of(manifest), manifest.limits.upload_bytes, filename))


def try_program(program: Running, try_out: Callable[[Any], None] | None) -> None:
    """Try a program where nothing is hidden, so that all it says of its faults may be told.

    Args:
        program: Its files.
        try_out: The package's.

    Raises:
        InvalidSubmission: It does not work.
        BrokenChallenge: The package has nothing to try it with.
    """
    if try_out is None:
        raise BrokenChallenge("the package's grade.py has no try_out")
    program.is_trial = True
    try:
        with program:
            try_out(program)
    except ProgramFailed as failure:
        raise refusal_of(failure, program.program, program.limits) from failure
    finally:
        program.is_trial = False


def refusal_of(failure: ProgramFailed, program: ProgramSpec, limits: Limits) -> InvalidSubmission:
    """What a participant is told of a program that failed where nothing is hidden."""
    if failure.end in (End.WALL, End.CPU):
        return InvalidSubmission.because(Reason.TIMED_OUT, limit_seconds=program.run_seconds)
    if failure.end == End.MEMORY:
        return InvalidSubmission.because(Reason.OUT_OF_MEMORY, limit_bytes=limits.memory_bytes)
    if failure.end == End.OUTPUT:
        return InvalidSubmission.because(Reason.TOO_MUCH_OUTPUT)
    if failure.end == End.THREADS:
        return InvalidSubmission.because(Reason.TOO_MANY_THREADS, limit=THREADS)
    lines = [line.strip() for line in failure.said.splitlines() if line.strip()]
    if lines:
        return InvalidSubmission.because(Reason.PROGRAM_FAILED, problem=quote(_shorten(lines), _SAID_CHARACTERS))
    phrase = {LEFT: Phrase.PROGRAM_LEFT, SILENT: Phrase.SILENT_APP, End.CRASHED.value: Phrase.PROGRAM_DIED}
    return InvalidSubmission.because(Reason.PROGRAM_FAILED, problem=say(phrase.get(failure.end, Phrase.ODD_ANSWER)))


def _shorten(lines: list[str]) -> str:
    """The error itself, and where in the participant's files it was raised: the last such place."""
    places = [line for line in lines if line.startswith('File "') and "/arena-program-" in line]
    place = f" ({places[-1].split('/')[-1].replace(chr(34), '')})" if places else ""
    return f"{lines[-1]}{place}"
