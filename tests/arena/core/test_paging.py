"""Cursors: what they hold comes back, and nothing else is taken for one."""

from __future__ import annotations

import base64
import datetime as dt
import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.errors import Invalid
from arena.paging import decode_cursor, encode_cursor
from tests.factories import NOON

ID = UUID(int=7)


def forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "not a cursor",
        "é",
        "=" * 8,
        "A" * 100_000,
        forged({"a": 1}),
        forged(1),
        forged([[1]]),
        forged([{"at": "yesterday"}, {"id": ID.hex}]),
        forged([{"at": "2026-01-01T00:00:00"}, {"id": ID.hex}]),
        forged([{"at": 5}, {"id": ID.hex}]),
        forged([{"at": NOON.isoformat()}, {"id": "7"}]),
        forged([{"at": NOON.isoformat()}, {"id": 7}]),
        forged([{"os": "rm"}, 1]),
        encode_cursor(NOON),
        encode_cursor(ID, NOON),
        encode_cursor(NOON, ID, 1),
        encode_cursor("x", ID),
    ],
)
def test_what_is_no_cursor_of_this_list_is_refused(text: str):
    with pytest.raises(Invalid) as refused:
        decode_cursor(text, dt.datetime, UUID)
    assert refused.value.facts["field"] == "cursor"


@pytest.mark.parametrize("values", [[10**40, "x"], [1, "a\0b"], [1, "\ud800"]])
def test_what_no_row_can_hold_is_refused(values: list[object]):
    with pytest.raises(Invalid):
        decode_cursor(forged(values), int, str)


@given(
    st.lists(
        st.one_of(
            st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
            st.integers(1 - 2**63, 2**63 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
            st.none(),
            st.uuids(),
            st.datetimes(timezones=st.just(dt.UTC)),
        ),
        max_size=4,
    )
)
def test_what_goes_in_comes_out(values: list[object]):
    assert decode_cursor(encode_cursor(*values)) == values  # type: ignore[arg-type]


def test_a_cursor_needs_no_escaping_in_an_address():
    cursor = encode_cursor("ÿ?&=+/", NOON)
    assert cursor.replace("-", "").replace("_", "").isalnum()
