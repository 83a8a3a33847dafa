"""Specimens of prediction tables: one small file for each way in which such an upload is right, wrong or hostile."""

from __future__ import annotations

import gzip
import struct
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.lib import format as npy

from challenges.errors import Reason
from challenges.manifest import Column, ColumnType, Direction, Limits, Manifest, Metric, Table, Thresholds
from challenges.texts import Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

IDS = ["a1", "b2", "c3", "d4"]
_TEXT = Text("Specimen", "样本")
_LABELS = ["cat", "dog"]
_ROWS = {"id": IDS, "kind": ["cat", "dog", "cat", "dog"], "size": [1.0, 2.5, 3.0, 4.0]}
_CSV = "id,kind,size\na1,cat,1\nb2,dog,2.5\nc3,cat,3\nd4,dog,4\n"
_UPLOAD_BYTES = 100_000

Case = tuple[str, str, bytes, Reason | None]
"""What is special about it, file name, content, reason of refusal."""


def manifest() -> Manifest:
    """A challenge with a label, a number, two optional probabilities and an optional text."""
    probabilities = [
        Column(f"p_{label}", ColumnType.NUMBER, _TEXT, minimum=0.0, maximum=1.0, optional_group="p")
        for label in _LABELS
    ]
    columns = [
        Column("kind", ColumnType.LABEL, _TEXT, labels=_LABELS),
        Column("size", ColumnType.NUMBER, _TEXT, minimum=0.0, maximum=100.0),
        *probabilities,
        Column("note", ColumnType.TEXT, _TEXT, most_characters=20, optional_group="note"),
    ]
    return Manifest(
        schema=1,
        version=1,
        kind="predictions",
        stage="specimens",
        hours=0.0,
        title=_TEXT,
        summary=_TEXT,
        metric=Metric("accuracy", Direction.MAX, ["kind"]),
        submission=Table("id", columns, probability_groups=["p"]),
        thresholds=Thresholds(0.0, 0.5, 1.0),
        data_licence="CC0-1.0",
        limits=Limits(upload_bytes=_UPLOAD_BYTES),
    )


def cases() -> list[Case]:
    """All specimens."""
    return [*_right(), *_wrong_files(), *_wrong_headers(), *_wrong_cells(), *_hostile()]


def _right() -> list[Case]:
    lines = _CSV.splitlines()
    shuffled = "\n".join([lines[0], *reversed(lines[1:])])
    with_probabilities = "\n".join(
        [lines[0] + ",p_cat,p_dog", *(f"{line},0.25,0.75" for line in lines[1:])],
    )
    frame, parquet = pl.DataFrame(_ROWS), BytesIO()
    frame.write_parquet(parquet)
    return [
        ("plain CSV", "p.csv", _CSV.encode(), None),
        ("rows in another order, no final line feed", "p.csv", shuffled.encode(), None),
        ("byte order mark", "p.csv", b"\xef\xbb\xbf" + _CSV.encode(), None),
        ("CRLF", "p.csv", _CSV.replace("\n", "\r\n").encode(), None),
        ("optional columns", "p.csv", with_probabilities.encode(), None),
        ("Parquet", "p.parquet", parquet.getvalue(), None),
        ("JSON Lines", "p.jsonl", frame.write_ndjson().encode(), None),
        ("NPZ", "p.npz", _npz({name: np.array(values) for name, values in _ROWS.items()}), None),
    ]


def _wrong_files() -> list[Case]:
    return [
        ("nothing", "p.csv", b"", Reason.EMPTY_FILE),
        ("blank lines only", "p.csv", b"\r\n \n", Reason.EMPTY_FILE),
        ("too many bytes", "p.csv", _CSV.encode() + b" " * _UPLOAD_BYTES, Reason.TOO_LARGE),
        ("a web page", "p.csv", b"<!DOCTYPE html><html></html>", Reason.WRONG_TYPE),
        ("gzip", "p.csv.gz", gzip.compress(_CSV.encode()), Reason.WRONG_TYPE),
        ("a zip archive of a table", "p.zip", _zip({"p.csv": _CSV.encode()}), Reason.WRONG_TYPE),
        ("UTF-16", "p.csv", _CSV.encode("utf-16"), Reason.NOT_UTF8),
        ("UTF-16 without mark", "p.csv", _CSV.encode("utf-16-le"), Reason.NOT_UTF8),
        ("Latin-1", "p.csv", _CSV.replace("cat", "caf\xe9").encode("latin-1"), Reason.NOT_UTF8),
        ("a row with too many cells", "p.csv", _CSV.replace("a1,cat", "a1,,cat").encode(), Reason.MALFORMED),
        ("an open quotation mark", "p.csv", _CSV.replace("cat", '"cat', 1).encode(), Reason.MALFORMED),
        ("half a JSON line", "p.jsonl", b'{"id": "a1", "kind":\n', Reason.MALFORMED),
        ("a cut Parquet file", "p.parquet", b"PAR1" + bytes(40), Reason.MALFORMED),
        ("a cut NPZ file", "p.npz", b"PK\x03\x04" + bytes(40), Reason.MALFORMED),
    ]


