"""Submission kinds: how an upload becomes something that metrics can score. One file per kind, with three functions.

    recognise(head, filename) -> bool               whether a file is of this kind, where a challenge takes several
    read(upload, challenge, sandbox, device) -> Reading   opens it in the sandbox, and checks what came out
    specimens() -> list[Specimen]                   tiny good, wrong and hostile uploads, with the verdict each must get

A grader tries the specimens when it starts, and does not listen until all verdicts agree.
"""

from __future__ import annotations

import pkgutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenges.errors import InvalidSubmission, Reason

if TYPE_CHECKING:
    from challenges._generators.grading import Given
    from graders.arrangement import Predictions
    from graders.programs.running import Running
    from graders.sandbox import Mechanism


@dataclass(frozen=True)
class Upload:
    """What a participant sent."""

    path: Path
    name: str
    """Under which it was uploaded; only its extension counts, and only where the content leaves doubt."""


@dataclass(frozen=True)
class Reading:
    """What came of an upload."""

    predictions: Predictions | None = None
    """Columns that metrics read; None where artefacts were sent."""
    costs: dict[str, float] = field(default_factory=dict)
    """As in `Verdict.costs`."""
    given: Given | None = None
    """Artefacts, which the challenge's `grade.py` scores."""
    program: Running | None = None
    """A program that works, with which the challenge's `grade.py` scores."""


@dataclass(frozen=True)
class Specimen:
    """An upload whose verdict is known."""

    name: str
    """What is special about it."""
    filename: str
    content: bytes
    reason: Reason | None
    """Why it must be refused first of all; None: it must be read."""
    read: Callable[[Upload, Mechanism], Any]
    """Reads it as the kind reads uploads."""


class SpecimenFailed(Exception):
    """A specimen got another verdict than it must get: this grader would judge wrongly."""


def check_kinds(sandbox: Mechanism, names: list[str] | None = None) -> list[str]:
    """Try the specimens of every kind.

    Args:
        sandbox: Where uploads are opened.
        names: The kinds to try; None: all there are.

    Returns:
        Names of the kinds, all of which this grader can judge.

    Raises:
        SpecimenFailed: A verdict differs; names the kind, the specimen and both verdicts.
    """
    names = find_kinds() if names is None else names
    for name in names:
        check_specimens(name, import_module(f"{__name__}.{name}").specimens(), sandbox)
    return names


def find_kinds() -> list[str]:
    """Names of all kinds there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def check_specimens(kind: str, specimens: list[Specimen], sandbox: Mechanism) -> None:
    """Try specimens of one kind.

    Raises:
        SpecimenFailed: A verdict differs.
    """
    with tempfile.TemporaryDirectory(prefix="arena-specimens-") as folder:
        for specimen in specimens:
            found = try_specimen(specimen, Path(folder), sandbox)
            if found is not specimen.reason:
                told = f"{kind}, {specimen.name}: {_tell(found)}; it must be {_tell(specimen.reason)}"
                raise SpecimenFailed(told)


def try_specimen(specimen: Specimen, folder: Path, sandbox: Mechanism) -> Reason | None:
    """The first reason for which a specimen is refused; None if it is read. Other errors are raised."""
    path = folder / "specimen"
    path.write_bytes(specimen.content)
    try:
        specimen.read(Upload(path, specimen.filename), sandbox)
    except InvalidSubmission as refusal:
        return refusal.faults[0].reason
    return None


def _tell(reason: Reason | None) -> str:
    return "read" if reason is None else f"refused as {reason.value}"
