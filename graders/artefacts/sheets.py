"""CSV tables of numbers in columns of the participant's choice, checked cell by cell as predictions are."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import polars as pl

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.manifest import Column, ColumnType, Limits, Table
from challenges.phrases import Code, Phrase, Words, say
from challenges.texts import Text
from graders.faults import show_text
from graders.parsing import parse
from graders.tables import UTF8_MARK, Expected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from challenges.artefacts import FileSpec
    from graders.artefacts import Ask

HEADER_BYTES = 20_000
_NAME = re.compile(r"[^\x00-\x1f\x7f,\"]{1,60}\Z")
_NOWHERE = Text("", "")


def read_sheet(
    content: bytes, spec: FileSpec, ask: Ask, like: list[str] | None
) -> tuple[list[str], list[str], NDArray[np.float64]]:
    """Read and check one table.

    Args:
        content: A whole CSV file.
        spec: What it must hold.
        ask: Names the id column.
        like: The columns that it must have; None where the challenge names none of another table.

    Returns:
        Ids, names of the columns, and their numbers of shape (rows, columns).

    Raises:
        InvalidSubmission: It is no such table; every fault names file, row and column.
    """
    try:
        columns = _read_columns(content, spec, ask.id, like)
        numbers = [
            Column(name, ColumnType.NUMBER, _NOWHERE, minimum=spec.minimum, maximum=spec.maximum) for name in columns
        ]
        table = Table(ask.id, numbers, formats=["csv"])
        limits = Limits(upload_bytes=spec.file_bytes)
        parsed = parse(content, spec.pattern, Expected(table, limits, ask.counts.get(spec.name, 0), pl.String))
        parsed.faults.raise_any()
    except InvalidSubmission as refusal:
        raise InvalidSubmission([within(fault, spec.pattern) for fault in refusal.faults], refusal.count) from None
    block = np.stack([parsed.columns[name] for name in columns], axis=1)
    return parsed.ids.cast(pl.String).fill_null("").to_list(), columns, block


def within(fault: Fault, path: str) -> Fault:
    """A fault of a table, its column, problem or id told with the file that holds it."""
    facts = fault.facts
    if "column" in facts:
        return Fault(fault.reason, {**facts, "column": f"{path}: {facts['column']}"})
    if "problem" in facts:
        problem = say(Phrase.IN_FILE, name=Code(path), problem=facts["problem"])
        return Fault(fault.reason, {**facts, "problem": problem})
    return Fault(fault.reason, {**facts, "value": f"{path}: {facts['value']}"}) if "value" in facts else fault


def _read_columns(content: bytes, spec: FileSpec, id_column: str, like: list[str] | None) -> list[str]:
    """Names beside the id in the order of the header; whether they are the expected ones, `parse` tells."""
    line = content[:HEADER_BYTES].removeprefix(UTF8_MARK).split(b"\n", 1)[0]
    try:
        names = [name.strip() for name in next(csv.reader([line.decode("utf-8").rstrip("\r")], strict=True), [])]
    except (UnicodeDecodeError, csv.Error):
        names = []
    if not names:
        _malformed(say(Phrase.NO_HEADER))
    given = [name for name in names if name != id_column]
    expected = spec.columns or like
    if expected is not None:
        if set(given) == set(expected) and given != expected:
            listed = Code(", ".join(f"`{name}`" for name in expected))
            _malformed(say(Phrase.COLUMN_ORDER, expected=listed))
        return expected
    if len(given) > spec.most_columns:
        raise InvalidSubmission.because(Reason.TOO_MANY_COLUMNS, found=len(names), expected=spec.most_columns + 1)
    odd = next((name for name in given if not _NAME.match(name)), None)
    if odd is not None:
        _malformed(say(Phrase.COLUMN_NAME, name=show_text(odd)))
    if not given:
        _malformed(say(Phrase.NO_COLUMN))
    return list(dict.fromkeys(given))


def _malformed(problem: Words) -> NoReturn:
    raise InvalidSubmission.because(Reason.MALFORMED, expected=say(Phrase.CSV_TABLE), problem=problem)