def _wrong_headers() -> list[Case]:
    many = "id," + ",".join(f"c{i}" for i in range(5000)) + "\n"
    return [
        ("an unknown column", "p.csv", _CSV.replace("size", "mass").encode(), Reason.UNKNOWN_COLUMN),
        ("a missing column", "p.csv", b"id,kind\na1,cat\n", Reason.MISSING_COLUMN),
        ("one of two probabilities", "p.csv", b"id,kind,size,p_cat\na1,cat,1,1\n", Reason.MISSING_COLUMN),
        ("a column twice", "p.csv", b"id,kind,size,kind\na1,cat,1,cat\n", Reason.DUPLICATE_COLUMN),
        ("thousands of columns", "p.csv", many.encode(), Reason.TOO_MANY_COLUMNS),
        ("a key twice", "p.jsonl", b'{"id": "a1", "id": "b2"}\n', Reason.DUPLICATE_COLUMN),
    ]


def _wrong_cells() -> list[Case]:
    def with_size(cell: str) -> bytes:
        return _CSV.replace("2.5", cell).encode()

    def with_note(text: str) -> bytes:
        header, *lines = _CSV.splitlines()
        return "\n".join([f"{header},note", *(f"{line},{text}" for line in lines)]).encode()

    cut = _CSV.splitlines()[:-1]
    return [
        ("a text", "p.csv", with_note("quite small"), None),
        ("a long text", "p.csv", with_note("very " * 9), Reason.TEXT_TOO_LONG),
        ("a text with a mark of direction", "p.csv", with_note("small\u202e"), Reason.INVISIBLE_CHARACTER),
        ("an empty cell", "p.csv", with_size(""), Reason.EMPTY_CELL),
        ("text for a number", "p.csv", with_size("much"), Reason.NOT_A_NUMBER),
        ("NaN", "p.csv", with_size("NaN"), Reason.NOT_FINITE),
        ("infinity", "p.csv", with_size("-inf"), Reason.NOT_FINITE),
        ("a number beyond float64", "p.csv", with_size("1e999"), Reason.NOT_FINITE),
        ("below the range", "p.csv", with_size("-0.1"), Reason.OUT_OF_RANGE),
        ("above the range", "p.csv", with_size("100.1"), Reason.OUT_OF_RANGE),
        ("a large cell", "p.csv", with_size("1" * 20_000), Reason.CELL_TOO_LARGE),
        ("an unknown label", "p.csv", _CSV.replace("dog", "cow").encode(), Reason.UNKNOWN_LABEL),
        ("an id twice", "p.csv", (_CSV + "a1,cat,1\n").encode(), Reason.DUPLICATE_ID),
        ("an id too many", "p.csv", (_CSV + "e5,cat,1\n").encode(), Reason.UNKNOWN_ID),
        ("an id too few", "p.csv", "\n".join(cut).encode(), Reason.MISSING_ID),
        (
            "probabilities that sum to 2",
            "p.csv",
            b"id,kind,size,p_cat,p_dog\n" + b"".join(f"{i},cat,1,1,1\n".encode() for i in IDS),
            Reason.OUT_OF_RANGE,
        ),
        ("text for a number in JSON", "p.jsonl", b'{"id": "a1", "kind": "cat", "size": "1"}', Reason.WRONG_DTYPE),
        ("a list in JSON", "p.jsonl", b'{"id": "a1", "kind": "cat", "size": [1]}', Reason.WRONG_DTYPE),
        ("a table in NPZ", "p.npz", _npz({**_arrays(), "size": np.ones((4, 2))}), Reason.WRONG_SHAPE),
    ]


def _hostile() -> list[Case]:
    long = 200_000
    bomb, repeated = BytesIO(), BytesIO()
    pl.DataFrame({"id": ["a1"] * long, "kind": ["cat"] * long, "size": np.zeros(long)}).write_parquet(bomb)
    big = pl.DataFrame({"id": IDS, "kind": ["cat" * 20_000] * 4, "size": np.zeros(4)})
    big.write_parquet(repeated)
    pickled = (
        npy.magic(1, 0) + struct.pack("<H", 62) + b"{'descr': '|O', 'fortran_order': False, 'shape': (4,), }".ljust(62)
    )
    zeros = _npz({**_arrays(), "size": np.zeros(long)})
    deep = b'{"id": ' + b"[" * 50_000
    return [
        ("Parquet that expands", "p.parquet", bomb.getvalue(), Reason.EXPANDS_TOO_MUCH),
        ("Parquet with a large cell", "p.parquet", repeated.getvalue(), Reason.CELL_TOO_LARGE),
        ("NPZ that expands", "p.npz", zeros, Reason.EXPANDS_TOO_MUCH),
        ("NPZ with pickles", "p.npz", _npz(_arrays(), {"size.npy": pickled}), Reason.PICKLED_OBJECT),
        ("JSON nested deeply", "p.jsonl", deep, Reason.MALFORMED),
    ]


def _arrays() -> dict[str, NDArray[np.generic]]:
    return {"id": np.array(IDS), "kind": np.array(_ROWS["kind"])}


def _npz(arrays: dict[str, NDArray[np.generic]], files: dict[str, bytes] | None = None) -> bytes:
    members = dict(files or {})
    for name, array in arrays.items():
        buffer = BytesIO()
        npy.write_array(buffer, array, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    return _zip(members)


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()
