"""Ids are found exactly: integers near and far apart, and text, whatever hashes do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenges.errors import Reason
from graders.alignment import UNKNOWN, AnswerIndex, _Hashed, align
from graders.faults import Faults

INTEGERS = st.one_of(st.integers(-50, 200), st.integers(-(2**63), 2**63 - 1))
QUICK = settings(max_examples=150, deadline=None)


def find_slowly(index: Sequence[object], ids: Sequence[object]) -> list[int]:
    places = {value: place for place, value in enumerate(index)}
    return [places.get(value, UNKNOWN) for value in ids]


@QUICK
@given(st.lists(INTEGERS, unique=True), st.lists(INTEGERS))
def test_integer_ids_are_found_where_they_are(hidden: list[int], others: list[int]):
    index = AnswerIndex(pl.Series(hidden, dtype=pl.Int64))
    asked = [*hidden[::-1], *others]
    assert index.find(pl.Series(asked, dtype=pl.Int64)).tolist() == find_slowly(hidden, asked)


@QUICK
@given(st.lists(st.text(max_size=6), unique=True), st.lists(st.one_of(st.none(), st.text(max_size=6))))
def test_text_ids_are_found_where_they_are(hidden: list[str], others: list[str | None]):
    index = AnswerIndex(pl.Series(hidden, dtype=pl.String))
    asked = [*hidden[::-1], *others]
    assert index.find(pl.Series(asked, dtype=pl.String)).tolist() == find_slowly(hidden, asked)


@QUICK
@given(st.lists(st.text(max_size=6), unique=True), st.lists(st.text(max_size=6)))
def test_hashes_are_found_where_their_ids_are(hidden: list[str], others: list[str]):
    index = AnswerIndex(pl.Series(hidden, dtype=pl.String))
    assert index.seed is not None
    asked = [*hidden[::-1], *others]
    hashes = pl.Series(asked, dtype=pl.String).hash(index.seed)
    assert index.find(hashes).tolist() == find_slowly(hidden, asked)
    assert index.convert(hashes).dtype == hashes.dtype


def test_hashes_are_nothing_to_integer_ids():
    index = AnswerIndex(pl.Series([1, 2], dtype=pl.Int64))
    assert index.seed is None
    assert index.find(index.convert(pl.Series([2**64 - 1, 2], dtype=pl.UInt64))).tolist() == [UNKNOWN, 1]


@QUICK
@given(st.lists(st.text(max_size=4), unique=True, min_size=1), st.data())
def test_alignment_is_a_permutation_or_a_fault(hidden: list[str], data: st.DataObject):
    index = AnswerIndex(pl.Series("id", hidden))
    order = data.draw(st.permutations(range(len(hidden))))
    faults = Faults()
    rows = align(index, pl.Series("id", [hidden[i] for i in order]), faults)
    assert not faults
    assert rows is not None
    assert rows.tolist() == list(order)
    asked = data.draw(st.lists(st.sampled_from(hidden), max_size=2 * len(hidden)))
    rows = align(index, pl.Series("id", asked, dtype=pl.String), faults)
    assert (rows is not None) == (sorted(asked) == sorted(hidden))
    assert bool(faults) == (rows is None)


def test_two_ids_with_one_hash_are_told_apart():
    hidden = _Hashed(pl.Series(["a", "b", "c"]))
    hidden._ids = pl.Series(["a", "x", "c"])  # as if "x" had the hash of "b"
    assert hidden.find(pl.Series(["a", "b", "c"])).tolist() == [0, UNKNOWN, 2]


def test_a_large_index_finds_every_id_and_no_other():
    names = pl.Series([f"{i * 2_654_435_761 % 2**32:08x}" for i in range(50_000)])
    index = AnswerIndex(names)
    order = np.random.default_rng(1).permutation(50_000)
    assert np.array_equal(index.find(names[order]), order)
    assert (index.find(names + "x") == UNKNOWN).all()


@pytest.mark.parametrize("ids", [["a", "a"], ["a", None], [1, 1]])
def test_broken_answers_are_not_indexed(ids: list[object]):
    with pytest.raises(ValueError, match="unique"):
        AnswerIndex(pl.Series(ids))


def test_each_kind_of_wrong_id_is_counted():
    faults = Faults()
    align(AnswerIndex(pl.Series("id", ["a", "b", "c"])), pl.Series("id", ["a", "a", "z", None, ""]), faults)
    told = [fault.reason for _, fault in sorted(faults._by_row, key=lambda pair: pair[0])]
    assert told == [Reason.DUPLICATE_ID, Reason.UNKNOWN_ID, Reason.EMPTY_CELL, Reason.EMPTY_CELL]
    assert [fault.facts["value"] for fault in faults._others] == ["b", "c"]
    assert faults.count == 6
