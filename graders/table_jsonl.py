"""JSON Lines: one flat object per line, with the standard library's parser."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import polars as pl

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.manifest import ColumnType
from challenges.phrases import Phrase, Words, say
from graders.faults import Faults, cite
from graders.tables import UTF8_MARK, Expected, Format, check_header, raise_malformed

_KIND_NAMES = {
    bool: Phrase.TRUE_OR_FALSE,
    list: Phrase.LIST,
    dict: Phrase.OBJECT,
    str: Phrase.TEXT,
    float: Phrase.NUMBER_WITH_POINT,
}


def read(content: bytes, expected: Expected) -> pl.DataFrame:
    """Read a JSON Lines file: numbers as Float64, everything else as String.

    Raises:
        InvalidSubmission: The file or one of its lines is broken, or a value has the wrong type.
    """
    records = _parse_lines(content.removeprefix(UTF8_MARK))
    names = dict.fromkeys(key for record in records for key in record)
    if not records:
        raise InvalidSubmission.because(Reason.EMPTY_FILE)
    check_header(list(names), expected)
    numbers = {c.name for c in expected.table.columns if c.type in (ColumnType.NUMBER, ColumnType.INTEGER)}
    labels = {c.name for c in expected.table.columns if c.type is ColumnType.LABEL} | {expected.table.id}
    faults = Faults()
    columns = []
    for name in names:
        values = [record.get(name) for record in records]
        if name in numbers:
            columns.append(_number_series(name, values, faults))
        else:
            columns.append(_text_series(name, values, faults, takes_integers=name in labels))
    faults.raise_any()
    return pl.DataFrame(columns)


def _parse_lines(content: bytes) -> list[dict[str, Any]]:
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidSubmission.because(Reason.NOT_UTF8, position=error.start) from error
    records: list[dict[str, Any]] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        row = len(records) + 1
        try:
            record = decoder.decode(line)
        except RecursionError:
            raise_malformed(Format.JSONL, say(Phrase.DEEP_ROW, row=row))
        except ValueError as error:
            raise_malformed(Format.JSONL, say(Phrase.BROKEN_ROW, row=row, said=cite(error)))
        if not isinstance(record, dict):
            raise_malformed(Format.JSONL, say(Phrase.NO_OBJECT, row=row))
        records.append(record)
    return records


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        faults = Faults()
        faults.add([Fault(Reason.DUPLICATE_COLUMN, {"column": twice})])
        faults.raise_any()
    return record


def _number_series(name: str, values: list[Any], faults: Faults) -> pl.Series:
    numbers: list[float | None] = []
    for row, value in enumerate(values, 1):
        if value is None or type(value) is float:
            numbers.append(value)
        elif type(value) is int:
            numbers.append(_to_float(value))
        else:
            numbers.append(None)
            faults.add([_wrong(name, value, row, say(Phrase.NUMBER))])
    return pl.Series(name, numbers, dtype=pl.Float64)


def _text_series(name: str, values: list[Any], faults: Faults, *, takes_integers: bool) -> pl.Series:
    texts: list[str | None] = []
    for row, value in enumerate(values, 1):
        if value is None:
            texts.append(None)
        elif type(value) is str:
            # Half of a surrogate pair is legal JSON, and no text.
            texts.append(value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8"))
        elif type(value) is int and takes_integers:
            texts.append(str(value))
        else:
            texts.append(None)
            expected = say(Phrase.TEXT_OR_WHOLE if takes_integers else Phrase.TEXT)
            faults.add([_wrong(name, value, row, expected)])
    return pl.Series(name, texts, dtype=pl.String)


def _to_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _wrong(name: str, value: object, row: int, expected: Words) -> Fault:
    kind = say(_KIND_NAMES.get(type(value), Phrase.NUMBER))
    found = say(Phrase.IN_ROW, found=kind, row=row)
    return Fault(Reason.WRONG_DTYPE, {"column": name, "found": found, "expected": expected, "row": row})
