"""Columns of an upload, checked cell by cell.

Labels become codes (their place in the manifest's list), numbers become float64; every odd cell becomes a fault that
names its row and column.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from challenges.errors import Fault, Reason
from challenges.manifest import Column, ColumnType
from challenges.phrases import Code, Phrase, Words, say
from graders.faults import quote, show_labels
from graders.tables import CELL_BYTES
from graders.texts import find_faults, normalise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graders.faults import Faults

SUM_TOLERANCE = 1e-3
"""How far the probabilities of one row may be from summing to 1."""
_LARGEST_TABLE = 65_536
_BYTE = 256
_NOT_FINITE_WORDS = ("nan", "inf", "infinity", "+inf", "-inf", "+infinity", "-infinity", "-nan", "+nan")


def check_sizes(frame: pl.DataFrame, faults: Faults) -> None:
    """Find cells that are too large, before anything compares or repeats them."""
    for series in frame.get_columns():
        if series.dtype == pl.String:
            sizes = series.str.len_bytes()
            if (sizes.max() or 0) > CELL_BYTES:  # type: ignore[operator]
                rows = np.flatnonzero((sizes > CELL_BYTES).fill_null(value=False).to_numpy())
                faults.add_rows(Reason.CELL_TOO_LARGE, rows, lambda _: {"limit_bytes": CELL_BYTES})


def convert(series: pl.Series, column: Column, faults: Faults, *, is_written: bool) -> NDArray[Any] | None:
    """Turn one column into codes, numbers or texts.

    Args:
        series: The cells.
        column: What the manifest says of them.
        faults: Receives one fault per odd cell.
        is_written: Cells are text as someone wrote it (CSV), so that numbers may still have to be parsed.

    Returns:
        Values of shape (rows,), or None where there was a fault.
    """
    before = faults.count
    if column.type is ColumnType.LABEL:
        values: NDArray[Any] | None = _codes(series, column, faults)
    elif column.type is ColumnType.TEXT:
        values = _texts(series, column, faults)
    else:
        values = _numbers(series, column, faults, is_written=is_written)
    return values if faults.count == before else None


def check_sums(columns: dict[str, NDArray[Any]], names: list[str], faults: Faults) -> None:
    """Check that the probabilities of each row sum to 1, nearly."""
    total = columns[names[0]].copy()
    for name in names[1:]:
        total += columns[name]
    if len(total) and total.min() >= 1 - SUM_TOLERANCE and total.max() <= 1 + SUM_TOLERANCE:
        return
    off = np.flatnonzero(~(np.abs(total - 1.0) <= SUM_TOLERANCE))
    faults.add_rows(
        Reason.OUT_OF_RANGE,
        off,
        lambda row: {
            "column": " + ".join(names),
            "value": round(float(total[row]), 6),
            "expected": Code(f"[{1 - SUM_TOLERANCE}, {1 + SUM_TOLERANCE}]"),
        },
    )


def integer_type(column: Column) -> type[pl.DataType] | None:
    """The narrowest type for labels that are all small whole numbers; None where labels are other texts."""
    table = _integer_table(tuple(column.labels))
    if table is None:
        return None
    return pl.UInt8 if len(table) <= _BYTE else pl.UInt16


def code_type(classes: int) -> type[np.uint8 | np.int32]:
    """The type of label codes: bytes where they suffice, which makes all that reads them faster."""
    return np.uint8 if classes <= _BYTE else np.int32


@lru_cache
def enum_of(labels: tuple[str, ...]) -> pl.Enum:
    """The polars type whose physical values are the codes of these labels."""
    return pl.Enum(labels)


@lru_cache
def _integer_table(labels: tuple[str, ...]) -> NDArray[np.int32] | None:
    """Code of each small whole number, -1 where it is no label; None where labels are other texts."""
    if not all(t.isascii() and t.isdigit() and str(int(t)) == t and int(t) < _LARGEST_TABLE for t in labels):
        return None
    table = np.full(max(map(int, labels)) + 2, -1, dtype=np.int32)
    table[[int(t) for t in labels]] = np.arange(len(labels), dtype=np.int32)
    return table


@lru_cache
def _are_codes(labels: tuple[str, ...]) -> bool:
    """Whether the labels are 0, 1, 2 … in order: each is its own code."""
    return labels == tuple(map(str, range(len(labels))))


def _codes(series: pl.Series, column: Column, faults: Faults) -> NDArray[Any] | None:
    labels = tuple(column.labels)
    table = _integer_table(labels)
    if column.names and series.dtype == pl.String:
        series = _read_names(series, column)
    if series.dtype == pl.UInt8 and table is not None and _are_codes(labels) and not series.null_count():
        direct = series.to_numpy()
        if direct.max(initial=0) < len(labels):
            return direct
    if series.dtype == enum_of(labels):
        codes = series.to_physical()
    elif series.dtype.is_integer() or (series.dtype == pl.String and table is not None):
        whole = series.cast(pl.Int64, strict=False)
        if table is None:
            codes = series.cast(pl.String).cast(enum_of(labels), strict=False).to_physical()
        else:
            places = whole.clip(-1, len(table) - 1).fill_null(-1).to_numpy()
            found = table[places]  # -1 reaches the last place, which is no label
            codes = pl.Series(found).set(pl.Series(found < 0), None)
    elif series.dtype == pl.String:
        codes = series.cast(enum_of(labels), strict=False).to_physical()
    else:
        faults.add([_wrong_dtype(series, say(Phrase.ONE_OF, labels=show_labels(column.labels)))])
        return None
    if not codes.null_count():
        return codes.to_numpy().astype(code_type(len(labels)), copy=False)
    empty = (series.is_null() | (series == "")) if series.dtype == pl.String else series.is_null()
    unknown = codes.is_null() & ~empty
    expected = show_labels(column.labels)
    _add_empty(empty, column, faults)
    faults.add_rows(
        Reason.UNKNOWN_LABEL,
        np.flatnonzero(unknown.to_numpy()),
        lambda row: {"column": column.name, "value": str(series[row]), "expected": expected},
    )
    return None


def _read_names(series: pl.Series, column: Column) -> pl.Series:
    """Labels in the place of their English names, whatever the case; all else as it is."""
    labels = {name.en.lower(): label for label, name in zip(column.labels, column.names, strict=True)}
    return series.str.to_lowercase().replace_strict(labels, default=series)


def _texts(series: pl.Series, column: Column, faults: Faults) -> NDArray[Any] | None:
    if series.dtype != pl.String:
        faults.add([_wrong_dtype(series, say(Phrase.TEXT))])
        return None
    texts = normalise(series)
    find_faults(texts, column, faults)
    return texts.to_numpy()


def _numbers(series: pl.Series, column: Column, faults: Faults, *, is_written: bool) -> NDArray[Any] | None:
    if series.dtype == pl.String and is_written:
        return _parse_numbers(series, column, faults)
    if not series.dtype.is_numeric():
        faults.add([_wrong_dtype(series, say(Phrase.NUMBERS))])
        return None
    if series.null_count():
        _add_empty(series.is_null(), column, faults)
    values = series.cast(pl.Float64).rechunk().to_numpy()
    return _check_range(values, series, column, faults, ~series.is_null().to_numpy() if series.null_count() else None)


def _parse_numbers(series: pl.Series, column: Column, faults: Faults) -> NDArray[Any] | None:
    empty = series.is_null() | (series == "")
    parsed = series.cast(pl.Float64, strict=False)
    words = series.str.to_lowercase().is_in(_NOT_FINITE_WORDS).fill_null(value=False)
    odd = parsed.is_null() & ~empty & ~words
    _add_empty(empty, column, faults)
    faults.add_rows(
        Reason.NOT_A_NUMBER,
        np.flatnonzero(odd.to_numpy()),
        lambda row: {"column": column.name, "value": series[row]},
    )
    values = parsed.fill_null(float("nan")).rechunk().to_numpy()
    return _check_range(values, series, column, faults, ~(odd | empty).to_numpy())


def _check_range(
    values: NDArray[np.float64],
    shown: pl.Series,
    column: Column,
    faults: Faults,
    among: NDArray[np.bool_] | None,
) -> NDArray[np.float64] | None:
    """Find numbers that are not finite, or outside the manifest's range; `among`: rows not yet found faulty."""
    if among is None and is_legal(column, values):
        return values
    among = np.ones(len(values), dtype=bool) if among is None else among
    finite = np.isfinite(values)
    legal = finite & (values >= _least(column)) & (values <= _most(column))
    if column.exclusive_minimum:
        legal &= values > _least(column)
    if column.type is ColumnType.INTEGER:
        legal &= values == np.floor(values)
    faults.add_rows(
        Reason.NOT_FINITE,
        np.flatnonzero(~finite & among),
        lambda row: {"column": column.name, "value": str(shown[row]).replace("nan", "NaN")},
    )
    faults.add_rows(
        Reason.OUT_OF_RANGE,
        np.flatnonzero(finite & ~legal & among),
        lambda row: {"column": column.name, "value": shown[row], "expected": _show_range(column)},
    )
    return values


