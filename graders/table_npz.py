"""NPZ: one flat array per column; the zip directory and each array's header are read before anything is unpacked."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.lib import format as npy

from challenges.errors import Fault, InvalidSubmission, Reason
from challenges.phrases import Code, Phrase, say
from graders.faults import Faults, quote, show_text
from graders.tables import CELL_BYTES, FORMAT_NAMES, Expected, Format, check_expansion, check_header, raise_malformed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUFFIX = ".npy"
_HEADER_BYTES = 10_000
_ENTRY_BYTES = 4096
"""What one entry of a zip directory may have; more is no array of a column."""
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_KINDS = "iufUS"
_CHARACTER_BYTES = 4
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    OverflowError,
    ValueError,
)
"""What zipfile raises when an archive is broken."""


def read(content: bytes, expected: Expected) -> pl.DataFrame:
    """Read an NPZ file: one array per column, named after it.

    Raises:
        InvalidSubmission: The archive is broken, would expand too much, holds pickled objects, or an array has a
            wrong shape or type.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = _check_directory(archive, expected)
            arrays = {name: _read_array(archive, member, name, expected) for name, member in members.items()}
    except _BROKEN as e:
        raise_malformed(Format.NPZ, quote(e))
    _check_lengths(arrays, expected)
    return pl.DataFrame([_to_series(name, array) for name, array in arrays.items()])


def _check_directory(archive: zipfile.ZipFile, expected: Expected) -> dict[str, zipfile.ZipInfo]:
    """The members by column name; names, number, encryption and whole size checked."""
    members = archive.infolist()
    names = [m.filename.removesuffix(_SUFFIX) for m in members]
    check_header(names, expected)
    if any(m.flag_bits & 1 for m in members):
        raise_malformed(Format.NPZ, say(Phrase.ENCRYPTED))
    check_expansion(sum(m.file_size for m in members), expected)
    return dict(zip(names, members, strict=True))


def _read_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, expected: Expected) -> NDArray[Any]:
    """Read one array, its header first: shape, type and size must be what they claim."""
    with archive.open(member) as file:
        shape, dtype = _read_header(file, name)
        if dtype.hasobject:
            raise InvalidSubmission.because(Reason.PICKLED_OBJECT, column=name)
        if dtype.kind not in _KINDS:
            raise InvalidSubmission.because(
                Reason.WRONG_DTYPE, column=name, found=quote(dtype), expected=say(Phrase.PLAIN_ARRAY)
            )
        if len(shape) != 1:
            raise InvalidSubmission([_wrong_shape(name, shape, expected.rows)])
        if dtype.itemsize > _CHARACTER_BYTES * CELL_BYTES:
            raise InvalidSubmission.because(Reason.CELL_TOO_LARGE, row=1, limit_bytes=CELL_BYTES)
        size_bytes = shape[0] * dtype.itemsize
        check_expansion(size_bytes, expected)
        content = file.read(size_bytes + 1)
    if len(content) != size_bytes:
        raise_malformed(Format.NPZ, say(Phrase.ARRAY_SIZE, name=show_text(name)))
    return np.frombuffer(content, dtype=dtype)


def _read_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        reader = _READERS[npy.read_magic(file)]
        shape, _, dtype = reader(file, max_header_size=_HEADER_BYTES)
    # numpy parses the header as a literal: anything may go wrong with a hostile one.
    except (ValueError, KeyError, TypeError, SyntaxError, MemoryError, RecursionError, IndexError) as error:
        problem = say(Phrase.ARRAY_HEADER, name=show_text(name))
        raise InvalidSubmission.because(Reason.MALFORMED, expected=FORMAT_NAMES[Format.NPZ], problem=problem) from error
    return shape, dtype


def _check_lengths(arrays: dict[str, NDArray[Any]], expected: Expected) -> None:
    longest = len(arrays[expected.table.id])
    faults = Faults()
    for name, array in arrays.items():
        if len(array) != longest:
            faults.add([_wrong_shape(name, array.shape, longest)])
    faults.raise_any()


def _to_series(name: str, array: NDArray[Any]) -> pl.Series:
    """The array as polars holds it: text as String, half floats widened, byte order made native."""
    if array.dtype.kind == "S":
        return pl.Series(name, [cell.decode("utf-8", "replace") for cell in array.tolist()], dtype=pl.String)
    if array.dtype.kind == "U":
        try:
            return pl.Series(name, array.tolist(), dtype=pl.String)
        except (UnicodeError, ValueError):
            return pl.Series(name, ["\N{REPLACEMENT CHARACTER}"] * len(array), dtype=pl.String)
    if array.dtype.kind == "f":
        return pl.Series(name, array.astype(np.float64))
    return pl.Series(name, array.astype(array.dtype.newbyteorder("=")))


def _wrong_shape(name: str, shape: tuple[int, ...], rows: int) -> Fault:
    return Fault(Reason.WRONG_SHAPE, {"column": name, "found": show_text(str(shape)), "expected": Code(f"({rows},)")})
