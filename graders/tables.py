"""Uploaded tables, strictly: what the file is, whether its header fits, and its columns as polars reads them.

Nothing is expanded here before its size is known: compressed files are refused by their first bytes, and Parquet and
NPZ announce their size in directories that are read first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, Words, say
from graders.faults import Faults

if TYPE_CHECKING:
    import polars as pl

    from challenges.manifest import Column, Limits, Table

HEAD_BYTES = 4096
"""How much of a file is looked at to tell what it is."""
CELL_BYTES = 10_000
"""Largest cell, in bytes."""
EXPANSION = 10
"""How many times the upload limit a compressed file may have when unpacked."""
SPARE_COLUMNS = 100
"""Columns beyond the expected ones that are still named one by one."""


class Format(StrEnum):
    """The formats a predictions table may come in."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"
    NPZ = "npz"


FORMAT_NAMES = {
    Format.CSV: Code("CSV"),
    Format.PARQUET: Code("Parquet"),
    Format.JSONL: Code("JSON Lines"),
    Format.NPZ: Code("NumPy .npz"),
}

_ZLIB = say(Phrase.ARCHIVE, format=Code("zlib"))
_SIGNATURES: tuple[tuple[bytes, Words | Code], ...] = (
    (b"\x1f\x8b", say(Phrase.ARCHIVE, format=Code("gzip"))),
    (b"BZh", say(Phrase.ARCHIVE, format=Code("bzip2"))),
    (b"\xfd7zXZ\x00", say(Phrase.ARCHIVE, format=Code("xz"))),
    (b"\x28\xb5\x2f\xfd", say(Phrase.ARCHIVE, format=Code("zstd"))),
    (b"7z\xbc\xaf\x27\x1c", say(Phrase.ARCHIVE, format=Code("7-Zip"))),
    (b"Rar!", say(Phrase.ARCHIVE, format=Code("RAR"))),
    (b"x\x9c", _ZLIB),
    (b"x\xda", _ZLIB),
    (b"x\x01", _ZLIB),
    (b"\x89PNG", say(Phrase.IMAGE, format=Code("PNG"))),
    (b"\xff\xd8\xff", say(Phrase.IMAGE, format=Code("JPEG"))),
    (b"GIF8", say(Phrase.IMAGE, format=Code("GIF"))),
    (b"%PDF", say(Phrase.DOCUMENT, format=Code("PDF"))),
    (b"\x7fELF", say(Phrase.PROGRAM)),
    (b"MZ\x90", say(Phrase.PROGRAM)),
    (b"\x93NUMPY", Code("NumPy .npy")),
    (b"\x89HDF", Code("HDF5")),
    (b"ARROW1", Code("Arrow")),
    (b"SQLite format 3", say(Phrase.DATABASE, format=Code("SQLite"))),
    (b"\xd0\xcf\x11\xe0", say(Phrase.OFFICE_DOCUMENT)),
    *((bytes((0x80, protocol)), say(Phrase.PICKLE)) for protocol in range(2, 6)),
)
_ZIP_MEMBERS = (
    (b"[Content_Types].xml", say(Phrase.OFFICE_DOCUMENT)),
    (b"archive/data.pkl", say(Phrase.TORCH_PICKLE)),
)
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Expected:
    """What an upload must look like, and how large it may grow: made once for a challenge."""

    table: Table
    limits: Limits
    rows: int
    """Number of hidden rows."""
    id_type: type[pl.DataType]
    """What ids are read as where they are text in the file."""

    @property
    def names(self) -> list[str]:
        """The id column, then all others, in the manifest's order."""
        return [self.table.id, *(column.name for column in self.table.columns)]

    @property
    def header(self) -> Code:
        """The header as told to participants; optional columns in brackets."""
        required = [self.table.id, *(c.name for c in self.table.columns if not c.optional_group)]
        optional = [c.name for c in self.table.columns if c.optional_group]
        return Code(",".join(required) + (f"[,{','.join(optional)}]" if optional else ""))

    @property
    def expanded_bytes(self) -> int:
        """Most bytes that a file may have when unpacked."""
        return min(EXPANSION * self.limits.upload_bytes, self.limits.memory_bytes // 4)

    def present(self, names: set[str]) -> list[Column]:
        """The manifest's columns among `names`."""
        return [column for column in self.table.columns if column.name in names]


def sniff(content: bytes, filename: str, expected: Expected) -> Format:
    """Tell the format of a file by its first bytes (and CSV from JSON Lines also by its name).

    Raises:
        InvalidSubmission: EMPTY_FILE, TOO_LARGE, NOT_UTF8, or WRONG_TYPE where the challenge does not take the format.
    """
    size_bytes, head = len(content), content[:HEAD_BYTES]
    if size_bytes > expected.limits.upload_bytes:
        raise InvalidSubmission.because(
            Reason.TOO_LARGE, size_bytes=size_bytes, limit_bytes=expected.limits.upload_bytes
        )
    if not head.removeprefix(UTF8_MARK).strip():
        raise InvalidSubmission.because(Reason.EMPTY_FILE)
    found, name = _recognise(head, filename)
    if found is None or found.value not in expected.table.formats:
        formats = [FORMAT_NAMES[Format(f)] for f in expected.table.formats]
        raise InvalidSubmission.because(Reason.WRONG_TYPE, found=name, expected=Code(", ".join(formats)))
    return found


def check_header(names: list[str], expected: Expected) -> None:
    """Compare column names with the manifest, in any order.

    Raises:
        InvalidSubmission: TOO_MANY_COLUMNS, or each DUPLICATE_COLUMN, UNKNOWN_COLUMN and MISSING_COLUMN.
    """
    legal = expected.names
    if len(names) > len(legal) + SPARE_COLUMNS:
        raise_columns(len(names), expected)
    given = set(names)
    faults = Faults()
    for name in sorted({n for n in names if names.count(n) > 1}):
        faults.add([Fault(Reason.DUPLICATE_COLUMN, {"column": name})])
    for name in dict.fromkeys(names):
        if name not in legal:
            faults.add([Fault(Reason.UNKNOWN_COLUMN, {"column": name, "expected": expected.header})])
    for name in _required(given, expected):
        if name not in given:
            faults.add([Fault(Reason.MISSING_COLUMN, {"column": name, "expected": expected.header})])
    faults.raise_any()


def raise_columns(found: int, expected: Expected) -> NoReturn:
    """Refuse a file for the number of its columns."""
    raise InvalidSubmission.because(Reason.TOO_MANY_COLUMNS, found=found, expected=len(expected.names))


def raise_malformed(format_: Format, problem: Words | Code) -> NoReturn:
    """Refuse a file that is broken as such."""
    raise InvalidSubmission.because(Reason.MALFORMED, expected=FORMAT_NAMES[format_], problem=problem)


def check_expansion(size_bytes: int, expected: Expected) -> None:
    """Refuse a file that would be too large when unpacked."""
    if size_bytes > expected.expanded_bytes:
        raise InvalidSubmission.because(
            Reason.EXPANDS_TOO_MUCH, size_bytes=size_bytes, limit_bytes=expected.expanded_bytes
        )


def _required(given: set[str], expected: Expected) -> list[str]:
    """Names that must be there: a column of an optional group as soon as another one of its group is."""
    columns = expected.table.columns
    begun = {c.optional_group for c in columns if c.optional_group and c.name in given}
    return [expected.table.id, *(c.name for c in columns if not c.optional_group or c.optional_group in begun)]


def _recognise(head: bytes, filename: str) -> tuple[Format | None, Words | Code]:
    """The format and its name; None with a name for what no challenge takes."""
    if head.startswith(b"PAR1"):
        return Format.PARQUET, FORMAT_NAMES[Format.PARQUET]
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _recognise_zip(head, filename)
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return None, name
    if head.startswith(_UTF16_MARKS):
        raise InvalidSubmission.because(Reason.NOT_UTF8, position=0)
    _check_text(head)
    return _recognise_text(head.removeprefix(UTF8_MARK).lstrip(), filename.lower())


def _recognise_zip(head: bytes, filename: str) -> tuple[Format | None, Words | Code]:
    for member, name in _ZIP_MEMBERS:
        if member in head:
            return None, name
    is_npz = b".npy" in head or filename.lower().endswith(".npz")
    return (Format.NPZ, FORMAT_NAMES[Format.NPZ]) if is_npz else (None, say(Phrase.ZIP))


def _recognise_text(text: bytes, filename: str) -> tuple[Format | None, Words | Code]:
    if text[:15].lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return None, say(Phrase.WEB_PAGE)
    if text.startswith(b"[") and filename.endswith((".json", ".jsonl", ".ndjson")):
        return None, say(Phrase.JSON_ARRAY)
    is_lines = text.startswith(b"{") or filename.endswith((".jsonl", ".ndjson"))
    format_ = Format.JSONL if is_lines else Format.CSV
    return format_, FORMAT_NAMES[format_]


def _check_text(head: bytes) -> None:
    """Refuse what is not UTF-8 text within the first bytes; a zero byte is UTF-16's or a binary file's."""
    position = head.find(b"\0")
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        is_cut = error.end == len(head) == HEAD_BYTES and error.reason == "unexpected end of data"
        if not is_cut:
            position = error.start if position < 0 else min(position, error.start)
    if position >= 0:
        raise InvalidSubmission.because(Reason.NOT_UTF8, position=position)
