"""Specimens of artefacts: one small archive for each way in which such an upload is right, wrong or hostile."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.lib import format as npy

from challenges.artefacts import ArraySpec, Artefacts, FileFormat, FileSpec
from challenges.errors import Reason
from challenges.manifest import Direction, Limits, Manifest, Metric, Table, Thresholds
from challenges.texts import Text
from graders.alignment import AnswerIndex
from graders.artefacts.archives import Member, encrypt, pack, png
from graders.artefacts.specimen_detections import DETECTIONS, Row, rows_of_detections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from graders.artefacts.placing import Indices

IDS = ["a1", "b2", "c3"]
_TEXT = Text("Specimen", "样本")
_SIDE = 8
_UPLOAD_BYTES, _UNPACKED_BYTES, _FILE_BYTES = 1_000_000, 4_000_000, 100_000
ARRAYS = Artefacts(
    arrays=[
        ArraySpec("mean", "float32", [4], _TEXT),
        ArraySpec("basis", "float32", ["1..3", 4], _TEXT, minimum=-10.0, maximum=10.0),
        ArraySpec("codes", "uint8", [-1], _TEXT),
    ],
    unpacked_bytes=_UNPACKED_BYTES,
)
FILES = Artefacts(
    files=[
        FileSpec("train", "train.csv", FileFormat.TABLE, _TEXT, "rows.csv", _FILE_BYTES, most_columns=3),
        FileSpec("test", "test.csv", FileFormat.TABLE, _TEXT, "rows.csv", _FILE_BYTES, like="train"),
        FileSpec("out", "out/*.png", FileFormat.PICTURE, _TEXT, "rows.csv", _FILE_BYTES, width=_SIDE, height=_SIDE),
        FileSpec("notes", "notes.txt", FileFormat.TEXT, _TEXT, file_bytes=_FILE_BYTES),
    ],
    unpacked_bytes=_UNPACKED_BYTES,
)


@dataclass(frozen=True)
class Case:
    """One upload."""

    name: str
    """What is special about it."""
    content: bytes
    reason: Reason | None
    """Why it must be refused; None: it must be read."""
    artefacts: Artefacts

    @property
    def filename(self) -> str:
        """As participants name it."""
        return f"s{self.artefacts.endings[0]}"

    @property
    def manifest(self) -> Manifest:
        """A challenge that takes such artefacts."""
        return make_manifest(self.artefacts)


def make_manifest(artefacts: Artefacts) -> Manifest:
    """A challenge that takes certain artefacts."""
    return Manifest(
        schema=1,
        version=1,
        kind="artefacts",
        stage="specimens",
        hours=0.0,
        title=_TEXT,
        summary=_TEXT,
        metric=Metric("specimen", Direction.MAX),
        submission=Table("id"),
        thresholds=Thresholds(0.0, 0.5, 1.0),
        data_licence="CC0-1.0",
        limits=Limits(upload_bytes=_UPLOAD_BYTES, grade_seconds=20),
        artefacts=artefacts,
    )


def indices() -> Indices:
    """Ids that must be there."""
    return {"rows.csv": AnswerIndex(pl.Series("id", IDS))}


def cases() -> list[Case]:
    """All specimens."""
    arrays = [*_right_arrays(), *_wrong_arrays(), *_hostile_arrays(), *_wrong_archives()]
    files = [*_right_files(), *_wrong_files(), *_hostile_files()]
    several = ((arrays, ARRAYS), (files, FILES), (rows_of_detections(), DETECTIONS))
    return [Case(*row, artefacts) for rows, artefacts in several for row in rows]


def arrays_with(**others: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The right arrays, some of them replaced."""
    right: dict[str, NDArray[Any]] = {
        "mean": np.zeros(4, np.float32),
        "basis": np.ones((2, 4), np.float32),
        "codes": np.arange(5, dtype=np.uint8),
    }
    return {**right, **others}


def npz(arrays: Mapping[str, NDArray[Any]], raw: Mapping[str, bytes] | None = None) -> bytes:
    """An NPZ file, some of its members as raw bytes."""
    members = []
    for name, array in arrays.items():
        buffer = BytesIO()
        npy.write_array(buffer, array, allow_pickle=False)
        members.append(Member(f"{name}.npy", (raw or {}).get(name, buffer.getvalue())))
    return pack(members)


def _right_arrays() -> list[Row]:
    mixed = dict(reversed(arrays_with(mean=np.zeros(4, ">f4")).items()))
    return [
        ("plain arrays", npz(arrays_with()), None),
        ("arrays in another order of names and bytes", npz(mixed), None),
        ("an array in the order of Fortran", npz(arrays_with(basis=np.asfortranarray(np.ones((3, 4), "f4")))), None),
        ("an empty array where any size is right", npz(arrays_with(codes=np.zeros(0, np.uint8))), None),
    ]


