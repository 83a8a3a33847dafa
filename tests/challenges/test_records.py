"""Untyped data into dataclasses and back: strict in both directions."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenges.records import RecordError, dump_record, parse_record


class Colour(StrEnum):
    """A closed list."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Point:
    """A record with a default."""

    x: float
    y: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """One field for each kind of type that records know."""

    name: str
    colour: Colour
    points: list[Point] = field(default_factory=list)
    named: dict[str, Point] = field(default_factory=dict)
    width: int | float = 1
    note: str | None = None
    extra: Any = None
    anything: object = None
    is_done: bool = False
    nothing: None = None


FULL = {
    "name": "a",
    "colour": "blue",
    "points": [{"x": 1, "y": 2.5}],
    "named": {"origin": {"x": 0}},
    "width": 2.5,
    "note": None,
    "extra": [1, {"b": 2}],
    "anything": "x",
    "is_done": True,
    "nothing": None,
}


def test_data_becomes_a_record_and_data_again():
    drawing = parse_record(Drawing, FULL)
    assert drawing.points == [Point(1.0, 2.5)]
    assert drawing.colour is Colour.BLUE
    assert isinstance(drawing.points[0].x, float)
    dumped = dump_record(drawing)
    assert dumped["named"] == {"origin": {"x": 0.0, "y": 0.0}}
    assert parse_record(Drawing, dumped) == drawing
    assert dump_record((1, {2: Colour.RED})) == [1, {"2": "red"}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 1}, "name must be str, not int"),
        ({"size": 1}, "size is not a known field; known: name, colour"),
        ({"colour": "green"}, "colour is 'green'; it must be one of red, blue"),
        ({"points": {}}, "points must be a list, not dict"),
        ({"points": [{"x": 1}, 2]}, r"points\[1\] must be a table, not int"),
        ({"points": [{"x": "1"}]}, r"points\[0\]\.x must be float, not str"),
        ({"points": [{"y": 1}]}, r"points\[0\]\.x is missing"),
        ({"points": [{"x": math.inf}]}, r"points\[0\]\.x must be finite"),
        ({"points": [{"x": math.nan}]}, r"points\[0\]\.x must be finite"),
        ({"points": [{"x": True}]}, r"points\[0\]\.x must be float, not bool"),
        ({"named": []}, "named must be a table, not list"),
        ({"named": {"a": {"z": 1}}}, r"named\.a\.z is not a known field"),
        ({"width": "wide"}, "width must be int, not str or width must be float, not str"),
        ({"note": 5}, "note must be str, not int"),
        ({"is_done": 1}, "is_done must be bool, not int"),
        ({"nothing": 1}, "nothing must be NoneType, not int"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(change: dict[str, object], message: str):
    with pytest.raises(RecordError, match=message):
        parse_record(Drawing, FULL | change)


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_a_record_is_made_of_a_table(data: object):
    with pytest.raises(RecordError, match="the document must be a table"):
        parse_record(Drawing, data)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from([*FULL, "other"]), json_like))
def test_any_data_is_parsed_or_refused(data: dict[str, object]):
    with suppress(RecordError):
        assert isinstance(parse_record(Drawing, data), Drawing)
