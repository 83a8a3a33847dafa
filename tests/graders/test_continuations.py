"""Texts that come beside a language model: what is wrong with them is told, and the others are measured."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from challenges._generators.grading import Mark, Marked
from graders.arrangement import Predictions
from graders.diagnostics import PublicSide
from graders.diagnostics.continuations import continuations
from graders.loading import LoadedChallenge, make_challenge
from tests.graders.examples import make_manifest

PROMPTS = {"p1": "A fox .", "p2": "A crow .", "p3": "A cat ."}
TRAIN = "the fox ran and ran . " * 20 + "\n" + "a crow sang . " * 9
FILES = {
    "prompts.jsonl": "".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in PROMPTS.items()),
    "train.txt": TRAIN,
}
WHY = {"en": "cats do not bark", "zh": "猫不会叫"}


def mark(prompt: str, text: str) -> list[Marked] | None:
    """Cats do not bark, and of crows nobody knows anything."""
    if "crow" in prompt:
        return None
    kinds = {"bark": Mark.WRONG, "ran": Mark.RIGHT}
    return [
        Marked(each.strip(), kind := kinds.get(each.split()[-1], Mark.STRANGE), WHY if kind is Mark.WRONG else None)
        for each in text.split(".")
        if each.strip()
    ]


def make(files: dict[str, str] = FILES) -> LoadedChallenge:
    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(name)
        return files[name].encode()

    manifest = make_manifest([{"name": "y", "type": "number"}], {"name": "mae", "direction": "min", "columns": ["y"]})
    answers = pl.DataFrame({"id": [1, 2], "y": [1.0, 2.0], "side": ["public", "private"]})
    return replace(make_challenge(manifest, answers, read_public=read), mark=mark)


def tell(sent: str, challenge: LoadedChallenge | None = None) -> dict[str, Any] | None:
    predictions = Predictions.nothing()
    predictions.attachments["generations.jsonl"] = sent
    return continuations(PublicSide(challenge or make(), predictions))


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not of the form"),
        ("[1, 2]", "not of the form"),
        ("7", "not of the form"),
        ("null", "not of the form"),
        ("[" * 30_000, "not of the form"),
        ('{"id": "p1"}', "not of the form"),
        ('{"id": "p1", "text": 3}', "must be text"),
        ('{"id": ["p1"], "text": "x"}', "must be text"),
        ('{"id": "p1", "text": " \\n"}', "must be text"),
        ('{"id": "p9", "text": "x"}', "no prompt has the id 'p9'"),
        ('{"id": "p2", "text": "x"}', "a second text for p2"),
    ],
)
def test_a_line_that_is_no_text_is_told_and_the_others_are_shown(line: str, what: str):
    told = tell(lines({"id": "p2", "text": "it ran ."}) + line + "\n")
    assert told is not None
    ((fault,), count) = told["faults"], told["fault_count"]
    assert (fault["line"], count) == (2, 1)
    assert what in fault["what"]["en"]
    assert [row["id"] for row in told["rows"]] == ["p2"]


def test_only_the_first_faults_are_listed_and_nothing_readable_is_no_error():
    told = tell("nonsense\n" * 9)
    assert told is not None
    assert (len(told["faults"]), told["fault_count"], told["texts"], told["rows"]) == (5, 9, 0, [])
    assert (told["marks"], told["distinct"], told["self_bleu"], told["copied"]) == (None, 1.0, None, 0)


def test_sentences_are_marked_and_counted():
    told = tell(lines({"id": "p3", "text": "cats bark . it ran . oh ."}, {"id": "p1", "text": "it ran ."}))
    assert told is not None
    assert told["marks"] == {"right": 2, "wrong": 1, "strange": 1}
    assert [row["id"] for row in told["rows"]] == ["p1", "p3"]  # as the prompts stand
    assert told["rows"][1]["prompt"] == "A cat ."
    assert told["rows"][1]["sentences"] == [
        {"text": "cats bark", "mark": "wrong", "why": WHY},
        {"text": "it ran", "mark": "right", "why": None},
        {"text": "oh", "mark": "strange", "why": None},
    ]


def test_where_nobody_marks_the_text_stands_as_it_is():
    for challenge, name in ((make(), "p2"), (replace(make(), mark=None), "p1")):
        told = tell(lines({"id": name, "text": "a crow barked ."}), challenge)
        assert told is not None
        assert told["marks"] is None
        assert told["rows"][0]["sentences"] == [{"text": "a crow barked .", "mark": "", "why": None}]


def test_texts_are_compared_with_one_another_and_with_the_training_text():
    told = tell(lines({"id": "p1", "text": "the fox ran and sat"}, {"id": "p2", "text": "the fox ran and sat"}))
    assert told is not None
    assert (told["self_bleu"], told["distinct"]) == (100.0, 0.5)
    assert (told["train_self_bleu"], told["train_distinct"]) == (None, pytest.approx(6 / 119, abs=1e-4))
    assert told["copied_text"] == "the fox ran and "


def test_a_reader_that_stumbles_costs_nobody_a_score():
    def stumble(prompt: str, text: str) -> list[Marked]:
        raise KeyError(prompt, text)

    told = tell(lines({"id": "p1", "text": "it ran ."}), replace(make(), mark=stumble))
    assert told is not None
    assert (told["marks"], told["texts"]) == (None, 1)
    assert told["rows"][0]["sentences"] == [{"text": "it ran .", "mark": "", "why": None}]


def test_other_ends_of_lines_belong_to_the_text():
    row = json.dumps({"id": "p1", "text": "it\u2028ran\u0085."}, ensure_ascii=False)
    told = tell(f"{row}\n")
    assert told is not None
    assert (told["fault_count"], told["texts"]) == (0, 1)


def test_a_long_text_is_cut():
    told = tell(lines({"id": "p2", "text": "x" * 9000}))
    assert told is not None
    assert len(told["rows"][0]["sentences"][0]["text"]) == 1200


@pytest.mark.parametrize("sent", ["", " \n"])
def test_without_texts_nothing_is_shown(sent: str):
    assert tell(sent) is None


def test_data_without_prompts_shows_nothing():
    assert tell(lines({"id": "p1", "text": "it ran ."}), make({"train.txt": TRAIN})) is None