def _wrong_arrays() -> list[Row]:
    one = np.ones((2, 4), np.float32)
    rest = {name: array for name, array in arrays_with().items() if name != "basis"}
    nan, beyond = one.copy(), one.copy()
    nan[1, 2], beyond[0, 3] = np.nan, 10.5
    return [
        ("a missing array", npz(rest), Reason.MISSING_MEMBER),
        ("an unknown array", npz(arrays_with(more=one)), Reason.UNKNOWN_MEMBER),
        ("another type", npz(arrays_with(basis=one.astype(np.float64))), Reason.WRONG_MEMBER),
        ("text", npz(arrays_with(basis=np.array(["x"]))), Reason.WRONG_MEMBER),
        ("another rank", npz(arrays_with(basis=one[0])), Reason.WRONG_SHAPE),
        ("another size", npz(arrays_with(mean=np.zeros(5, np.float32))), Reason.WRONG_SHAPE),
        ("a size beyond the range", npz(arrays_with(basis=np.ones((4, 4), np.float32))), Reason.WRONG_SHAPE),
        ("NaN", npz(arrays_with(basis=nan)), Reason.MEMBER_NOT_FINITE),
        ("infinity", npz(arrays_with(mean=np.full(4, -np.inf, np.float32))), Reason.MEMBER_NOT_FINITE),
        ("a number beyond the bounds", npz(arrays_with(basis=beyond)), Reason.MEMBER_OUT_OF_RANGE),
    ]


def _hostile_arrays() -> list[Row]:
    def header(text: str) -> bytes:
        padded = text.encode().ljust(118)
        return npy.magic(1, 0) + struct.pack("<H", len(padded)) + padded

    pickled = header("{'descr': '|O', 'fortran_order': False, 'shape': (2, 4), }") + b"\x80\x04N."
    huge = header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 274877906944), }")
    short = header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }") + bytes(8)
    deep = header("(" * 50 + ")" * 50)
    bomb = npz(arrays_with(codes=np.zeros(_UNPACKED_BYTES, np.uint8)))
    ratio = npz(arrays_with(codes=np.zeros(_UNPACKED_BYTES - 5000, np.uint8)))
    many = pack([Member(f"a{number}.npy", b"") for number in range(3000)])
    twice = pack([*(Member(f"{name}.npy", b"") for name in arrays_with()), Member("mean.npy", b"")])
    return [
        ("pickled objects", npz(arrays_with(), {"basis": pickled}), Reason.PICKLED_OBJECT),
        ("a header of terabytes", npz(arrays_with(), {"basis": huge}), Reason.WRONG_SHAPE),
        ("fewer numbers than promised", npz(arrays_with(), {"basis": short}), Reason.MALFORMED),
        ("no header", npz(arrays_with(), {"basis": deep}), Reason.MALFORMED),
        ("an array that expands", bomb, Reason.EXPANDS_TOO_MUCH),
        ("an array that packs too well", ratio, Reason.EXPANDS_TOO_MUCH),
        ("thousands of members", many, Reason.TOO_MANY_MEMBERS),
        ("a member twice", twice, Reason.DUPLICATE_MEMBER),
        ("an encrypted archive", encrypt(npz(arrays_with())), Reason.UNSAFE_MEMBER),
    ]


