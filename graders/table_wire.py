"""A parsed table as the arrays of a frame, and back: the second half believes nothing of the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from challenges.manifest import ColumnType
from graders.alignment import HASH
from graders.columns import is_legal
from graders.faults import Faults, dump_faults, parse_faults
from graders.parsing import Parsed
from graders.sandbox.frames import BrokenFrame
from graders.texts import find_faults

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from challenges.manifest import Column
    from graders.sandbox.frames import Frame
    from graders.tables import Expected

_ID = "id"
_HASHES = "id.hashes"
_COLUMN = "column "
_SEPARATOR = "\0"
"""Between texts that travel together; no id and no text that is worth a score holds one."""


def dump_parsed(parsed: Parsed, seed: int | None = None) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Note and arrays of a frame.

    Args:
        parsed: The table.
        seed: Text ids without a fault may travel as their hashes, which takes half the time and memory.
    """
    arrays: dict[str, NDArray[Any]] = {}
    empty = parsed.ids.is_null()
    if empty.any():
        arrays[f"{_ID}.empty"] = empty.to_numpy()
    if parsed.ids.dtype == pl.String and seed is not None and not parsed.faults and not empty.any():
        arrays[_HASHES] = parsed.ids.hash(seed).to_numpy().view(np.int64)
    elif parsed.ids.dtype == pl.String:
        _dump_text(_ID, parsed.ids.fill_null(""), arrays)
    else:
        arrays[_ID] = _whole(parsed.ids.fill_null(0)).to_numpy()
    for name, values in parsed.columns.items():
        if values.dtype == object:
            _dump_text(_COLUMN + name, pl.Series(values, dtype=pl.String), arrays)
        else:
            arrays[_COLUMN + name] = values
    return {"is_typed": parsed.is_typed, **dump_faults(parsed.faults.listed, parsed.faults.count)}, arrays


def dump_plain(ids: NDArray[Any], columns: dict[str, NDArray[Any]]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """As `dump_parsed`, of what `table_plain.read` found."""
    arrays = {_COLUMN + name: values for name, values in columns.items()}
    if ids.dtype == np.uint8:
        rows = np.count_nonzero(ids == 0) + 1
        arrays |= {f"{_ID}.bytes": ids, f"{_ID}.rows": np.array([rows])}
    else:
        arrays[_ID] = ids
    return {"is_typed": True, **dump_faults([], 0)}, arrays


def load_parsed(frame: Frame, expected: Expected) -> Parsed:
    """The parsed table of a frame.

    Raises:
        BrokenFrame: It cannot have come from `dump_parsed`.
    """
    arrays = frame.arrays
    ids = _load_ids(arrays)
    if f"{_ID}.empty" in arrays:
        empty = _flat(arrays, f"{_ID}.empty", len(ids))
        if empty.dtype != np.bool_:
            raise BrokenFrame("a mask of another type")
        ids = ids.set(pl.Series(empty), None)
    columns = {
        column.name: _load_column(column, arrays, len(ids))
        for column in expected.table.columns
        if _COLUMN + column.name in arrays or f"{_COLUMN}{column.name}.bytes" in arrays
    }
    is_typed = frame.note.get("is_typed") is True
    parsed = Parsed(ids.rename(expected.table.id), columns, is_typed=is_typed, is_hashed=ids.dtype == HASH)
    parsed.faults.restore(*parse_faults(frame.note))
    return parsed


def _load_ids(arrays: dict[str, NDArray[Any]]) -> pl.Series:
    if f"{_ID}.bytes" in arrays:
        return _load_text(_ID, arrays)
    found = _flat(arrays, _HASHES if _HASHES in arrays else _ID)
    if found.dtype not in (np.int64, np.uint32) or (_HASHES in arrays and found.dtype != np.int64):
        raise BrokenFrame("ids of another type")
    return pl.Series(_ID, found.view(np.uint64) if _HASHES in arrays else found)


def _load_column(column: Column, arrays: dict[str, NDArray[Any]], rows: int) -> NDArray[Any]:
    name = _COLUMN + column.name
    if column.type is ColumnType.TEXT:
        texts = _load_text(name, arrays)
        if len(texts) != rows:
            raise BrokenFrame("columns of different lengths")
        found = Faults()
        find_faults(texts, column, found)
        if found:
            raise BrokenFrame("texts that are not legal")
        return texts.to_numpy()
    values = _flat(arrays, name, rows)
    if column.type is not ColumnType.LABEL:
        if values.dtype != np.float64 or not is_legal(column, values):
            raise BrokenFrame("numbers that are not legal")
        return values
    is_code = values.dtype in (np.uint8, np.int32)
    if not is_code or (rows and not 0 <= values.min() <= values.max() < len(column.labels)):
        raise BrokenFrame("codes that are no labels")
    return values


def _dump_text(name: str, series: pl.Series, arrays: dict[str, NDArray[Any]]) -> None:
    plain = series.str.replace_all(_SEPARATOR, "\N{REPLACEMENT CHARACTER}", literal=True)
    text = "" if series.is_empty() else plain.str.join(_SEPARATOR).item()
    arrays[f"{name}.bytes"] = np.frombuffer(text.encode(), dtype=np.uint8)
    arrays[f"{name}.rows"] = np.array([len(series)])


def _load_text(name: str, arrays: dict[str, NDArray[Any]]) -> pl.Series:
    content, rows = _flat(arrays, f"{name}.bytes"), _flat(arrays, f"{name}.rows", 1)
    if content.dtype != np.uint8 or rows.dtype != np.int64:
        raise BrokenFrame("text of another type")
    if not rows[0]:
        return pl.Series(name, dtype=pl.String)
    try:
        text = content.tobytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BrokenFrame("text that is not UTF-8") from error
    texts = pl.Series(name, [text]).str.split(_SEPARATOR).explode()
    if len(texts) != rows[0]:
        raise BrokenFrame("text of another length")
    return texts


def _flat(arrays: dict[str, NDArray[Any]], name: str, rows: int | None = None) -> NDArray[Any]:
    found = arrays.get(name)
    if found is None or found.ndim != 1 or (rows is not None and len(found) != rows):
        raise BrokenFrame(f"no {name}")
    return found


def _whole(ids: pl.Series) -> pl.Series:
    """Ids in one of the two types that travel; what cannot be an id becomes one that nobody has."""
    if ids.dtype in (pl.UInt32, pl.Int64):
        return ids
    return ids.cast(pl.Int64, strict=False).fill_null(-1)
