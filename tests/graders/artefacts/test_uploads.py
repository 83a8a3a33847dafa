"""Artefacts from upload to what `grade.py` is given: in the sandbox, and at home."""

from __future__ import annotations

import random
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from challenges._generators.grading import Given
from challenges.errors import FIRST_FAULTS, Fault, InvalidSubmission, Reason
from challenges.manifest import Manifest
from graders.artefacts.archives import Member, pack, png
from graders.artefacts.placing import load_indices
from graders.artefacts.specimens import (
    ARRAYS,
    FILES,
    IDS,
    SHEET,
    Case,
    arrays_with,
    cases,
    files_with,
    indices,
    make_manifest,
    npz,
)
from graders.kinds import Specimen, Upload, try_specimen
from graders.kinds.artefacts import read_artefacts, read_here, recognise, specimens
from tests.sandboxing import shared_sandbox

ALL = specimens()


def read(content: bytes, folder: Path, *, are_files: bool = False) -> Given:
    """What a grader gives to `grade.py`."""
    path = folder / "upload"
    path.write_bytes(content)
    manifest = make_manifest(FILES if are_files else ARRAYS)
    return read_artefacts(Upload(path, "s.zip"), manifest, indices(), shared_sandbox())


def refuse(content: bytes, *, are_files: bool = False) -> InvalidSubmission:
    """Why an upload is refused, as one's own machine says it."""
    with pytest.raises(InvalidSubmission) as raised:
        read_here(content, make_manifest(FILES if are_files else ARRAYS), indices())
    return raised.value


@pytest.mark.parametrize("specimen", ALL, ids=lambda s: s.name)
def test_each_specimen_gets_its_verdict(specimen: Specimen, tmp_path: Path):
    assert try_specimen(specimen, tmp_path, shared_sandbox()) is specimen.reason


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_at_home_the_verdict_is_the_same(case: Case):
    faults = faults_of(case.content, case.manifest)
    assert [fault.reason for fault in faults[:1]] == [case.reason] * len(faults[:1])
    assert bool(faults) == (case.reason is not None)
    assert all("{" not in fault.sentence for fault in faults)


def faults_of(content: bytes, manifest: Manifest) -> list[Fault]:
    """What one's own machine finds wrong with an upload."""
    try:
        read_here(content, manifest, indices())
    except InvalidSubmission as refusal:
        return refusal.faults
    return []


def test_there_is_a_specimen_for_every_reason_of_archives():
    own = list(Reason)[list(Reason).index(Reason.TOO_MANY_MEMBERS) : list(Reason).index(Reason.TOO_MANY_ROWS) + 1]
    assert {specimen.reason for specimen in ALL} >= {*own, Reason.PICKLED_OBJECT, Reason.EXPANDS_TOO_MUCH}


def test_arrays_come_as_they_were_sent(tmp_path: Path):
    basis = np.arange(12, dtype=np.float32).reshape(3, 4) / 2
    given = read(npz(arrays_with(basis=np.asfortranarray(basis), mean=np.arange(4, dtype=">f4"))), tmp_path)
    assert given.arrays["basis"].tolist() == basis.tolist()
    assert given.arrays["mean"].tolist() == [0, 1, 2, 3]
    assert {name: array.dtype.str for name, array in given.arrays.items()} == {
        "mean": "<f4",
        "basis": "<f4",
        "codes": "|u1",
    }


def test_numpy_writes_what_is_taken(tmp_path: Path):
    for save in (np.savez, np.savez_compressed):
        buffer = BytesIO()
        save(buffer, **arrays_with())  # type: ignore[arg-type]
        assert read(buffer.getvalue(), tmp_path).arrays["codes"].tolist() == [0, 1, 2, 3, 4]


def test_rows_and_files_stand_in_the_order_of_the_ids(tmp_path: Path):
    pixels = {name: bytes([number] * 192) for number, name in enumerate(IDS)}
    pictures = {f"out_{name}_png": to_png(content) for name, content in pixels.items()}
    table = b"id,pay,age\nb2,2,20\nc3,3,30\na1,1,10\n"
    members = files_with(train_csv=table, test_csv=table, **pictures)
    given = read(pack(list(reversed(members))), tmp_path, are_files=True)
    assert given.columns == {"train": ["pay", "age"], "test": ["pay", "age"]}
    assert given.arrays["train"].tolist() == [[1, 10], [2, 20], [3, 30]]
    assert given.arrays["out"].shape == (3, 8, 8, 3)
    assert given.arrays["out"][:, 0, 0, 0].tolist() == [0, 1, 2]
    assert given.texts == {"notes": ["what I did: 中文"]}


