"""Small uploads that would be large when unpacked: refused, and with little memory, in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.lib import format as npy

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1_000_000
MOST_BYTES = 150 * MEGABYTE

SCRIPT = """
import json, resource, sys
from pathlib import Path
from challenges.errors import InvalidSubmission
from graders.kinds.predictions import read_here
from tests.graders.examples import digits, perfect
challenge = digits()
good = Path(sys.argv[1]).with_name("good.parquet")
perfect(challenge).write_parquet(good)
read_here(good.read_bytes(), "good.parquet", challenge.manifest, challenge.index)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_here(Path(sys.argv[1]).read_bytes(), sys.argv[1], challenge.manifest, challenge.index)
except InvalidSubmission as refusal:
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(json.dumps({"reasons": [f.reason for f in refusal.faults], "grown": grown}))
"""


def judge(path: Path) -> tuple[str, int]:
    """The first reason for refusing a file, and by how many bytes the process grew."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return told["reasons"][0], told["grown"]


def zeros_header(rows: int) -> bytes:
    buffer = BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": "<i8", "fortran_order": False, "shape": (rows,)})
    return buffer.getvalue()


def npz_of_zeros(path: Path, rows: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("id.npy", "label.npy"):
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(zeros_header(rows))
                for _ in range(rows * 8 // 2**23 + 1):
                    member.write(bytes(2**23))


def test_an_npz_of_a_gigabyte_of_zeros(tmp_path: Path):
    npz_of_zeros(tmp_path / "bomb.npz", 64_000_000)
    assert (tmp_path / "bomb.npz").stat().st_size < 2 * MEGABYTE
    reason, grown = judge(tmp_path / "bomb.npz")
    assert reason == "expands_too_much"
    assert grown < MOST_BYTES


def test_an_npz_whose_header_promises_more_than_there_is(tmp_path: Path):
    content = zeros_header(10**12)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("id.npy", content)
        archive.writestr("label.npy", content)
    reason, grown = judge(tmp_path / "bomb.npz")
    assert reason == "expands_too_much"
    assert grown < MOST_BYTES


def test_an_npz_whose_array_header_is_huge(tmp_path: Path):
    text = b"{'descr': '<i8', 'fortran_order': False, 'shape': (30,), }" + b" " * 50_000_000 + b"\n"
    header = npy.magic(2, 0) + len(text).to_bytes(4, "little") + text
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("id.npy", header)
        archive.writestr("label.npy", header)
    reason, grown = judge(tmp_path / "bomb.npz")
    assert reason == "malformed"
    assert grown < MOST_BYTES


def test_an_npz_whose_directory_lies_about_sizes(tmp_path: Path):
    path = tmp_path / "bomb.npz"
    npz_of_zeros(path, 64_000_000)
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    while place >= 0:
        # Uncompressed size of the entry in the central directory.
        content[place + 24 : place + 28] = (400).to_bytes(4, "little")
        place = content.find(b"PK\x01\x02", place + 1)
    path.write_bytes(content)
    reason, grown = judge(path)
    assert reason in ("malformed", "expands_too_much")
    assert grown < MOST_BYTES


def test_a_parquet_of_millions_of_equal_rows(tmp_path: Path):
    rows = 20_000_000
    frame = pl.DataFrame({"id": np.zeros(rows, np.int64), "label": np.zeros(rows, np.int64)})
    frame.write_parquet(tmp_path / "bomb.parquet", use_pyarrow=True)
    assert (tmp_path / "bomb.parquet").stat().st_size < 2 * MEGABYTE
    reason, grown = judge(tmp_path / "bomb.parquet")
    assert reason == "expands_too_much"
    assert grown < MOST_BYTES


def test_a_parquet_that_repeats_one_large_text(tmp_path: Path):
    # pyarrow keeps the dictionary when it writes; expanded, this would be a hundred gigabytes.
    places = pa.array(np.zeros(20_000, np.int32))
    names = pa.DictionaryArray.from_arrays(places, pa.array(["x" * 5 * MEGABYTE]))
    labels = pa.DictionaryArray.from_arrays(places, pa.array(["1"]))
    pq.write_table(pa.table({"id": names, "label": labels}), tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 2 * MEGABYTE
    reason, grown = judge(tmp_path / "bomb.parquet")
    assert reason in ("cell_too_large", "expands_too_much")
    assert grown < MOST_BYTES


@pytest.mark.parametrize("field", ["rows", "page"])
def test_a_parquet_whose_metadata_lie(field: str, tmp_path: Path):
    path = tmp_path / "bomb.parquet"
    rows = 4_000_000
    pl.DataFrame({"id": np.zeros(rows, np.int64), "label": np.zeros(rows, np.int64)}).write_parquet(path)
    content = bytearray(path.read_bytes())
    if field == "rows":
        # The number of rows as a Thrift zigzag varint, wherever it stands: claim 30 rows of each.
        content = content.replace(zigzag(rows), zigzag(30).ljust(len(zigzag(rows)), b"\x80")[:-1] + b"\x00")
    else:
        content[4:40] = bytes(36)
    path.write_bytes(content)
    reason, grown = judge(path)
    assert reason in ("malformed", "expands_too_much", "unknown_id", "missing_id", "duplicate_id")
    assert grown < MOST_BYTES


def zigzag(value: int) -> bytes:
    value <<= 1
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
