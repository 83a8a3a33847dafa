"""CSV: read straight into typed columns, and once more as text where that fails, to say which cell is wrong."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO
from typing import NoReturn

import polars as pl

from challenges.errors import InvalidSubmission, Reason
from challenges.manifest import Column, ColumnType
from challenges.phrases import Phrase, say
from graders.columns import check_sizes, enum_of, integer_type
from graders.faults import Faults, cite
from graders.tables import CELL_BYTES, UTF8_MARK, Expected, Format, check_header, raise_columns, raise_malformed

HEADER_BYTES = 100_000
_USUAL_CELL_BYTES = 40
_READ_BYTES = 1 << 20


def read(content: bytes, expected: Expected) -> pl.DataFrame | None:
    """Read a CSV file into typed columns.

    Returns:
        A column per name of the header: ids and labels (integers or text), numbers (Float64), text.
        None where a cell does not fit its type: `read_as_text` tells which.

    Raises:
        InvalidSubmission: The header is wrong, or not UTF-8.
    """
    header = read_header(content, expected)
    names = list(header.values())
    try:
        frame = _read(content, {cell: _type_of(name, expected) for cell, name in header.items()}).rename(header)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    usual = CELL_BYTES + frame.height * len(names) * _USUAL_CELL_BYTES
    # A number with thousands of digits parses; the second reading measures every cell.
    return frame if len(content) <= usual else None


def read_as_text(content: bytes, expected: Expected) -> pl.DataFrame:
    """Read a CSV file as text: spaces around cells and blank lines at the end left out, empty cells null.

    Raises:
        InvalidSubmission: NOT_UTF8, CELL_TOO_LARGE or MALFORMED: the file as such is broken.
    """
    header = read_header(content, expected)
    try:
        frame = _read(content, dict.fromkeys(header, pl.String)).rename(header)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        _explain(content, len(header))
    too_large = Faults()
    check_sizes(frame, too_large)
    too_large.raise_any()
    cells = pl.all().str.strip_chars()
    frame = frame.select(pl.when(cells != "").then(cells))
    used = frame.select(pl.any_horizontal(pl.all().is_not_null()).arg_true().max()).item()
    return frame.head(0 if used is None else used + 1)


def read_header(content: bytes, expected: Expected) -> dict[str, str]:
    """The cells of the first line as written, each with the name it means, checked.

    Raises:
        InvalidSubmission: The names are not the expected ones, or the line is not UTF-8 text.
    """
    with BytesIO(content) as file:
        line = file.readline(HEADER_BYTES)
        if len(line) == HEADER_BYTES:
            count = line.count(b",") + 1
            while line and not line.endswith(b"\n"):
                line = file.readline(_READ_BYTES)
                count += line.count(b",")
            raise_columns(count, expected)
    mark = len(UTF8_MARK) if line.startswith(UTF8_MARK) else 0
    try:
        text = line[mark:].decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InvalidSubmission.because(Reason.NOT_UTF8, position=mark + error.start) from error
    if "\r" in text:
        raise_malformed(Format.CSV, say(Phrase.CARRIAGE_RETURNS))
    try:
        cells = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise_malformed(Format.CSV, say(Phrase.BROKEN_HEADER, said=cite(error)))
    names = [name.strip() for name in cells]
    check_header([name or "(unnamed)" for name in names], expected)
    return dict(zip(cells, names, strict=True))


def _read(content: bytes, schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    return pl.read_csv(content, schema=schema, glob=False)


def _type_of(name: str, expected: Expected) -> pl.DataType | type[pl.DataType]:
    if name == expected.table.id:
        return expected.id_type
    column: Column = expected.present({name})[0]
    if column.type is ColumnType.LABEL:
        return integer_type(column) or enum_of(tuple(column.labels))
    return pl.String if column.type is ColumnType.TEXT else pl.Float64


def _explain(content: bytes, width: int) -> NoReturn:
    """Find the line that cannot be read, with the standard library's slower and more talkative reader."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidSubmission.because(Reason.NOT_UTF8, position=error.start) from error
    csv.field_size_limit(CELL_BYTES)
    row = 0
    try:
        for row, cells in enumerate(csv.reader(StringIO(text, newline=""), strict=True)):
            if len(cells) > width:
                raise_malformed(Format.CSV, say(Phrase.LONG_ROW, row=row, found=len(cells), expected=width))
    except csv.Error as error:
        if "field limit" in str(error):
            raise InvalidSubmission.because(Reason.CELL_TOO_LARGE, row=row + 1, limit_bytes=CELL_BYTES) from error
        raise_malformed(Format.CSV, say(Phrase.BROKEN_ROW, row=row + 1, said=cite(error)))
    raise_malformed(Format.CSV, say(Phrase.OPEN_QUOTE))