def to_png(pixels: bytes) -> bytes:
    """Eight by eight pixels as Pillow writes them."""
    buffer = BytesIO()
    Image.frombytes("RGB", (8, 8), pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npz(arrays_with(basis=np.ones((2, 4)))), ("`basis`", "`float64`", "`float32`")),
        (npz(arrays_with(basis=np.ones((5, 4), "f4"))), ("`basis`", "(5, 4)", "(1..3, 4)")),
        (npz(arrays_with(basis=np.array([[0, 0, 0, 11]], "f4"))), ("`basis`", "11", "[0, 3]", "[-10, 10]")),
        (npz(arrays_with(mean=np.array([0, np.nan, 0, 0], "f4"))), ("`mean`", "NaN", "[1]")),
        (npz({}), ("`mean.npy`", "`basis.npy`", "`codes.npy`")),
    ],
)
def test_a_refusal_says_which_part_where_and_what_it_must_be(content: bytes, words: tuple[str, ...]):
    told = str(refuse(content))
    assert all(word in told for word in words), told


def test_faults_of_tables_name_file_row_and_column():
    (fault,) = refuse(pack(files_with(train_csv=SHEET.replace(b"2.5", b"x"))), are_files=True).faults
    assert (fault.reason, fault.facts["row"], fault.facts["column"]) == (Reason.NOT_A_NUMBER, 1, "train.csv: pay")
    swapped = b"id,pay,age\na1,1,2\nb2,3,4\nc3,5,6\n"
    assert "`age`, `pay`" in str(refuse(pack(files_with(test_csv=swapped)), are_files=True))
    for header, reason in ((b"id\n", "malformed"), (b'id,"a\n', "malformed"), (b"id,a\x07b\n", "malformed")):
        faults = refuse(pack(files_with(train_csv=header)), are_files=True).faults
        assert faults[0].reason == reason
        assert "train.csv" in faults[0].sentence


def test_many_faults_are_counted_and_few_are_told():
    more = [Member(f"x{number}.txt", b"") for number in range(15)]
    refusal = refuse(pack([*files_with(), *more]), are_files=True)
    assert (len(refusal.faults), refusal.count) == (FIRST_FAULTS, 15)
    table = b"id,a\nx1,1\nx2,1\nx3,1\n"
    refusal = refuse(pack(files_with(train_csv=table, test_csv=table)), are_files=True)
    assert refusal.count == 12
    assert {fault.reason for fault in refusal.faults} <= {Reason.UNKNOWN_ID, Reason.MISSING_ID}


def test_without_the_ids_form_alone_is_checked():
    table = b"id,a\nx1,1\n"
    content = pack(files_with(train_csv=table, test_csv=table))
    given = read_here(content, make_manifest(FILES), {})
    assert given.arrays["train"].tolist() == [[1]]


def test_ids_are_read_from_the_public_files():
    files = {"rows.csv": b"id,x\nb2,1\na1,2\n"}

    def read_public(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(name)
        return files[name]

    found = load_indices(make_manifest(FILES), read_public)
    assert found["rows.csv"].ids.to_list() == ["b2", "a1"]
    assert load_indices(make_manifest(ARRAYS), read_public) == {}
    files.clear()
    assert load_indices(make_manifest(FILES), read_public) == {}


def test_an_archive_is_recognised():
    assert recognise(npz(arrays_with())[:64], "x")
    assert not recognise(b"id,a", "x.zip")


def test_nothing_but_refusals_comes_of_broken_archives():
    """Bytes changed at random, in archive and picture: each is read, or refused."""
    chance = random.Random(5)  # noqa: S311 - decides nothing
    for whole, manifest in ((npz(arrays_with()), make_manifest(ARRAYS)), (pack(files_with()), make_manifest(FILES))):
        for _ in range(400):
            content = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                content[chance.randrange(4, len(content))] = chance.randrange(256)
            assert all(fault.sentence for fault in faults_of(bytes(content), manifest))
    picture = png(8, 8)
    for _ in range(300):
        changed = bytearray(picture)
        changed[chance.randrange(len(changed))] = chance.randrange(256)
        faults = faults_of(pack(files_with(out_a1_png=bytes(changed))), make_manifest(FILES))
        assert {fault.reason for fault in faults} <= {Reason.WRONG_MEMBER}


def test_a_member_that_unpacks_to_more_than_it_promises_is_refused():
    content = bytearray(pack([*files_with(notes_txt=None), Member("notes.txt", b"x" * 5000)]))
    with zipfile.ZipFile(BytesIO(content)) as archive:
        start = archive.getinfo("notes.txt").header_offset
    for signature, offset, least in ((b"PK\x03\x04", 22, start), (b"PK\x01\x02", 24, 0)):
        at = content.find(b"notes.txt", least if signature == b"PK\x03\x04" else content.find(b"PK\x01\x02"))
        head = content.rfind(signature, 0, at)
        content[head + offset : head + offset + 4] = (10).to_bytes(4, "little")
    assert refuse(bytes(content), are_files=True).faults[0].reason is Reason.MALFORMED
