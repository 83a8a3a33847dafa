"""Law 6 of a challenge: each broken submission that its schema lets one think of is refused for its own reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from challenges.errors import Reason
from challenges.manifest import Column, ColumnType
from challenges.messages import Outcome
from tests.challenges.workshop import Prepared

Lines = list[list[str]]


def read_lines(prepared: Prepared) -> Lines:
    """Header and rows of the sample submission."""
    text = (prepared.public / "sample_submission.csv").read_text(encoding="utf-8")
    return [line.split(",") for line in text.splitlines()]


def join(lines: Lines) -> bytes:
    return "".join(",".join(cells) + "\n" for cells in lines).encode()


def put(lines: Lines, row: int, column: int, cell: str) -> Lines:
    """The same lines with one other cell; row 1 is the first below the header."""
    changed = [list(cells) for cells in lines]
    changed[row][column] = cell
    return changed


WRONG_TABLES: dict[str, tuple[Reason, Callable[[Lines], Lines]]] = {
    "a missing id": (Reason.MISSING_ID, lambda lines: lines[:-1]),
    "an extra id": (Reason.UNKNOWN_ID, lambda lines: [*lines, ["zzzzzzzz", *lines[1][1:]]]),
    "an id twice": (Reason.DUPLICATE_ID, lambda lines: [*lines, lines[1]]),
    "a renamed column": (Reason.UNKNOWN_COLUMN, lambda lines: put(lines, 0, 1, "guess")),
    "a missing column": (Reason.MISSING_COLUMN, lambda lines: [cells[:1] for cells in lines]),
    "no id column": (Reason.MISSING_COLUMN, lambda lines: [cells[1:] for cells in lines]),
    "a column twice": (Reason.DUPLICATE_COLUMN, lambda lines: [[*cells, cells[1]] for cells in lines]),
    "a hundred thousand columns": (
        Reason.TOO_MANY_COLUMNS,
        lambda lines: [[*lines[0], *(f"c{n}" for n in range(100_000))], *lines[1:]],
    ),
    "the header alone": (Reason.MISSING_ID, lambda lines: lines[:1]),
    "a row with a cell too many": (Reason.MALFORMED, lambda lines: [*lines[:-1], [*lines[-1], "1"]]),
}

WRONG_FILES: dict[str, tuple[Reason, Callable[[bytes], bytes]]] = {
    "nothing": (Reason.EMPTY_FILE, lambda _: b""),
    "UTF-16": (Reason.NOT_UTF8, lambda content: content.decode().encode("utf-16")),
    "a Latin-1 letter": (Reason.NOT_UTF8, lambda content: content + b"caf\xe9,1\n"),
    "a picture": (Reason.WRONG_TYPE, lambda _: b"\x89PNG\r\n\x1a\n" + bytes(100)),
}

HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "a byte order mark": lambda content: b"\xef\xbb\xbf" + content,
    "CRLF": lambda content: content.replace(b"\n", b"\r\n"),
    "no last line feed": lambda content: content.rstrip(b"\n"),
}


def wrong_cells(column: Column) -> Iterator[tuple[str, Reason]]:
    """Cells that one column must not hold."""
    yield "", Reason.EMPTY_CELL
    if column.type is ColumnType.LABEL:
        yield "no such label", Reason.UNKNOWN_LABEL
        return
    if column.type is ColumnType.TEXT:
        yield "a bell\a", Reason.INVISIBLE_CHARACTER
        yield "long" * column.most_characters, Reason.TEXT_TOO_LONG
        return
    yield "much", Reason.NOT_A_NUMBER
    yield "NaN", Reason.NOT_FINITE
    yield "inf", Reason.NOT_FINITE
    if column.minimum is not None:
        yield str(column.minimum if column.exclusive_minimum else column.minimum - 1), Reason.OUT_OF_RANGE
    if column.maximum is not None:
        yield str(column.maximum + 1), Reason.OUT_OF_RANGE


def refuse(prepared: Prepared, content: bytes, folder: Path) -> list[dict[str, object]]:
    """Grade an upload that must be refused; its faults."""
    path = folder / "submission.csv"
    path.write_bytes(content)
    verdict = prepared.grade(path)
    assert verdict.outcome is Outcome.REJECTED
    assert verdict.public is verdict.private is None
    assert not verdict.diagnostics
    return [{"reason": fault.reason, **fault.facts} for fault in verdict.faults]


@pytest.mark.parametrize("name", WRONG_TABLES)
def test_a_wrong_table_is_refused(tabled: Prepared, name: str, tmp_path: Path):
    reason, spoil = WRONG_TABLES[name]
    assert refuse(tabled, join(spoil(read_lines(tabled))), tmp_path)[0]["reason"] == reason


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_refused(tabled: Prepared, name: str, tmp_path: Path):
    reason, spoil = WRONG_FILES[name]
    assert refuse(tabled, spoil(join(read_lines(tabled))), tmp_path)[0]["reason"] == reason


def test_a_wrong_cell_is_refused_with_its_row_and_column(tabled: Prepared, tmp_path: Path):
    lines = read_lines(tabled)
    for column in tabled.package.manifest.submission.columns:
        if column.optional_group:
            continue
        place = lines[0].index(column.name)
        for cell, reason in wrong_cells(column):
            fault = refuse(tabled, join(put(lines, 3, place, cell)), tmp_path)[0]
            assert (fault["reason"], fault["row"], fault["column"]) == (reason, 3, column.name), cell


def test_probabilities_are_checked_too(tabled: Prepared, tmp_path: Path):
    table = tabled.package.manifest.submission
    names = [c.name for c in table.columns if c.optional_group in table.probability_groups]
    if not names:
        pytest.skip("takes no probabilities")
    lines = read_lines(tabled)
    header = [*lines[0], *names]
    even = [f"{1 / len(names):.9f}"] * len(names)
    rows = [[*cells, *even] for cells in lines[1:]]
    for cell, reason in (
        ("1.5", "out_of_range"),
        ("-0.1", "out_of_range"),
        ("nan", "not_finite"),
        ("1", "out_of_range"),
    ):
        fault = refuse(tabled, join(put([header, *rows], 2, len(header) - 1, cell)), tmp_path)[0]
        assert (fault["reason"], fault["row"]) == (reason, 2)
    short = [cells[:-1] for cells in [header, *rows]]
    assert refuse(tabled, join(short), tmp_path)[0] == {
        "reason": "missing_column",
        "column": names[-1],
        "expected": f"{','.join(lines[0])}[,{','.join(names)}]",
    }


@pytest.mark.parametrize("name", HARMLESS)
def test_what_editors_do_to_a_file_does_no_harm(tabled: Prepared, name: str, tmp_path: Path):
    plain = tabled.public / "sample_submission.csv"
    path = tmp_path / "edited.csv"
    path.write_bytes(HARMLESS[name](plain.read_bytes()))
    expected, found = tabled.grade(plain), tabled.grade(path)
    assert found.public is not None
    assert expected.public is not None
    assert found.public.score == expected.public.score


def test_faults_say_nothing_of_the_answers(tabled: Prepared, tmp_path: Path):
    """All cells wrong: the reply lists a few and counts the rest, and repeats nothing but what was sent."""
    lines = read_lines(tabled)
    is_text = tabled.package.manifest.submission.columns[0].type is ColumnType.TEXT
    cell, told = ("?\a", "U+0007") if is_text else ("?", "?")
    wrong = [[cells[0], *[cell] * (len(cells) - 1)] for cells in lines[1:]]
    faults = refuse(tabled, join([lines[0], *wrong]), tmp_path)
    assert len(faults) == 5
    assert all(fault["value"] == told for fault in faults)
