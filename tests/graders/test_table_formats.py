"""Parquet, JSON Lines and NPZ: what fits is read alike from all of them, what is broken or hostile is refused."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from challenges.errors import Reason
from challenges.phrases import Phrase, say
from challenges.texts import Text
from graders.kinds.predictions import read_here
from graders.loading import LoadedChallenge
from graders.thrift import ThriftError, read_struct
from tests.graders.examples import digits, flowers, perfect, prices
from tests.graders.test_refusals import refuse

CHALLENGES = {"flowers": flowers, "prices": prices, "digits": digits}


def as_parquet(frame: pl.DataFrame, **options: Any) -> bytes:
    buffer = BytesIO()
    frame.write_parquet(buffer, **options)
    return buffer.getvalue()


def as_npz(arrays: dict[str, Any], *, compressed: bool = True) -> bytes:
    buffer = BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def write(frame: pl.DataFrame, filename: str) -> bytes:
    match filename.rpartition(".")[2]:
        case "csv":
            return frame.write_csv().encode()
        case "jsonl":
            return frame.write_ndjson().encode()
        case "npz":
            return as_npz(arrays_of(frame))
        case _:
            return as_parquet(frame)


def arrays_of(frame: pl.DataFrame) -> dict[str, NDArray[Any]]:
    return {s.name: np.array(s.to_list()) for s in frame.get_columns()}


def read(content: bytes, folder: Path, challenge: LoadedChallenge, filename: str) -> Any:
    path = folder / "upload"
    path.write_bytes(content)
    return read_here(path.read_bytes(), filename, challenge.manifest, challenge.index)


@pytest.mark.parametrize("name", CHALLENGES)
def test_all_formats_give_the_same_predictions_in_any_order_of_rows_and_columns(name: str, tmp_path: Path):
    challenge = CHALLENGES[name]()
    right = perfect(challenge)
    mixed = right.sample(fraction=1, shuffle=True, seed=3).select(reversed(right.columns))
    uploads = {
        "p.csv": mixed.write_csv().encode(),
        "crlf.csv": mixed.write_csv(line_terminator="\r\n").encode(),
        "quoted.csv": mixed.write_csv(quote_style="always").encode(),
        "bom.csv": b"\xef\xbb\xbf" + mixed.write_csv().encode(),
        "p.jsonl": mixed.write_ndjson().encode(),
        "p.parquet": as_parquet(mixed),
        "snappy.parquet": as_parquet(mixed, compression="snappy"),
        "groups.parquet": as_parquet(mixed, row_group_size=7, use_pyarrow=True),
        "p.npz": as_npz(arrays_of(mixed)),
        "plain.npz": as_npz(arrays_of(mixed), compressed=False),
    }
    column = right.columns[1]
    expected = read(right.write_csv().encode(), tmp_path, challenge, "p.csv").columns[column]
    for filename, content in uploads.items():
        found = read(content, tmp_path, challenge, filename).columns[column]
        assert np.array_equal(found, expected), filename


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt16, pl.Int64, pl.String, pl.Categorical])
def test_parquet_labels_may_be_any_integers_or_text(dtype: pl.DataType, tmp_path: Path):
    challenge = digits()
    frame = perfect(challenge)
    typed = frame.with_columns(pl.col("label").cast(pl.String).cast(dtype), pl.col("id").cast(pl.UInt32))
    found = read(as_parquet(typed), tmp_path, challenge, "p.parquet")
    assert found.columns["label"].tolist() == frame["label"].to_list()


@pytest.mark.parametrize("name", ["flowers", "digits"])
@pytest.mark.parametrize("filename", ["p.csv", "p.jsonl", "p.parquet", "p.npz"])
def test_labels_may_be_called_by_their_english_names_in_any_case(name: str, filename: str, tmp_path: Path):
    challenge = CHALLENGES[name]()
    right = perfect(challenge)
    label, *others = challenge.manifest.submission.columns
    names = [Text(f"Kind of {each}", f"种类{each}") for each in label.labels]
    table = replace(challenge.manifest.submission, columns=[replace(label, names=names), *others])
    challenge = replace(challenge, manifest=replace(challenge.manifest, submission=table))
    written = right[label.name].cast(pl.String)
    called = [value if row % 3 else f"KIND of {value}" for row, value in enumerate(written)]
    given = right.with_columns(pl.Series(label.name, called))
    found = read(write(given, filename), tmp_path, challenge, filename)
    assert np.array_equal(
        found.columns[label.name], read(as_parquet(right), tmp_path, challenge, "p").columns[label.name]
    )
    wrong = given.with_columns(pl.Series(label.name, ["Kind of Thing", *called[1:]]))
    (fault,) = refuse(write(wrong, filename), tmp_path, challenge, filename).faults
    assert (fault.reason, fault.facts["value"]) == (Reason.UNKNOWN_LABEL, "Kind of Thing")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"label": pl.lit(3.0)}, Reason.WRONG_DTYPE),
        ({"label": pl.lit(value=True)}, Reason.WRONG_DTYPE),
        ({"label": pl.lit(12)}, Reason.UNKNOWN_LABEL),
        ({"label": pl.lit(-1)}, Reason.UNKNOWN_LABEL),
        ({"label": pl.lit(2**62)}, Reason.UNKNOWN_LABEL),
        ({"label": pl.lit(None, dtype=pl.Int64)}, Reason.EMPTY_CELL),
        ({"label": pl.concat_list("label", "label")}, Reason.WRONG_DTYPE),
        ({"label": pl.struct("label")}, Reason.WRONG_DTYPE),
        ({"more": pl.lit(1)}, Reason.UNKNOWN_COLUMN),
        ({"id": pl.col("id") * 1.0}, Reason.UNKNOWN_ID),
        ({"id": pl.lit(1000)}, Reason.DUPLICATE_ID),
    ],
)
def test_wrong_parquet_columns_have_their_own_reasons(change: dict[str, pl.Expr], reason: Reason, tmp_path: Path):
    frame = perfect(digits()).with_columns(**change)
    assert refuse(as_parquet(frame), tmp_path, digits(), "p.parquet").faults[0].reason is reason


def test_nan_and_infinity_in_binary_files_are_not_finite(tmp_path: Path):
    for value, told in ((float("nan"), "NaN"), (float("inf"), "inf")):
        frame = perfect(prices()).with_columns(price=pl.when(pl.col("price") > 105).then(value).otherwise(1.0))
        for filename, content in (("p.parquet", as_parquet(frame)), ("p.npz", as_npz(arrays_of(frame)))):
            fault = refuse(content, tmp_path, prices(), filename).faults[0]
            assert fault.reason is Reason.NOT_FINITE
            assert fault.facts["value"] == told


def test_parquet_numbers_and_labels_of_another_type_are_told(tmp_path: Path):
    as_text = perfect(prices()).with_columns(pl.col("price").cast(pl.String))
    assert refuse(as_parquet(as_text), tmp_path, prices(), "p.parquet").faults[0].facts == {
        "column": "price",
        "found": say(Phrase.TEXT),
        "expected": say(Phrase.NUMBERS),
    }
    as_numbers = perfect(flowers()).with_columns(species=pl.lit(1))
    fault = refuse(as_parquet(as_numbers), tmp_path, flowers(), "p.parquet").faults[0]
    assert fault.reason is Reason.UNKNOWN_LABEL
    assert fault.facts["value"] == "1"
    empty = perfect(prices()).with_columns(price=None, id=pl.col("id"))
    fault = refuse(as_parquet(empty.cast({"price": pl.Float64})), tmp_path, prices(), "p.parquet").faults[0]
    assert fault.reason is Reason.EMPTY_CELL


def test_json_lines_need_lines_and_utf8(tmp_path: Path):
    assert refuse(b"\n" * 5000 + b"\n", tmp_path, flowers(), "p.jsonl").faults[0].reason is Reason.EMPTY_FILE
    lines = b'{"id": "a", "species": "setosa"}\n' * 200
    assert refuse(lines + b'{"id": "\xff"}', tmp_path, flowers(), "p.jsonl").faults[0].reason is Reason.NOT_UTF8


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": "a", "species": "setosa"', Reason.MALFORMED),
        ("[1, 2]", Reason.MALFORMED),
        ("3", Reason.MALFORMED),
        ('{"id": "a", "species": ["setosa"]}', Reason.WRONG_DTYPE),
        ('{"id": "a", "species": {"a": 1}}', Reason.WRONG_DTYPE),
        ('{"id": "a", "species": true}', Reason.WRONG_DTYPE),
        ('{"id": 1.5, "species": "setosa"}', Reason.WRONG_DTYPE),
        ('{"id": "a", "species": null}', Reason.EMPTY_CELL),
        ('{"id": "a"}', Reason.EMPTY_CELL),
        ('{"id": "a", "species": "tulip"}', Reason.UNKNOWN_LABEL),
        ('{"id": "\\ud800", "species": "setosa"}', Reason.UNKNOWN_ID),
        ('{"id": "a", "kind": "setosa"}', Reason.UNKNOWN_COLUMN),
        ('{"id": "a", "id": "b"}', Reason.DUPLICATE_COLUMN),
        ('{"id": ' + "[" * 100_000, Reason.MALFORMED),
    ],
)
def test_a_wrong_json_line_has_its_own_reason(line: str, reason: Reason, tmp_path: Path):
    lines = perfect(flowers()).write_ndjson().splitlines()
    refusal = refuse("\n".join([*lines[:3], line, *lines[4:]]).encode(), tmp_path, flowers(), "p.jsonl")
    assert reason in {f.reason for f in refusal.faults}


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("NaN", Reason.NOT_FINITE),
        ("1e999", Reason.NOT_FINITE),
        ("1" + "0" * 400, Reason.NOT_FINITE),
        ("1" * 5000, Reason.MALFORMED),
        ('"5"', Reason.WRONG_DTYPE),
        ("-1", Reason.OUT_OF_RANGE),
    ],
)
def test_a_wrong_json_number_has_its_own_reason(cell: str, reason: Reason, tmp_path: Path):
    records = perfect(prices()).to_dicts()
    text = "\n".join(json.dumps(r) for r in records)
    text = text.replace(str(records[2]["price"]), cell, 1)
    assert refuse(text.encode(), tmp_path, prices(), "p.jsonl").faults[0].reason is reason


def test_a_json_array_is_a_wrong_type(tmp_path: Path):
    content = perfect(flowers()).write_json().encode()
    assert refuse(content, tmp_path, flowers(), "p.json").faults[0].facts["found"] == say(Phrase.JSON_ARRAY)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"label": np.ones((30, 1))}, Reason.WRONG_SHAPE),
        ({"label": np.array(3)}, Reason.WRONG_SHAPE),
        ({"label": np.ones(29, dtype=np.int64)}, Reason.WRONG_SHAPE),
        ({"label": np.ones(30, dtype=complex)}, Reason.WRONG_DTYPE),
        ({"label": np.ones(30, dtype="datetime64[s]")}, Reason.WRONG_DTYPE),
        ({"label": np.ones(30, dtype=[("a", "i4")])}, Reason.WRONG_DTYPE),
        ({"label": np.array([{}] * 30)}, Reason.PICKLED_OBJECT),
        ({"label": np.full(30, "x" * 20_000)}, Reason.CELL_TOO_LARGE),
        ({"more": np.ones(30)}, Reason.UNKNOWN_COLUMN),
    ],
)
def test_wrong_npz_arrays_have_their_own_reasons(change: dict[str, NDArray[Any]], reason: Reason, tmp_path: Path):
    content = as_npz({**arrays_of(perfect(digits())), **change})
    assert refuse(content, tmp_path, digits(), "p.npz").faults[0].reason is reason


def test_tricks_with_the_zip_directory_are_refused(tmp_path: Path):
    whole = as_npz(arrays_of(perfect(digits())))
    array = zipfile.ZipFile(BytesIO(whole)).read("label.npy")
    twice, foreign, longer = BytesIO(whole), BytesIO(whole), BytesIO()
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("label.npy", array)
    with zipfile.ZipFile(foreign, "a") as archive:
        archive.writestr("notes.txt", "hello")
    with zipfile.ZipFile(longer, "w") as archive:
        archive.writestr("id.npy", zipfile.ZipFile(BytesIO(whole)).read("id.npy"))
        archive.writestr("label.npy", array + b"more")
    assert refuse(twice.getvalue(), tmp_path, digits(), "p.npz").faults[0].reason is Reason.DUPLICATE_COLUMN
    assert refuse(foreign.getvalue(), tmp_path, digits(), "p.npz").faults[0].reason is Reason.UNKNOWN_COLUMN
    assert refuse(longer.getvalue(), tmp_path, digits(), "p.npz").faults[0].reason is Reason.MALFORMED


def test_more_tricks_with_npz_are_refused(tmp_path: Path):
    whole = as_npz(arrays_of(perfect(digits())), compressed=False)
    locked = bytearray(whole)
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    damaged = bytearray(whole)
    damaged[damaged.index(b"NUMPY") + 200] ^= 255
    assert "encrypted" in refuse(bytes(locked), tmp_path, digits(), "p.npz").faults[0].sentence
    assert refuse(bytes(damaged), tmp_path, digits(), "p.npz").faults[0].reason is Reason.MALFORMED
    surrogate = as_npz({"id": np.array([0xD800] * 30, dtype="<u4").view("<U1"), "species": np.array(["setosa"] * 30)})
    assert refuse(surrogate, tmp_path, flowers(), "p.npz").faults[0].reason is Reason.UNKNOWN_ID
    as_bytes = {s.name: np.array([str(v).encode() for v in s.to_list()]) for s in perfect(flowers()).get_columns()}
    assert read(as_npz(as_bytes), tmp_path, flowers(), "p.npz").has("species")
    swapped = {name: array.astype(">i8") for name, array in arrays_of(perfect(digits())).items()}
    assert read(as_npz(swapped), tmp_path, digits(), "p.npz").has("label")


def test_a_parquet_file_with_thousands_of_columns_is_refused(tmp_path: Path):
    wide = perfect(digits()).with_columns(**{f"c{i}": pl.lit(1) for i in range(3000)})
    fault = refuse(as_parquet(wide), tmp_path, digits(), "p.parquet").faults[0]
    assert fault.reason is Reason.TOO_MANY_COLUMNS
    assert fault.facts["found"] == 3002


def test_a_json_line_with_a_million_keys_is_refused_at_once(tmp_path: Path):
    pairs = ",".join(f'"c{i}":1' for i in range(500_000))
    fault = refuse(f'{{"id":"a",{pairs},"c499999":2}}'.encode(), tmp_path, flowers(), "p.jsonl").faults[0]
    assert fault.facts == {"column": "c499999"}


@pytest.mark.parametrize("content", [b"", b"\x19" * 1000, b"\xff" * 40, b"\x15" + b"\x80" * 30, b"\x1c" * 100])
def test_bytes_that_are_no_thrift_struct_are_told_so(content: bytes):
    with pytest.raises(ThriftError):
        read_struct(content, 0)
