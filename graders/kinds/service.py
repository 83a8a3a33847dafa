"""Web apps that run in the sandbox, and that the grader visits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graders.kinds import Reading, Specimen, Upload
from graders.programs import specimens as programs_to_try
from graders.programs.opening import make_program, recognise
from graders.programs.visiting import Visiting

if TYPE_CHECKING:
    from graders.loading import LoadedChallenge
    from graders.sandbox import Mechanism


def read(upload: Upload, challenge: LoadedChallenge, sandbox: Mechanism, device: str = "cpu") -> Reading:  # noqa: ARG001
    """Open an upload in the sandbox, and try the service where nothing is hidden.

    Args:
        upload: The file.
        challenge: Says what it must hold, and tries it.
        sandbox: Where it is opened and run.
        device: As for every kind; services compute on the processor.

    Raises:
        InvalidSubmission: The file is not what the challenge takes, or the service does not work.
        BrokenChallenge: The package cannot try it.
    """
    return Reading(program=make_program(upload, challenge.manifest, sandbox, Visiting, challenge.try_out))


def specimens() -> list[Specimen]:
    """Services that a grader must judge rightly before it takes the first one."""

    def read_specimen(upload: Upload, sandbox: Mechanism) -> Visiting:
        manifest = programs_to_try.make_manifest("service", "app.py")
        return make_program(upload, manifest, sandbox, Visiting, programs_to_try.try_visiting)

    return [Specimen(*case, read_specimen) for case in programs_to_try.service()]


__all__ = ["read", "recognise", "specimens"]
