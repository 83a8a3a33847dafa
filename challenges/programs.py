"""What a challenge that takes programs says of them: which files, and what one run of them may cost."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from challenges.records import RecordError
from challenges.texts import Text

CODE_KIND, SERVICE_KIND = "code", "service"
PROGRAM_KINDS = (CODE_KIND, SERVICE_KIND)
HARNESS_FILE = "harness.py"
"""File of the package that runs a participant's modules in the sandbox and talks with the grader, for kind `code`."""
APP_FILE = "app.py"
"""File of a participant that holds the service `app`."""
LIBRARIES = ("numpy", "torch")
PATH_PATTERN = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}/){0,5}[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}\Z")
"""What a path in the archive must be."""


@dataclass(frozen=True)
class ProgramFile:
    """One file that is asked for."""

    name: str
    """Path in the archive; `solution.py` of a challenge that asks for no other may be uploaded without an archive."""
    description: Text
    """What it holds, in a few words."""
    required: bool = True
    """Without it the submission is refused."""


@dataclass(frozen=True)
class ProgramSpec:
    """The programs a challenge takes: a zip archive of files, of which those listed are asked for."""

    files: list[ProgramFile] = field(default_factory=list)
    """Files that are asked for; others may lie beside them."""
    most_files: int = 100
    """How many files there may be."""
    unpacked_bytes: int = 20_000_000
    """All files of the archive together, unpacked."""
    run_seconds: int = 10
    """Processor time of one run; three times as much on the clock."""
    libraries: str = "numpy"
    """What is loaded before a run starts: `numpy` or `torch`. Everything that is installed can be imported."""

    @property
    def lone(self) -> str:
        """The one required Python file, which may be uploaded without an archive; empty where there is none such."""
        required = [file.name for file in self.files if file.required]
        return required[0] if len(required) == 1 and required[0].endswith(".py") else ""

    @property
    def endings(self) -> list[str]:
        """Of the files that may be uploaded."""
        return [".zip", ".py"] if self.lone else [".zip"]


def check_program(program: ProgramSpec) -> None:
    """Raise RecordError where fields contradict each other."""
    names = [file.name for file in program.files]
    _require(any(file.required for file in program.files), "program.files must list a required file")
    _require(len(set(names)) == len(names), "program.files: a name appears twice")
    for name in names:
        _require(bool(PATH_PATTERN.match(name)), f"program.files: {name!r} is no plain relative path")
    _require(program.most_files >= len(names), "program.most_files must not be less than the files that are asked for")
    _require(program.run_seconds > 0, "program.run_seconds must be positive")
    _require(program.libraries in LIBRARIES, f"program.libraries must be one of {', '.join(LIBRARIES)}")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise RecordError(problem)
