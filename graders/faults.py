"""What is wrong with one upload, collected: the first faults in the order of the rows, and how many there are."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from challenges.errors import FIRST_FAULTS, Fault, InvalidSubmission, Reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_CHARACTERS = 60
"""Longest value that a fault repeats."""
EXPECTED_CHARACTERS = 500
"""Longest header or list of labels that a fault tells as expected."""
SHOWN_LABELS = 20
"""Most labels that a fault lists."""
_LARGEST_EXACT = 2**53
"""Whole numbers from here on do not survive every JSON reader."""


class Faults:
    """A collector: checks add to it, and the reader raises once at the end."""

    limit = FIRST_FAULTS

    def __init__(self) -> None:
        self.count = 0
        self._by_row: list[tuple[int, Fault]] = []
        self._others: list[Fault] = []

    def __bool__(self) -> bool:
        return self.count > 0

    def add(self, faults: list[Fault], count: int | None = None) -> None:
        """Add faults that belong to no row; `count` is their whole number."""
        room = max(self.limit - len(self._others), 0)
        self._others += [Fault(f.reason, _show_facts(f.facts)) for f in faults[:room]]
        self.count += len(faults) if count is None else count

    def add_rows(self, reason: Reason, rows: NDArray[np.intp], facts: Callable[[int], dict[str, Any]]) -> None:
        """Add one fault per row.

        Args:
            reason: What is wrong with each of them.
            rows: Their indices from 0, ascending; told as row 1, 2 …
            facts: The other facts of the fault at one index; called for the first few only.
        """
        for row in rows[: self.limit].tolist():
            self._by_row.append((row, Fault(reason, {"row": row + 1, **_show_facts(facts(row))})))
        self.count += len(rows)

    @property
    def listed(self) -> list[Fault]:
        """The first faults: by row, then those of no row."""
        ordered = [fault for _, fault in sorted(self._by_row, key=lambda pair: pair[0])]
        return (ordered + self._others)[: self.limit]

    def restore(self, faults: list[Fault], count: int) -> None:
        """Add what another collector listed."""
        for fault in faults:
            row = fault.facts.get("row")
            if isinstance(row, int):
                self._by_row.append((row - 1, fault))
            else:
                self._others.append(fault)
        self.count += count

    def raise_any(self) -> None:
        """Raise InvalidSubmission if there is a fault."""
        if self:
            raise InvalidSubmission(self.listed, self.count)


def dump_faults(faults: list[Fault], count: int) -> dict[str, Any]:
    """Faults as a guest tells them in a frame's note."""
    return {"faults": [fault.to_dict() for fault in faults], "count": count}


def parse_faults(note: Mapping[str, Any]) -> tuple[list[Fault], int]:
    """Faults that a guest told, as far as they have the form; the number of all.

    Raises:
        ValueError: They do not: an unknown reason, facts that its sentence does not name, or that are no facts.
    """
    told, count = note.get("faults"), note.get("count")
    if not isinstance(told, list) or not isinstance(count, int) or not len(told) <= min(count, FIRST_FAULTS):
        raise ValueError("no list of faults")
    return [_parse_fault(fault) for fault in told], min(count, _LARGEST_EXACT)


def _parse_fault(told: Any) -> Fault:
    facts = told.get("facts") if isinstance(told, dict) else None
    is_form = isinstance(facts, dict) and all(isinstance(value, str | int | float) for value in facts.values())
    if facts is None or not is_form:
        raise ValueError("no fault")
    fault = Fault(
        Reason(str(told.get("reason"))), {str(key): show(value, EXPECTED_CHARACTERS) for key, value in facts.items()}
    )
    try:
        _ = fault.sentence
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError("facts that its sentence does not fit") from error
    return fault


def _show_facts(facts: Mapping[str, object]) -> dict[str, str | int | float]:
    """Facts as they may be told; what was expected is the manifest's own, and told whole."""
    return {
        key: show(value, EXPECTED_CHARACTERS if key == "expected" else SHOWN_CHARACTERS) for key, value in facts.items()
    }


def show(value: object, characters: int = SHOWN_CHARACTERS) -> str | int | float:
    """A value from an upload as it may be repeated: short, printable, and never NaN or infinite."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return value if abs(value) < _LARGEST_EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else f"{value}".replace("nan", "NaN")
    text = str(value)
    if len(text) > characters:
        text = text[:characters] + "…"
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c for c in text)


def show_labels(labels: list[str]) -> str:
    """The legal labels, the first ones where there are many."""
    shown = ", ".join(labels[:SHOWN_LABELS])
    return shown if len(labels) <= SHOWN_LABELS else f"{shown}, …"
