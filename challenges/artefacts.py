"""What a challenge that takes artefacts says of them: an NPZ of arrays, or tables, pictures, texts and detections."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from challenges.records import RecordError
from challenges.texts import Text

ARTEFACT_KIND = "artefacts"
GRADE_FILE = "grade.py"
"""File of the package that scores artefacts."""
DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")
MODES = {"L": 1, "RGB": 3}
"""Pixels of a picture, and their channels."""
ANY = -1
"""A dimension of any size."""
ID = "*"
"""In a pattern: stands for an id."""
_RANGE = re.compile(r"(\d+)\.\.(\d+)\Z")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}\Z")
_PATTERN = re.compile(r"(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_*-]+(?:\.[a-z0-9]+)\Z")


class FileFormat(StrEnum):
    """What a file of an archive holds."""

    TABLE = "table"
    """A CSV table of numbers: the id column, and others."""
    PICTURE = "picture"
    """A PNG image."""
    TEXT = "text"
    """UTF-8 text."""
    DETECTIONS = "detections"
    """Boxes found in pictures, any number for each id, as COCO's results list them in JSON."""


@dataclass(frozen=True)
class ArraySpec:
    """One array of an NPZ file."""

    name: str
    """As in `numpy.savez(file, name=…)`."""
    dtype: str
    """`float32`, `float64`, `int32`, `int64`, `uint8` or `bool`."""
    shape: list[int | str]
    """Sizes; -1 for any size, `"1..24"` for a range."""
    description: Text
    """What it holds, in a few words."""
    finite: bool = True
    """NaN and infinity are refused."""
    minimum: float | None = None
    """The smallest legal value."""
    maximum: float | None = None
    """The largest legal value."""


@dataclass(frozen=True)
class FileSpec:
    """One file of a zip archive, or one for each id."""

    name: str
    """Under which `grade.py` finds it."""
    pattern: str
    """Path in the archive; a `*` stands for an id: `out/*.png`."""
    format: FileFormat
    """`table` (CSV of numbers), `picture` (PNG), `text` (UTF-8) or `detections` (COCO results, JSON)."""
    description: Text
    """What it holds, in a few words."""
    ids: str = ""
    """Public CSV file whose id column lists what must be there: the rows of a table, or the files of a `*`; of
    detections, the pictures that may be named."""
    file_bytes: int = 2_000_000
    """Largest file, unpacked, in bytes."""
    width: int = 0
    """Of a picture, in pixels."""
    height: int = 0
    """Of a picture, in pixels."""
    mode: str = "RGB"
    """Of a picture: `RGB` or `L` (grey), eight bits for each channel."""
    columns: list[str] = field(default_factory=list)
    """Of a table: its columns beside the id; empty: of any names."""
    most_columns: int = 0
    """Of a table whose columns are not named: how many it may have beside the id."""
    like: str = ""
    """Of a table: the name of an earlier one whose columns it must have, in the same order."""
    categories: int = 0
    """Of detections: how many categories there are, numbered from 1."""
    most_per_id: int = 0
    """Of detections: how many there may be for one id."""
    minimum: float | None = None
    """Of a table, and of a detection's box: the smallest legal number."""
    maximum: float | None = None
    """Of a table, and of a detection's box: the largest legal number."""


@dataclass(frozen=True)
class Artefacts:
    """The artefacts a challenge takes: either arrays or files."""

    arrays: list[ArraySpec] = field(default_factory=list)
    """Arrays of an NPZ file, all required."""
    files: list[FileSpec] = field(default_factory=list)
    """Files of a zip archive, all required. A single one is taken without an archive too."""
    unpacked_bytes: int = 50_000_000
    """All files of the archive together, unpacked."""
    ratio: int = 200
    """How many times its packed size a file of more than a megabyte may have."""

    @property
    def lone(self) -> FileSpec | None:
        """The only file, which need not be packed; None where there are several, or arrays."""
        is_lone = not self.arrays and len(self.files) == 1 and ID not in self.files[0].pattern
        return self.files[0] if is_lone else None

    @property
    def endings(self) -> list[str]:
        """How names of uploads end, the usual way first: `.npz`, `.zip`, or as that of a lone file, and `.zip`."""
        if self.arrays:
            return [".npz"]
        return [f".{self.lone.pattern.rpartition('.')[2]}", ".zip"] if self.lone else [".zip"]


def bounds_of(size: int | str) -> tuple[int, int | None]:
    """The least and the largest legal size of a dimension; None: any.

    Raises:
        RecordError: It is no size.
    """
    found = _RANGE.match(size) if isinstance(size, str) else None
    if found:
        return int(found[1]), int(found[2])
    if isinstance(size, str) or size < ANY:
        raise RecordError(f'artefacts: {size!r} is no size: give a number, -1, or a range such as "1..24"')
    return (0, None) if size == ANY else (size, size)


def show_shape(shape: list[int | str]) -> str:
    """A shape as participants read it, such as `(1..24, 784)`."""
    sizes = ["any" if size == ANY else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def check_artefacts(artefacts: Artefacts) -> None:
    """Raise RecordError where fields contradict each other."""
    _require(bool(artefacts.arrays) != bool(artefacts.files), "artefacts needs either arrays or files")
    names = [*(array.name for array in artefacts.arrays), *(file.name for file in artefacts.files)]
    _require(len(set(names)) == len(names), "artefacts: a name appears twice")
    for name in names:
        _require(bool(_NAME.match(name)), f"artefacts: {name!r} is no name (letters, digits and _)")
    for array in artefacts.arrays:
        _require(array.dtype in DTYPES, f"artefacts: {array.name}: dtype must be one of {', '.join(DTYPES)}")
        for least, most in map(bounds_of, array.shape):
            _require(most is None or least <= most, f"artefacts: {array.name}: a range of sizes is empty")
    for place, file in enumerate(artefacts.files):
        _check_file(file, {f.name for f in artefacts.files[:place] if f.format is FileFormat.TABLE})


def _check_file(file: FileSpec, tables: set[str]) -> None:
    about = f"artefacts: {file.name}:"
    count = file.pattern.count(ID)
    _require(bool(_PATTERN.match(file.pattern)), f"{about} pattern must be a plain relative path with an extension")
    _require(count <= 1, f"{about} pattern may hold one * at most")
    is_table, is_picture = file.format is FileFormat.TABLE, file.format is FileFormat.PICTURE
    is_found = file.format is FileFormat.DETECTIONS
    is_listed = is_table or is_found
    _require(is_listed or bool(file.ids) == bool(count), f"{about} a * goes with ids")
    _require(not is_listed or (not count and bool(file.ids)), f"{about} a {file.format} file needs ids, and no *")
    are_counted = (file.categories > 0) == is_found == (file.most_per_id > 0)
    _require(are_counted, f"{about} categories and most_per_id go with detections")
    _require(is_table == bool(file.columns or file.most_columns or file.like), f"{about} columns go with tables")
    _require(not file.like or file.like in tables, f"{about} like must name an earlier table")
    _require(is_picture == (file.width > 0 and file.height > 0), f"{about} width and height go with pictures")
    _require(file.mode in MODES, f"{about} mode must be one of {', '.join(MODES)}")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise RecordError(problem)
