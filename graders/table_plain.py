"""The plainest CSV files, by numpy alone: most of what is submitted, at a third of the cost of a general reader.

A guest is a process of a few milliseconds, and starting polars' threads in it would take longer than all the rest.
Whatever is out of the ordinary, a quotation mark, a space, a faulty cell, is left to `parsing`, which can say what it
is; what is read here is read there in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from challenges.manifest import Column, ColumnType
from graders.columns import check_sums, code_type, is_legal
from graders.faults import Faults
from graders.parsing import probabilities
from graders.table_csv import read_header
from graders.tables import Expected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells = tuple[NDArray[np.uint8], NDArray[np.intp], NDArray[np.intp]]
    """Bytes of the file's body; where each cell of a column begins, and how long it is."""

MOST_BYTES = 4 << 20
"""Larger files are worth polars' threads."""
_LINE_FEED, _COMMA = 10, 44
_ODD = (b'"', b" ", b"\r", b"\t", b"\0")
_WIDEST = 64
"""Longest cell, in bytes."""
_MOST_DIGITS = 18
_NUMBER = np.zeros(256, dtype=bool)
_NUMBER[np.frombuffer(b"0123456789+-.eE", dtype=np.uint8)] = True


class Odd(Exception):
    """A file that is not plain, or not right."""


def read(content: bytes, expected: Expected) -> tuple[NDArray[Any], dict[str, NDArray[Any]]] | None:
    """Read a plain CSV file.

    Returns:
        Ids as whole numbers, or as the bytes of a text that joins them with zero bytes; label codes and numbers by
        column. None for a file that another reader must judge.

    Raises:
        InvalidSubmission: The header is wrong.
    """
    if content.count(b"\r") == content.count(b"\r\n"):
        content = content.replace(b"\r\n", b"\n")
    if len(content) > MOST_BYTES or not content.isascii() or any(mark in content for mark in _ODD):
        return None
    columns = {column.name: column for column in expected.table.columns}
    names = list(read_header(content, expected).values())
    try:
        cells = dict(zip(names, _split(content, len(names)), strict=True))
        ids = _read_ids(cells.pop(expected.table.id), expected.id_type)
        found = {name: _read_column(cells[name], columns[name]) for name in columns if name in cells}
        faults = Faults()
        for group in probabilities(expected, found):
            check_sums(found, group, faults)
    except Odd:
        return None
    return None if faults else (ids, found)


def _split(content: bytes, width: int) -> list[Cells]:
    """The cells of each column.

    Raises:
        Odd: A line has fewer or more, or a cell is empty or too long.
    """
    body = np.frombuffer(content, dtype=np.uint8)[content.find(b"\n") + 1 or len(content) :]
    breaks = np.flatnonzero((body == _COMMA) | (body == _LINE_FEED))
    if not len(body):
        raise Odd
    if body[-1] != _LINE_FEED:
        breaks = np.append(breaks, len(body))
    if len(breaks) % width:
        raise Odd
    begins = np.empty_like(breaks)
    begins[0], begins[1:] = 0, breaks[:-1] + 1
    lengths = breaks - begins
    ends = breaks[width - 1 :: width]
    is_line = body[ends[:-1]] == _LINE_FEED
    if not is_line.all() or np.count_nonzero(body == _LINE_FEED) != len(ends) - (body[-1] != _LINE_FEED):
        raise Odd
    if lengths.min() < 1 or lengths.max() > _WIDEST:
        raise Odd
    return [(body, begins[place::width], lengths[place::width]) for place in range(width)]


def _gather(cells: Cells, width: int) -> NDArray[np.uint8]:
    """Cells side by side, shape (rows, width), filled up with zeros."""
    body, begins, lengths = cells
    found = body.take(begins[:, None] + np.arange(width), mode="clip")
    if lengths.min() < width:
        found[np.arange(width) >= lengths[:, None]] = 0
    return found


def _read_ids(cells: Cells, id_type: type[pl.DataType]) -> NDArray[Any]:
    lengths = cells[2]
    width = int(lengths.max())
    if id_type == pl.String:
        is_kept = np.arange(width + 1) <= lengths[:, None]  # one zero byte after each
        return _gather(cells, width + 1)[is_kept][:-1] if width > lengths.min() else _joined(_gather(cells, width))
    if width > _MOST_DIGITS:
        raise Odd
    digits = _gather(cells, width) - np.uint8(ord("0"))
    is_digit = np.arange(width) < lengths[:, None]
    if (digits[is_digit] > 9).any() or ((digits[:, 0] == 0) & (lengths > 1)).any():  # noqa: PLR2004
        raise Odd
    values = np.zeros(len(digits), dtype=np.int64)
    for place in range(width):
        values = np.where(is_digit[:, place], values * 10 + digits[:, place], values)
    if id_type == pl.Int64:
        return values
    if values.max() > np.iinfo(np.uint32).max:
        raise Odd
    return values.astype(np.uint32)


def _joined(texts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    padded = np.zeros((len(texts), texts.shape[1] + 1), dtype=np.uint8)
    padded[:, :-1] = texts
    return padded.reshape(-1)[:-1]


def _read_column(cells: Cells, column: Column) -> NDArray[Any]:
    if column.type is ColumnType.TEXT:
        raise Odd
    width = int(cells[2].max())
    found = np.ascontiguousarray(_gather(cells, width))
    texts = found.view(f"S{width}")[:, 0]
    if column.type is ColumnType.LABEL:
        return _codes(texts, column.labels)
    if not _NUMBER[found[found != 0]].all():
        raise Odd
    try:
        values = texts.astype(np.float64)
    except ValueError as error:
        raise Odd from error
    if not is_legal(column, values):
        raise Odd
    return values


def _codes(texts: NDArray[np.bytes_], labels: list[str]) -> NDArray[Any]:
    known = np.array([label.encode() for label in labels])
    order = np.argsort(known)
    places = order[np.searchsorted(known, texts, sorter=order).clip(max=len(labels) - 1)]
    if (known[places] != texts).any():
        raise Odd
    codes: NDArray[Any] = places.astype(code_type(len(labels)))
    return codes
