"""Programs that the challenge's harness runs in the sandbox, and that the grader talks with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from challenges.programs import HARNESS_FILE
from graders.kinds import Reading, Specimen, Upload
from graders.programs import specimens as programs_to_try
from graders.programs.opening import make_program, recognise
from graders.programs.talking import Talking

if TYPE_CHECKING:
    from graders.loading import LoadedChallenge
    from graders.sandbox import Mechanism


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
    make = partial(Talking, harness=challenge.read_package(HARNESS_FILE))
    return Reading(program=make_program(upload, challenge.manifest, sandbox, make, challenge.try_out))


def specimens() -> list[Specimen]:
    """Programs that a grader must judge rightly before it takes the first one."""

    def read_specimen(upload: Upload, sandbox: Mechanism) -> Talking:
        manifest = programs_to_try.make_manifest("code", "solution.py")
        return make_program(
            upload,
            manifest,
            sandbox,
            partial(Talking, harness=programs_to_try.HARNESS.encode()),
            programs_to_try.try_talking,
        )

    return [Specimen(*case, read_specimen) for case in programs_to_try.code()]


__all__ = ["read", "recognise", "specimens"]
