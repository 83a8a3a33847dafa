"""Reasons and sentences: each reason has one, and each sentence can be filled."""

from __future__ import annotations

import string
from typing import Any

import pytest

from challenges.errors import FIRST_FAULTS, SENTENCES, Facts, Fault, InvalidSubmission, Reason


def fields_of(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_that_can_be_filled(reason: Reason):
    facts: Any = dict.fromkeys(fields_of(SENTENCES[reason]), 1)
    assert set(facts) <= set(Facts.__annotations__)
    sentence = Fault(reason, facts).sentence
    assert "{" not in sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert list(SENTENCES) == list(Reason)


def test_a_fault_is_json_ready():
    assert Fault(Reason.EMPTY_CELL, {"row": 2}).to_dict() == {"reason": "empty_cell", "facts": {"row": 2}}


def test_a_refusal_tells_the_first_faults_and_counts_all():
    faults = [Fault(Reason.EMPTY_CELL, {"row": row, "column": "price"}) for row in range(1, 9)]
    refusal = InvalidSubmission(faults, 1000)
    assert (len(refusal.faults), refusal.count) == (FIRST_FAULTS, 1000)
    assert "Row 1: `price` is empty." in str(refusal)
    assert InvalidSubmission(faults).count == 8
    assert InvalidSubmission(faults, 2).count == 8


def test_a_refusal_of_one_fault():
    refusal = InvalidSubmission.because(Reason.DUPLICATE_ID, row=3, value="ab")
    assert refusal.faults == [Fault(Reason.DUPLICATE_ID, {"row": 3, "value": "ab"})]
    assert str(refusal) == "Row 3: id `ab` appears more than once. Give each id once."


def test_a_refusal_needs_a_fault():
    with pytest.raises(ValueError, match="at least one fault"):
        InvalidSubmission([])