def _wrong_archives() -> list[Row]:
    whole = npz(arrays_with())
    return [
        ("an empty file", b"", Reason.EMPTY_FILE),
        ("a single array", npy.magic(1, 0) + bytes(100), Reason.WRONG_TYPE),
        ("text", b"id,mean\n", Reason.WRONG_TYPE),
        ("a file that is too large", whole + bytes(_UPLOAD_BYTES), Reason.TOO_LARGE),
        ("half an archive", whole[: len(whole) // 2], Reason.MALFORMED),
        ("an archive of zeros", b"PK\x03\x04" + bytes(60), Reason.MALFORMED),
    ]


SHEET = b"id,age,pay\na1,1,2.5\nb2,3,4\nc3,-5,1e3\n"


def files_with(**others: bytes | None) -> list[Member]:
    """The right files, some replaced, or left out where None; `train_csv` stands for `train.csv`."""
    right = {
        "train.csv": SHEET,
        "test.csv": b"id,age,pay\nc3,1,2\na1,3,4\nb2,5,6\n",
        "notes.txt": "what I did: 中文".encode(),
        **{f"out/{name}.png": png(_SIDE, _SIDE) for name in IDS},
    }
    keys = {name: name.replace(".", "_").replace("/", "_") for name in right}
    changed = {name: others.get(key, right[name]) for name, key in keys.items()}
    return [Member(name, content) for name, content in changed.items() if content is not None]


def _right_files() -> list[Row]:
    folder = [Member("out/", b""), Member("__MACOSX/._train.csv", b"x"), *reversed(files_with())]
    marked = b"\xef\xbb\xbf" + SHEET.replace(b"\n", b"\r\n")
    return [
        ("plain files", pack(files_with()), None),
        ("files in another order, with folders and what a file manager adds", pack(folder), None),
        ("a table with a mark and CRLF", pack(files_with(train_csv=marked)), None),
    ]


def _wrong_files() -> list[Row]:
    def table(old: bytes, new: bytes) -> bytes:
        return pack(files_with(train_csv=SHEET.replace(old, new)))

    wide = b"id,a,b,c,d\n" + b"".join(f"{name},1,2,3,4\n".encode() for name in IDS)
    other = b"id,age,pray\na1,1,2\nb2,3,4\nc3,5,6\n"
    return [
        ("a missing file", pack(files_with(notes_txt=None)), Reason.MISSING_MEMBER),
        ("a missing picture", pack(files_with(out_b2_png=None)), Reason.MISSING_MEMBER),
        ("an unknown picture", pack([*files_with(), Member("out/d4.png", png(_SIDE, _SIDE))]), Reason.UNKNOWN_MEMBER),
        ("an unknown file", pack([*files_with(), Member("more.csv", SHEET)]), Reason.UNKNOWN_MEMBER),
        ("text for a number", table(b"2.5", b"much"), Reason.NOT_A_NUMBER),
        ("an empty cell", table(b"2.5", b""), Reason.EMPTY_CELL),
        ("NaN in a table", table(b"2.5", b"nan"), Reason.NOT_FINITE),
        ("an id that is missing", table(b"c3,-5,1e3\n", b""), Reason.MISSING_ID),
        ("an id that is unknown", table(b"c3", b"d4"), Reason.UNKNOWN_ID),
        ("an id twice", table(b"c3", b"a1"), Reason.DUPLICATE_ID),
        ("no id column", table(b"id,", b"name,"), Reason.MISSING_COLUMN),
        ("a column twice", table(b"pay", b"age"), Reason.DUPLICATE_COLUMN),
        ("too many columns", pack(files_with(train_csv=wide)), Reason.TOO_MANY_COLUMNS),
        ("two tables with other columns", pack(files_with(test_csv=other)), Reason.UNKNOWN_COLUMN),
        ("a row with a cell too many", table(b"2.5", b"2.5,1"), Reason.MALFORMED),
        ("a picture of another size", pack(files_with(out_a1_png=png(9, _SIDE))), Reason.WRONG_MEMBER),
        ("a grey picture", pack(files_with(out_a1_png=png(_SIDE, _SIDE, "L"))), Reason.WRONG_MEMBER),
        ("a transparent picture", pack(files_with(out_a1_png=png(_SIDE, _SIDE, "RGBA"))), Reason.WRONG_MEMBER),
        ("a JPEG picture", pack(files_with(out_a1_png=b"\xff\xd8\xff" + bytes(60))), Reason.WRONG_MEMBER),
        ("a cut picture", pack(files_with(out_a1_png=png(_SIDE, _SIDE)[:45])), Reason.WRONG_MEMBER),
        ("a text that is not UTF-8", pack(files_with(notes_txt=b"caf\xe9")), Reason.MALFORMED),
    ]


def _hostile_files() -> list[Row]:
    def beside(member: Member) -> bytes:
        return pack([*files_with(), member])

    bomb = png(_SIDE, _SIDE, claims=(60_000, 60_000))
    two = png(_SIDE, _SIDE, claims=(60_000, 60_000), is_second=True)
    return [
        ("a symbolic link", beside(Member("out/a1.png", b"/etc/passwd", mode=0o120777)), Reason.UNSAFE_MEMBER),
        ("a device", beside(Member("out/d4.png", b"", mode=0o020666)), Reason.UNSAFE_MEMBER),
        ("an absolute path", beside(Member("/etc/cron.d/x", b"x")), Reason.UNSAFE_MEMBER),
        ("a path upwards", beside(Member("out/../../x.png", b"x")), Reason.UNSAFE_MEMBER),
        ("a path of Windows upwards", beside(Member("out\\..\\..\\x.png", b"x")), Reason.UNSAFE_MEMBER),
        ("a drive", beside(Member("C:x.png", b"x")), Reason.UNSAFE_MEMBER),
        ("a member packed with bzip2", beside(Member("out/d4.png", b"x", method=12)), Reason.UNSAFE_MEMBER),
        ("a picture of gigapixels", pack(files_with(out_a1_png=bomb)), Reason.WRONG_MEMBER),
        ("a picture with two headers", pack(files_with(out_a1_png=two)), Reason.WRONG_MEMBER),
        ("a text that is too large", pack(files_with(notes_txt=bytes(_FILE_BYTES + 1))), Reason.MEMBER_TOO_LARGE),
        ("a large cell", pack(files_with(train_csv=SHEET + b"d4," + b"1" * 20_000 + b",1\n")), Reason.CELL_TOO_LARGE),
    ]
