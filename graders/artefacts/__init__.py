"""Artefacts from upload to score: opened and checked in the sandbox, placed by their ids, scored by `grade.py`.

In the sandbox, `opening` checks the archive's directory, `arrays`, `pictures`, `sheets` and `detections` read its
files, and `wire` sends what was found as one frame. In the grader, `wire` checks it again, `placing` compares ids,
`scoring` scores.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from challenges.artefacts import Artefacts

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Ask:
    """What the guest is told: nothing that a participant does not know."""

    artefacts: Artefacts
    id: str
    """Name of the id column of tables."""
    upload_bytes: int
    counts: dict[str, int] = field(default_factory=dict)
    """How many ids the files with `ids` have, by the name of the file."""


@dataclass(frozen=True, eq=False)
class Found:
    """What an upload holds, in the order in which it holds it."""

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Arrays, stacked pictures and the numbers of tables."""
    ids: dict[str, list[str]] = field(default_factory=dict)
    """Of files with `ids`: the id of each row of a table, of each detection, or of each file."""
    columns: dict[str, list[str]] = field(default_factory=dict)
    """Of tables and detections."""
    texts: dict[str, list[str]] = field(default_factory=dict)