def is_legal(column: Column, values: NDArray[np.float64]) -> bool:
    """Whether all numbers are finite and in the manifest's range, in two passes and without a temporary array."""
    if not len(values):
        return True
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        return False
    if low < _least(column) or high > _most(column) or (column.exclusive_minimum and low <= _least(column)):
        return False
    return column.type is not ColumnType.INTEGER or bool((values == np.floor(values)).all())


def _least(column: Column) -> float:
    return -np.inf if column.minimum is None else column.minimum


def _most(column: Column) -> float:
    return np.inf if column.maximum is None else column.maximum


def _show_range(column: Column) -> Code | Words:
    low = "(-∞" if column.minimum is None else f"{'(' if column.exclusive_minimum else '['}{column.minimum:.12g}"
    high = "∞)" if column.maximum is None else f"{column.maximum:.12g}]"
    span = Code(f"{low}, {high}")
    return say(Phrase.WHOLE, span=span) if column.type is ColumnType.INTEGER else span


def _add_empty(empty: pl.Series, column: Column, faults: Faults) -> None:
    faults.add_rows(Reason.EMPTY_CELL, np.flatnonzero(empty.to_numpy()), lambda _: {"column": column.name})


def _wrong_dtype(series: pl.Series, expected: Words) -> Fault:
    found = say(Phrase.TEXT) if series.dtype == pl.String else quote(str(series.dtype).lower())
    return Fault(Reason.WRONG_DTYPE, {"column": series.name, "found": found, "expected": expected})
