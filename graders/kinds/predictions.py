"""Predictions in a table: CSV, Parquet, JSON Lines or NPZ, one row for every hidden id, in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from graders import specimens as tables_to_try
from graders import table_csv, table_jsonl, table_npz, table_parquet
from graders.alignment import AnswerIndex, align
from graders.arrangement import Predictions, arrange
from graders.columns import check_sizes, check_sums, convert
from graders.faults import Faults
from graders.kinds import Specimen
from graders.tables import Expected, Format, sniff

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from challenges.manifest import Manifest

_READERS = {Format.PARQUET: table_parquet.read, Format.JSONL: table_jsonl.read, Format.NPZ: table_npz.read}


def read(path: Path, filename: str, manifest: Manifest, index: AnswerIndex) -> Predictions:
    """Read an upload, check every cell, and bring its rows into the order of the answers.

    Args:
        path: The upload.
        filename: The name it was uploaded under; only its extension counts, and only where the content leaves doubt.
        manifest: The challenge's.
        index: The hidden ids.

    Returns:
        Columns in the order of the answers. Row and column order of the upload make no difference.

    Raises:
        InvalidSubmission: The file breaks a rule of the challenge; names the first faults and counts the others.
    """
    expected = Expected(manifest.submission, manifest.limits, index.size, index.id_type)
    format_ = sniff(path, filename, expected)
    if format_ is not Format.CSV:
        return _check(_READERS[format_](path, expected), expected, index, Faults(), is_written=False)
    frame = table_csv.read(path, expected)
    if frame is not None:
        faults = Faults()
        predictions = _convert(frame, expected, index, faults, is_written=True)
        if predictions is not None and not faults:
            return predictions
    return _check(table_csv.read_as_text(path, expected), expected, index, Faults(), is_written=True)


def specimens() -> list[Specimen]:
    """Tables that a grader must judge rightly before it takes the first job."""
    manifest = tables_to_try.manifest()
    index = AnswerIndex(pl.Series("id", tables_to_try.IDS))

    def try_reading(path: Path, filename: str) -> Predictions:
        return read(path, filename, manifest, index)

    return [Specimen(*case, try_reading) for case in tables_to_try.cases()]


def _check(
    frame: pl.DataFrame, expected: Expected, index: AnswerIndex, faults: Faults, *, is_written: bool
) -> Predictions:
    check_sizes(frame, faults)
    faults.raise_any()
    predictions = _convert(frame, expected, index, faults, is_written=is_written)
    faults.raise_any()
    if predictions is None:
        raise RuntimeError("a table without faults was not converted")
    return predictions


def _convert(
    frame: pl.DataFrame, expected: Expected, index: AnswerIndex, faults: Faults, *, is_written: bool
) -> Predictions | None:
    """Columns in the answers' order; None, with `faults`, where a cell or an id is wrong."""
    places = align(index, frame[expected.table.id], faults)
    columns: dict[str, NDArray[Any]] = {}
    for column in expected.present(set(frame.columns)):
        values = convert(frame[column.name], column, faults, is_written=is_written)
        if values is not None:
            columns[column.name] = values
    groups = [
        [c.name for c in expected.table.columns if c.optional_group == group]
        for group in expected.table.probability_groups
    ]
    given = [names for names in groups if names and all(name in columns for name in names)]
    for names in given:
        check_sums(columns, names, faults)
    if places is None or faults:
        return None
    predictions = arrange(columns, places)
    for names in given:
        predictions.divide_by_sum(names)
    return predictions
