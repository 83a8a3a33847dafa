"""Programs that the challenge's harness runs in the sandbox, and that the grader talks with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from challenges.programs import HARNESS_FILE
from graders.kinds import Reading, Specimen, Upload
from graders.programs import specimens as programs_to_try
from graders.programs.opening import open_program, program_of, try_program
from graders.programs.talking import Talking

if TYPE_CHECKING:
    from graders.loading import LoadedChallenge
    from graders.sandbox import Mechanism


def recognise(head: bytes, filename: str) -> bool:
    """Whether a file may be an archive of programs, or a program."""
    return head.startswith(b"PK") or filename.endswith(".py")


def read(upload: Upload, challenge: LoadedChallenge, sandbox: Mechanism, device: str = "cpu") -> Reading:  # noqa: ARG001
    """Open an upload in the sandbox, and try the program where nothing is hidden.

    Args:
        upload: The file.
        challenge: Says what it must hold, and tries it.
        sandbox: Where it is opened and run.
        device: As for every kind; programs compute on the processor.

    Raises:
        InvalidSubmission: The file is not what the challenge takes, or the program does not work.
        BrokenChallenge: The package cannot try it.
    """
    manifest = challenge.manifest
    members = open_program(upload, manifest, sandbox)
    harness = challenge.read_package(HARNESS_FILE)
    program = Talking(members, program_of(manifest), manifest.limits, sandbox, upload.path.parent, harness=harness)
    try_program(program, challenge.try_out)
    return Reading(program=program)


def specimens() -> list[Specimen]:
    """Programs that a grader must judge rightly before it takes the first one."""

    def read_specimen(upload: Upload, sandbox: Mechanism) -> Talking:
        manifest = programs_to_try.make_manifest("code", "solution.py")
        members = open_program(upload, manifest, sandbox)
        program = Talking(
            members, program_of(manifest), manifest.limits, sandbox, harness=programs_to_try.HARNESS.encode()
        )
        try_program(program, programs_to_try.try_talking)
        return program

    return [Specimen(*case, read_specimen) for case in programs_to_try.code()]
