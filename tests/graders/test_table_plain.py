"""What numpy alone reads of a CSV file is what the general reader reads; everything odd is left to that one."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from challenges.errors import InvalidSubmission
from graders import table_plain
from graders.loading import LoadedChallenge
from graders.parsing import Parsed, parse
from graders.sandbox.frames import Frame
from graders.table_wire import dump_plain, load_parsed
from graders.tables import Expected
from tests.graders.examples import digits, flowers, perfect, prices

CHALLENGES = [flowers(6), prices(6), digits(6)]
QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CELLS = [
    *("1", "0", "-1", "01", "2.5", "2.", ".5", "1e3", "1e999", "-0", "+4", "1_0", "nan", "inf", "-", "e", "4294967296"),
    *("", " 1", "setosa", "virginica", "setos", '"setosa"', "9" * 19, "0" * 70, "1.2.3", "1e", "½", "7\t", "0x1"),
]


def expected_of(challenge: LoadedChallenge) -> Expected:
    manifest = challenge.manifest
    return Expected(manifest.submission, manifest.limits, challenge.index.size, challenge.index.id_type)


def read(content: bytes, challenge: LoadedChallenge) -> Parsed | None:
    expected = expected_of(challenge)
    found = table_plain.read(content, expected)
    return None if found is None else load_parsed(Frame(*dump_plain(*found)), expected)


def check_same(content: bytes, challenge: LoadedChallenge) -> None:
    try:
        plain = read(content, challenge)
    except InvalidSubmission:
        with pytest.raises(InvalidSubmission):
            parse(content, "p.csv", expected_of(challenge))
        return
    if plain is None:
        return
    general = parse(content, "p.csv", expected_of(challenge))
    assert not general.faults
    assert general.is_typed
    assert plain.ids.to_list() == general.ids.to_list()
    assert plain.columns.keys() == general.columns.keys()
    for name, values in general.columns.items():
        assert plain.columns[name].dtype == values.dtype
        assert np.array_equal(plain.columns[name], values)


@pytest.mark.parametrize("challenge", CHALLENGES)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("has_end", [True, False])
def test_ordinary_files_are_read_the_plain_way(challenge: LoadedChallenge, line_end: bytes, has_end: bool):
    content = perfect(challenge).write_csv().encode().replace(b"\n", line_end)
    content = content if has_end else content.removesuffix(line_end)
    assert read(content, challenge) is not None
    check_same(content, challenge)


@QUICK
@given(st.data(), st.sampled_from(CHALLENGES))
def test_cells_of_all_sorts(data: st.DataObject, challenge: LoadedChallenge):
    lines = [line.split(",") for line in perfect(challenge).write_csv().splitlines()]
    for _ in range(data.draw(st.integers(1, 3))):
        line = lines[data.draw(st.integers(1, len(lines) - 1))]
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.sampled_from(CELLS))
    check_same("\n".join(map(",".join, lines)).encode(), challenge)


@QUICK
@given(st.data(), st.sampled_from(CHALLENGES))
def test_bytes_changed_anywhere(data: st.DataObject, challenge: LoadedChallenge):
    changed = bytearray(perfect(challenge).write_csv().encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        some = st.binary(max_size=3) | st.sampled_from([b",", b"\n", b"\n\n", b"\r", b'"', b"9", b"-", b"."])
        changed[place : place + data.draw(st.integers(0, 3))] = data.draw(some)
    check_same(bytes(changed), challenge)


@pytest.mark.parametrize("content", [b"", b"id,species", b"id,species\n", b"id,species\n\n", b"\n"])
def test_files_without_rows_are_left_to_the_general_reader_or_refused(content: bytes):
    challenge = CHALLENGES[0]
    with suppress(InvalidSubmission):
        assert read(content, challenge) is None


def test_a_large_file_is_left_to_the_general_reader():
    challenge = CHALLENGES[0]
    content = perfect(challenge).write_csv().encode()
    header, row = content.splitlines(keepends=True)[:2]
    assert read(header + row * (table_plain.MOST_BYTES // len(row) + 1), challenge) is None
