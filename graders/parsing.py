"""A table from bytes to checked columns. It runs in the sandbox, and knows how many rows are hidden, not which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graders import table_csv, table_jsonl, table_npz, table_parquet
from graders.columns import check_sizes, check_sums, convert
from graders.faults import Faults
from graders.tables import Expected, Format, sniff

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

_READERS = {Format.PARQUET: table_parquet.read, Format.JSONL: table_jsonl.read, Format.NPZ: table_npz.read}


@dataclass(frozen=True, eq=False)
class Parsed:
    """An upload's columns in the order of its rows."""

    ids: pl.Series
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Label codes, numbers (float64) or texts; a column with a faulty cell is left out."""
    faults: Faults = field(default_factory=Faults)
    """What is wrong with cells; ids are compared by whoever knows them."""
    is_typed: bool = False
    """Ids were read as numbers where the file has text: read `as_text` to repeat them as they were written."""
    is_hashed: bool = False
    """Ids are hashes: read `as_text` to repeat them."""


def parse(content: bytes, filename: str, expected: Expected, *, as_text: bool = False) -> Parsed:
    """Read a table and check every cell of it.

    Args:
        content: The upload.
        filename: The name it was uploaded under; only its extension counts, and only where the content leaves doubt.
        expected: What it must look like.
        as_text: Skip the fast way, which cannot say what a faulty cell holds.

    Raises:
        InvalidSubmission: The file as such is broken, or is no table of this challenge.
    """
    format_ = sniff(content, filename, expected)
    if format_ is not Format.CSV:
        return _check(_READERS[format_](content, expected), expected, is_written=False)
    frame = None if as_text else table_csv.read(content, expected)
    if frame is not None:
        parsed = _convert(frame, expected, is_written=True)
        if not parsed.faults:
            return parsed
    return _check(table_csv.read_as_text(content, expected), expected, is_written=True)


def _check(frame: pl.DataFrame, expected: Expected, *, is_written: bool) -> Parsed:
    too_large = Faults()
    check_sizes(frame, too_large)
    too_large.raise_any()
    parsed = _convert(frame, expected, is_written=is_written)
    return Parsed(parsed.ids, parsed.columns, parsed.faults)


def _convert(frame: pl.DataFrame, expected: Expected, *, is_written: bool) -> Parsed:
    faults = Faults()
    columns: dict[str, NDArray[Any]] = {}
    for column in expected.present(set(frame.columns)):
        values = convert(frame[column.name], column, faults, is_written=is_written)
        if values is not None:
            columns[column.name] = values
    for names in probabilities(expected, columns):
        check_sums(columns, names, faults)
    return Parsed(frame[expected.table.id], columns, faults, is_typed=is_written)


def probabilities(expected: Expected, columns: dict[str, NDArray[Any]]) -> list[list[str]]:
    """Names of the columns of each group of class probabilities that is there, whole."""
    groups = [
        [c.name for c in expected.table.columns if c.optional_group == group]
        for group in expected.table.probability_groups
    ]
    return [names for names in groups if names and all(name in columns for name in names)]
