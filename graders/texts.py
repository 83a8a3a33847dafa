"""Texts in cells: brought into one form before they are compared, and what they must not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from challenges.errors import Reason

if TYPE_CHECKING:
    from challenges.manifest import Column
    from graders.faults import Faults

_INVISIBLE = r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]"
"""Control characters, line breaks, marks of direction, characters without a meaning."""


def normalise(texts: pl.Series) -> pl.Series:
    """The same texts in Unicode's composed form (NFC), without spaces around them."""
    return texts.str.normalize("NFC").str.strip_chars()


def find_faults(texts: pl.Series, column: Column, faults: Faults) -> None:
    """Find texts that are empty, too long, or hold what cannot be seen.

    Args:
        texts: Normalised; nulls are empty.
        column: Says how long they may be.
        faults: Receives one fault for each of them.
    """
    faults.add_rows(
        Reason.EMPTY_CELL, np.flatnonzero((texts.fill_null("") == "").to_numpy()), lambda _: {"column": column.name}
    )
    if column.most_characters:
        sizes = texts.str.len_chars().fill_null(0).to_numpy()
        faults.add_rows(
            Reason.TEXT_TOO_LONG,
            np.flatnonzero(sizes > column.most_characters),
            lambda row: {"column": column.name, "found": int(sizes[row]), "limit": column.most_characters},
        )
    odd = texts.str.extract(f"({_INVISIBLE})")
    faults.add_rows(
        Reason.INVISIBLE_CHARACTER,
        np.flatnonzero(odd.is_not_null().to_numpy()),
        lambda row: {"column": column.name, "value": f"U+{ord(odd[row]):04X}"},
    )
