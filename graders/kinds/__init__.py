"""Submission kinds: how an upload becomes something that metrics can score. One file per kind.

Each kind has `read`, and `specimens`: tiny good, wrong and hostile uploads with the verdict each must get. A grader
tries them when it starts, and does not listen until all agree.
"""

from __future__ import annotations

import pkgutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from challenges.errors import InvalidSubmission, Reason


@dataclass(frozen=True)
class Specimen:
    """An upload whose verdict is known."""

    name: str
    """What is special about it."""
    filename: str
    content: bytes
    reason: Reason | None
    """Why it must be refused first of all; None: it must be read."""
    read: Callable[[Path, str], Any]
    """Reads it as the kind reads uploads, given path and file name."""


class SpecimenFailed(Exception):
    """A specimen got another verdict than it must get: this grader would judge wrongly."""


def check_kinds() -> list[str]:
    """Try the specimens of every kind.

    Returns:
        Names of the kinds, all of which this grader can judge.

    Raises:
        SpecimenFailed: A verdict differs; names the kind, the specimen and both verdicts.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    for name in names:
        check_specimens(name, import_module(f"{__name__}.{name}").specimens())
    return names


def check_specimens(kind: str, specimens: list[Specimen]) -> None:
    """Try specimens of one kind.

    Raises:
        SpecimenFailed: A verdict differs.
    """
    with tempfile.TemporaryDirectory(prefix="arena-specimens-") as folder:
        for specimen in specimens:
            found = try_specimen(specimen, Path(folder))
            if found is not specimen.reason:
                told = f"{kind}, {specimen.name}: {_tell(found)}; it must be {_tell(specimen.reason)}"
                raise SpecimenFailed(told)


def try_specimen(specimen: Specimen, folder: Path) -> Reason | None:
    """The first reason for which a specimen is refused; None if it is read. Other errors are raised."""
    path = folder / "specimen"
    path.write_bytes(specimen.content)
    try:
        specimen.read(path, specimen.filename)
    except InvalidSubmission as refusal:
        return refusal.faults[0].reason
    return None


def _tell(reason: Reason | None) -> str:
    return "read" if reason is None else f"refused as {reason.value}"
