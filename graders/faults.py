"""What is wrong with one upload, collected: the first faults in the order of the rows, and how many there are."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from challenges.errors import FIRST_FAULTS, Facts, Fault, InvalidSubmission, Reason
from challenges.phrases import Code, Words, find_phrase, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_CHARACTERS = 60
"""Longest value that a fault repeats."""
EXPECTED_CHARACTERS = 500
"""Longest header or list of labels that a fault tells as expected."""
SAID_CHARACTERS = 200
"""Longest message of a library that a fault repeats."""
SHOWN_LABELS = 20
"""Most labels that a fault lists."""
_DEEPEST = 4
"""Words may hold words, so many times."""
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

    def add_rows(self, reason: Reason, rows: NDArray[np.intp], facts: Callable[[int], Facts]) -> None:
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


def dump_refusal(refusal: InvalidSubmission) -> dict[str, Any]:
    """The note of the frame by which a guest refuses an upload."""
    return {"is_refused": True, **dump_faults(refusal.faults, refusal.count)}


def parse_refusal(note: Mapping[str, Any]) -> tuple[list[Fault], int] | None:
    """Why a guest refused an upload, as `parse_faults` tells it; None: it did not.

    Raises:
        ValueError: It gave no reason, or not in the form.
    """
    if note.get("is_refused") is not True:
        return None
    faults, count = parse_faults(note)
    if not faults:
        raise ValueError("refused for no reason")
    return faults, count


def _parse_fault(told: Any) -> Fault:
    facts = told.get("facts") if isinstance(told, dict) else None
    if not isinstance(facts, dict):
        raise ValueError("no fault")  # noqa: TRY004 - one error for every wrong form
    parsed = {str(key): _parse_fact(value) for key, value in facts.items()}
    fault = Fault(Reason(str(told.get("reason"))), cast("Facts", parsed))
    try:
        _ = fault.sentence
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ValueError("facts that its sentence does not fit") from error
    return fault


def _parse_fact(told: Any, depth: int = 0) -> Code | int | float | Words:
    if isinstance(told, str | int | float):
        return show(told, EXPECTED_CHARACTERS)
    phrase = find_phrase(str(told.get("phrase"))) if isinstance(told, dict) else None
    facts = told.get("facts") if phrase else None
    if phrase is None or not isinstance(facts, dict) or depth == _DEEPEST:
        raise ValueError("no fact")
    return say(phrase, **{str(key): _parse_fact(value, depth + 1) for key, value in facts.items()})


def _show_facts(facts: Mapping[str, object]) -> Facts:
    """Facts as they may be told; what was expected is the manifest's own, and told whole."""
    shown = {
        key: value
        if isinstance(value, Words)
        else show(value, EXPECTED_CHARACTERS if key == "expected" else SHOWN_CHARACTERS)
        for key, value in facts.items()
    }
    return cast("Facts", shown)


def show(value: object, characters: int = SHOWN_CHARACTERS) -> Code | int | float:
    """A value from an upload as it may be repeated: short, printable, and never NaN or infinite."""
    if isinstance(value, bool):
        return Code(str(value).lower())
    if isinstance(value, int):
        return value if abs(value) < _LARGEST_EXACT else Code(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else Code(f"{value}".replace("nan", "NaN"))
    return show_text(str(value), characters)


def show_text(text: str, characters: int = SHOWN_CHARACTERS) -> Code:
    """A text as it may be repeated."""
    if len(text) > characters:
        text = text[:characters] + "…"
    return Code("".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" else c for c in text))


def cite(said: object, characters: int = SAID_CHARACTERS) -> Code:
    """What an upload or a library says, on one line and without backticks, to stand between two of them."""
    line = " ".join(str(said).replace("`", "'").split())
    return show_text(line or type(said).__name__, characters)


def quote(said: object, characters: int = SAID_CHARACTERS) -> Code:
    """The same between backticks."""
    return Code(f"`{cite(said, characters)}`")


def show_labels(labels: list[str]) -> Code:
    """The legal labels, the first ones where there are many."""
    shown = ", ".join(f"`{label}`" for label in labels[:SHOWN_LABELS])
    return Code(shown if len(labels) <= SHOWN_LABELS else f"{shown}, …")
