"""Bad uploads: each is refused for its own reason, with the row, the column and the value at fault."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from challenges.errors import InvalidSubmission, Reason
from graders.kinds.predictions import read_here
from graders.loading import LoadedChallenge, make_challenge
from tests.graders.examples import digits, flowers, make_manifest, perfect, prices

GOOD = perfect(flowers()).write_csv().encode()
LINES = GOOD.decode().splitlines()
PRICES = perfect(prices()).write_csv().splitlines()


def refuse(content: bytes, folder: Path, challenge: LoadedChallenge, filename: str = "p.csv") -> InvalidSubmission:
    """Read an upload that must be refused."""
    path = folder / "upload"
    path.write_bytes(content)
    with pytest.raises(InvalidSubmission) as refusal:
        read_here(path.read_bytes(), filename, challenge.manifest, challenge.index)
    json.dumps([f.to_dict() for f in refusal.value.faults], allow_nan=False)
    assert all(f.sentence for f in refusal.value.faults)
    return refusal.value


def with_price(cell: str) -> bytes:
    """The perfect prices with another third one."""
    name = PRICES[3].split(",")[0]
    return "\n".join([*PRICES[:3], f"{name},{cell}", *PRICES[4:]]).encode()


@pytest.mark.parametrize(
    ("cell", "reason", "facts"),
    [
        ("", Reason.EMPTY_CELL, {}),
        ("  ", Reason.EMPTY_CELL, {}),
        ("cheap", Reason.NOT_A_NUMBER, {"value": "cheap"}),
        ("1 000", Reason.NOT_A_NUMBER, {"value": "1 000"}),
        ("0x10", Reason.NOT_A_NUMBER, {"value": "0x10"}),
        ("NA", Reason.NOT_A_NUMBER, {"value": "NA"}),
        ("1_000", Reason.NOT_A_NUMBER, {"value": "1_000"}),
        ("nan", Reason.NOT_FINITE, {"value": "NaN"}),
        ("NAN", Reason.NOT_FINITE, {}),
        ("-Infinity", Reason.NOT_FINITE, {"value": "-Infinity"}),
        ("1e999", Reason.NOT_FINITE, {"value": "1e999"}),
        ("0", Reason.OUT_OF_RANGE, {"value": "0", "expected": "(0, 1000000000]"}),
        ("-3.5", Reason.OUT_OF_RANGE, {"value": "-3.5"}),
        ("1e10", Reason.OUT_OF_RANGE, {"value": "1e10"}),
    ],
)
def test_a_bad_number_is_told_with_row_column_and_value(
    cell: str, reason: Reason, facts: dict[str, Any], tmp_path: Path
):
    refusal = refuse(with_price(cell), tmp_path, prices())
    assert refusal.count == 1
    fault = refusal.faults[0]
    assert fault.reason is reason
    assert fault.facts["row"] == 3
    assert fault.facts["column"] == "price"
    assert facts.items() <= fault.facts.items()


@pytest.mark.parametrize("cell", [" 5 ", '"5"', "+5", "5e0", "5.", "\t5"])
def test_a_number_may_be_written_in_many_ways(cell: str, tmp_path: Path):
    path = tmp_path / "p.csv"
    path.write_bytes(with_price(cell))
    challenge = prices()
    predictions = read_here(path.read_bytes(), "p.csv", challenge.manifest, challenge.index)
    place = challenge.index.ids.to_list().index(PRICES[3].split(",")[0])
    assert predictions.columns["price"][place] == 5.0


def test_the_first_five_faults_are_told_in_the_order_of_rows_and_all_are_counted(tmp_path: Path):
    rows = [line.replace(line.split(",")[1], ["tulip", ""][i % 2]) for i, line in enumerate(LINES[1:])]
    refusal = refuse("\n".join([LINES[0], *rows]).encode(), tmp_path, flowers())
    assert refusal.count == 30
    assert [f.facts["row"] for f in refusal.faults] == [1, 2, 3, 4, 5]
    assert {f.reason for f in refusal.faults} == {Reason.UNKNOWN_LABEL, Reason.EMPTY_CELL}


@pytest.mark.parametrize(
    ("header", "reasons", "column"),
    [
        ("id,kind", [Reason.UNKNOWN_COLUMN, Reason.MISSING_COLUMN], "kind"),
        ("ID,species", [Reason.UNKNOWN_COLUMN, Reason.MISSING_COLUMN], "ID"),
        ("species", [Reason.MISSING_COLUMN], "id"),
        ("id,species,p_setosa", [Reason.MISSING_COLUMN, Reason.MISSING_COLUMN], "p_versicolor"),
        ("id,species,species", [Reason.DUPLICATE_COLUMN], "species"),
        (",id,species", [Reason.UNKNOWN_COLUMN], "(unnamed)"),
        ("id;species", [Reason.UNKNOWN_COLUMN, Reason.MISSING_COLUMN, Reason.MISSING_COLUMN], "id;species"),
    ],
)
def test_a_wrong_header_names_the_column_and_the_right_header(
    header: str, reasons: list[Reason], column: str, tmp_path: Path
):
    refusal = refuse("\n".join([header, *LINES[1:]]).encode(), tmp_path, flowers())
    assert [f.reason for f in refusal.faults] == reasons
    assert refusal.faults[0].facts["column"] == column
    if reasons != [Reason.DUPLICATE_COLUMN]:
        assert refusal.faults[-1].facts["expected"] == "id,species[,p_setosa,p_versicolor,p_virginica]"


def test_a_million_columns_are_counted_not_read(tmp_path: Path):
    header = ",".join(f"c{i}" for i in range(1_000_000)).encode()
    refusal = refuse(b"id," + header + b"\n1,2\n", tmp_path, flowers())
    assert refusal.faults[0].reason is Reason.TOO_MANY_COLUMNS
    assert refusal.faults[0].facts == {"found": 1_000_001, "expected": 5}


@pytest.mark.parametrize("cell", ["x" * 50_000_000, "1" * 50_000_000])
def test_one_huge_cell_is_found_by_its_row(cell: str, tmp_path: Path):
    challenge = prices(limits={"upload_bytes": 100_000_000})
    fault = refuse(with_price(cell), tmp_path, challenge).faults[0]
    assert fault.reason is Reason.CELL_TOO_LARGE
    assert fault.facts["row"] == 3


def test_a_missing_id_is_named_in_the_order_of_ids_so_that_sides_stay_hidden(tmp_path: Path):
    challenge = flowers()
    refusal = refuse(b"id,species\n", tmp_path, challenge)
    told = [f.facts["value"] for f in refusal.faults]
    assert refusal.count == 30
    assert told == sorted(challenge.index.ids.to_list())[:5]
    assert told != challenge.index.ids.head(5).to_list()


@pytest.mark.parametrize(
    ("row", "reason", "value"),
    [
        (LINES[1], Reason.DUPLICATE_ID, LINES[1].split(",")[0]),
        ("nobody,setosa", Reason.UNKNOWN_ID, "nobody"),
        (",setosa", Reason.EMPTY_CELL, None),
    ],
)
def test_a_row_too_many_is_named(row: str, reason: Reason, value: str | None, tmp_path: Path):
    fault = refuse(GOOD + row.encode(), tmp_path, flowers()).faults[0]
    assert fault.reason is reason
    assert fault.facts["row"] == 31
    assert fault.facts.get("value") == value


@pytest.mark.parametrize("name", ["999", "1030", "-5", "9999999999999999999999", "1000.0", "abc"])
def test_integer_ids_that_do_not_exist_are_unknown(name: str, tmp_path: Path):
    content = perfect(digits()).write_csv() + f"{name},3\n"
    fault = refuse(content.encode(), tmp_path, digits()).faults[0]
    assert fault.reason is Reason.UNKNOWN_ID
    assert fault.facts == {"row": 31, "value": name}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_not_utf8(encoding: str, tmp_path: Path):
    assert refuse(GOOD.decode().encode(encoding), tmp_path, flowers()).faults[0].reason is Reason.NOT_UTF8


def test_one_odd_byte_far_behind_is_found_by_its_position(tmp_path: Path):
    content = GOOD.replace(b"\n", b"\n" + b" " * 200)
    position = content.rindex(b"setosa")
    fault = refuse(content[:position] + b"\xff" + content[position:], tmp_path, flowers()).faults[0]
    assert fault.reason is Reason.NOT_UTF8
    assert fault.facts == {"position": position}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (gzip.compress(GOOD), "an archive (gzip)"),
        (gzip.compress(bytes(10_000_000)), "an archive (gzip)"),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "an archive (zstd)"),
        (b"\x89PNG\r\n", "an image (PNG)"),
        (b"%PDF-1.7", "a document (PDF)"),
        (b"PK\x03\x04 [Content_Types].xml", "an Office document"),
        (b"\x80\x04\x95", "a Python pickle (`.pkl`, or an old `.pt`)"),
        (b"\x93NUMPY\x01\x00", "NumPy .npy"),
        (b"  <!DOCTYPE HTML>", "a web page"),
    ],
)
@pytest.mark.parametrize("filename", ["p.csv", "p.npz", "p.csv.gz", ""])
def test_other_files_are_recognised_and_never_unpacked(content: bytes, found: str, filename: str, tmp_path: Path):
    fault = refuse(content, tmp_path, flowers(), filename).faults[0]
    assert fault.reason is Reason.WRONG_TYPE
    assert str(fault.facts["found"]) == found
    assert fault.facts["expected"] == "CSV, Parquet, JSON Lines, NumPy .npz"


def test_a_format_that_the_challenge_does_not_take_is_a_wrong_type(tmp_path: Path):
    challenge = flowers(submission={"formats": ["csv"]})
    perfect(challenge).write_parquet(tmp_path / "p.parquet")
    fault = refuse((tmp_path / "p.parquet").read_bytes(), tmp_path, challenge, "p.csv").faults[0]
    assert fault.facts == {"found": "Parquet", "expected": "CSV"}


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b" \t\r\n"])
def test_nothing_is_an_empty_file(content: bytes, tmp_path: Path):
    assert refuse(content, tmp_path, flowers()).faults[0].reason is Reason.EMPTY_FILE


def test_lines_that_end_with_a_carriage_return_alone_are_explained(tmp_path: Path):
    fault = refuse(GOOD.replace(b"\n", b"\r"), tmp_path, flowers()).faults[0]
    assert fault.reason is Reason.MALFORMED
    assert "carriage return" in fault.sentence


def test_values_are_repeated_without_control_characters_and_not_whole(tmp_path: Path):
    content = GOOD.replace(b"setosa", b"\x00\x1b[31m" + b"y" * 500, 1)
    fault = refuse(b"\n" * 0 + content, tmp_path, flowers()).faults[0]
    if fault.reason is Reason.NOT_UTF8:  # a zero byte near the start is taken for UTF-16
        fault = refuse(content.replace(b"\x00", b""), tmp_path, flowers()).faults[0]
    assert fault.reason is Reason.UNKNOWN_LABEL
    assert len(str(fault.facts["value"])) <= 61
    assert "\x1b" not in fault.sentence


@pytest.mark.parametrize("header", [b'"id","species"', b'\xef\xbb\xbf"id","species"', b" id ,species\t"])
def test_a_header_may_be_quoted_marked_or_padded(header: bytes, tmp_path: Path):
    challenge = flowers()
    (tmp_path / "p.csv").write_bytes(GOOD.replace(b"id,species", header))
    predictions = read_here((tmp_path / "p.csv").read_bytes(), "p.csv", challenge.manifest, challenge.index)
    assert predictions.has("species")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b'id,"species', Reason.MALFORMED),
        (b"id,spe\xffcies", Reason.NOT_UTF8),
        (b"id," + b"\xe9" * 5000, Reason.NOT_UTF8),
        (b"id," + b"x" * 200_000, Reason.TOO_MANY_COLUMNS),
    ],
)
def test_a_broken_header_is_told(header: bytes, reason: Reason, tmp_path: Path):
    assert refuse(header + b"\n1,2\n", tmp_path, flowers()).faults[0].reason is reason


def test_a_quotation_mark_that_never_closes_is_found(tmp_path: Path):
    challenge = flowers(2000)
    lines = perfect(challenge).write_csv().splitlines()
    lines[40] = lines[40].replace(",", ',"')
    fault = refuse("\n".join(lines).encode(), tmp_path, challenge).faults[0]
    assert fault.reason in (Reason.MALFORMED, Reason.CELL_TOO_LARGE)
    inside = GOOD.replace(b"setosa", b'"set"osa', 1)
    assert refuse(inside, tmp_path, flowers()).faults[0].reason in (Reason.MALFORMED, Reason.UNKNOWN_LABEL)


def test_a_blank_line_between_rows_is_an_empty_row(tmp_path: Path):
    refusal = refuse("\n".join([*LINES[:4], "", *LINES[4:]]).encode(), tmp_path, flowers())
    assert [(f.reason, f.facts["row"]) for f in refusal.faults] == [(Reason.EMPTY_CELL, 4)] * 2


def test_texts_and_whole_numbers_are_checked(tmp_path: Path):
    columns: list[dict[str, Any]] = [
        {"name": "words", "type": "text"},
        {"name": "count", "type": "integer", "minimum": 0, "maximum": 9},
    ]
    manifest = make_manifest(columns, {"name": "mae", "direction": "min", "columns": ["count"]})
    answers = pl.DataFrame({"id": ["a", "b"], "count": [1, 2], "side": ["public", "private"]})
    challenge = make_challenge(manifest, answers)
    (tmp_path / "p.csv").write_text('id,words,count\nb,"two, three",2\na,one,1.0\n')
    predictions = read_here((tmp_path / "p.csv").read_bytes(), "p.csv", manifest, challenge.index)
    assert predictions.columns["words"].tolist() == ["one", "two, three"]
    assert predictions.columns["count"].tolist() == [1, 2]
    refusal = refuse(b"id,words,count\na,,1.5\nb,two,10\n", tmp_path, challenge)
    told = [(f.reason, f.facts["row"]) for f in refusal.faults]
    assert told == [(Reason.EMPTY_CELL, 1), (Reason.OUT_OF_RANGE, 1), (Reason.OUT_OF_RANGE, 2)]
    assert str(refusal.faults[1].facts["expected"]) == "[0, 9] and be whole"
    wrong = refuse(b'{"id": "a", "words": 5, "count": 1}', tmp_path, challenge, "p.jsonl")
    assert wrong.faults[0].reason is Reason.WRONG_DTYPE


def test_many_labels_are_not_all_repeated(tmp_path: Path):
    labels = [f"l{i}" for i in range(300)]
    manifest = make_manifest(
        [{"name": "label", "type": "label", "labels": labels}],
        {"name": "accuracy", "direction": "max", "columns": ["label"]},
    )
    answers = pl.DataFrame({"id": ["a", "b"], "label": ["l1", "l299"], "side": ["public", "private"]})
    challenge = make_challenge(manifest, answers)
    (tmp_path / "p.csv").write_text("id,label\na,l1\nb,l299\n")
    predictions = read_here((tmp_path / "p.csv").read_bytes(), "p.csv", manifest, challenge.index)
    assert predictions.columns["label"].tolist() == [1, 299]
    fault = refuse(b"id,label\na,l1\nb,l300\n", tmp_path, challenge).faults[0]
    assert str(fault.facts["expected"]).endswith("`l19`, …")


def test_probabilities_must_sum_to_one(tmp_path: Path):
    challenge = flowers()
    frame = perfect(challenge).with_columns(p_setosa=pl.lit(0.5), p_versicolor=pl.lit(0.4), p_virginica=pl.lit(0.2))
    refusal = refuse(frame.write_csv().encode(), tmp_path, challenge)
    assert refusal.count == 30
    assert refusal.faults[0].facts == {
        "row": 1,
        "column": "p_setosa + p_versicolor + p_virginica",
        "value": 1.1,
        "expected": "[0.999, 1.001]",
    }
