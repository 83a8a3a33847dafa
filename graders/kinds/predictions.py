"""Predictions in a table: CSV, Parquet, JSON Lines or NPZ, one row for every hidden id, in any order."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import polars as pl

from graders import specimens as tables_to_try
from graders.alignment import AnswerIndex, align
from graders.arrangement import Predictions, arrange
from graders.boxing import bounds_of, read_answer
from graders.guests import tables as guest
from graders.kinds import Reading, Specimen, Upload
from graders.parsing import Parsed, parse, probabilities
from graders.sandbox import Run
from graders.table_wire import load_parsed
from graders.tables import Expected

if TYPE_CHECKING:
    from challenges.manifest import Manifest
    from graders.loading import LoadedChallenge
    from graders.sandbox import Mechanism

_BYTES_PER_CELL = 64
"""What a cell may take in a frame: a number has eight, a text is bounded by the upload."""


def recognise(head: bytes, filename: str) -> bool:  # noqa: ARG001 - the same for every kind
    """Whether a file may be a table: anything may, and is told what is wrong with it."""
    return True


def read(upload: Upload, challenge: LoadedChallenge, sandbox: Mechanism, device: str = "cpu") -> Reading:  # noqa: ARG001
    """Read an upload in the sandbox, check every cell, and bring its rows into the order of the answers.

    Args:
        upload: The file.
        challenge: Names the columns and knows the ids.
        sandbox: Where the file is opened.
        device: As for every kind; tables need none.

    Returns:
        Columns in the order of the answers. Row and column order of the upload make no difference.

    Raises:
        InvalidSubmission: The file breaks a rule of the challenge; names the first faults and counts the others.
    """
    return Reading(read_table(upload, challenge.manifest, challenge.index, sandbox))


def read_table(upload: Upload, manifest: Manifest, index: AnswerIndex, sandbox: Mechanism) -> Predictions:
    """As `read`, of a challenge whose ids alone are known."""
    expected = _expected(manifest, index)
    parsed = _parse(upload, expected, sandbox, index.seed)
    found = _place(parsed, expected, index)
    if found is None and (parsed.is_typed or parsed.is_hashed):
        parsed = _parse(upload, expected, sandbox, index.seed, as_text=True)
        found = _place(parsed, expected, index)
    return _finish(parsed, found)


def read_here(content: bytes, filename: str, manifest: Manifest, index: AnswerIndex) -> Predictions:
    """As `read_table`, in this very process: for one's own files."""
    expected = _expected(manifest, index)
    parsed = parse(content, filename, expected)
    found = _place(parsed, expected, index)
    if found is None and parsed.is_typed:
        parsed = parse(content, filename, expected, as_text=True)
        found = _place(parsed, expected, index)
    return _finish(parsed, found)


def specimens() -> list[Specimen]:
    """Tables that a grader must judge rightly before it takes the first job."""
    manifest = tables_to_try.manifest()
    index = AnswerIndex(pl.Series("id", tables_to_try.IDS))

    def try_reading(upload: Upload, sandbox: Mechanism) -> Predictions:
        return read_table(upload, manifest, index, sandbox)

    return [Specimen(*case, try_reading) for case in tables_to_try.cases()]


def _expected(manifest: Manifest, index: AnswerIndex) -> Expected:
    return Expected(manifest.submission, manifest.limits, index.size, index.id_type)


def _parse(
    upload: Upload, expected: Expected, sandbox: Mechanism, seed: int | None, *, as_text: bool = False
) -> Parsed:
    size_bytes = upload.path.stat().st_size
    # a table may hold more rows than are asked for; each has at least one byte and a line's end
    cells = min(size_bytes, expected.expanded_bytes) // 2 + 1
    result_bytes = _BYTES_PER_CELL * (cells + expected.rows * (1 + len(expected.table.columns))) + (1 << 20)
    descriptor = os.open(upload.path, os.O_RDONLY)
    try:
        outcome = sandbox.run(
            Run(
                guest="tables",
                settings=guest.settings_of(expected, upload.name, seed, as_text=as_text),
                bounds=bounds_of(expected.limits, result_bytes),
                files=[descriptor],
            )
        )
    finally:
        os.close(descriptor)
    return read_answer(outcome, expected.limits, lambda frame: load_parsed(frame, expected))


def _place(parsed: Parsed, expected: Expected, index: AnswerIndex) -> Predictions | None:
    """Columns in the answers' order; None, with `parsed.faults`, where a cell or an id is wrong."""
    places = align(index, parsed.ids, parsed.faults)
    if places is None or parsed.faults:
        return None
    predictions = arrange(parsed.columns, places)
    for names in probabilities(expected, parsed.columns):
        predictions.divide_by_sum(names)
    return predictions


def _finish(parsed: Parsed, predictions: Predictions | None) -> Predictions:
    parsed.faults.raise_any()
    if predictions is None:
        raise RuntimeError("a table without faults was not placed")
    return predictions
