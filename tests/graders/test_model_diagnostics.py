"""Diagnostics of language models: made from what the grader itself reads of logits, on public rows only."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from graders.arrangement import Predictions
from graders.copying import find_longest_copy
from graders.diagnostics import PublicSide, diagnose
from graders.loading import LoadedChallenge, make_challenge
from graders.models.outputs import cost_in_bits, read_outputs
from graders.models.plan import Plan
from graders.scoring import BrokenChallenge
from tests.graders.examples import DIGEST, TEXT, make_manifest

ROWS, TIME, FIRST, SIZE = 60, 40, 8, 5
RNG = np.random.default_rng(5)
LOGITS = RNG.normal(size=(ROWS + 1, TIME, SIZE)).astype(np.float32)
TARGETS = RNG.integers(0, SIZE, (ROWS + 1, TIME))
CLASSES = RNG.choice(list("nlp"), (ROWS, TIME))
CLASSES[0, -1] = "N"
GROUPS = {"column": "classes", "letters": "ln", "en": ["other", "later"], "zh": ["其他", "后来"]}
PASSAGE = "One day, a fox met a crow.\nThe crow left."
TRAIN = "The fox ran. " * 40
WORDS = "a b\n\n" + "c. " * (TIME - 3)
LETTERS = "ab \nc"
VOCABULARY = {"characters": LETTERS, "tokens_per_character": 1}
PAIRS = VOCABULARY | {"tokens_per_character": 2}
FILES = {
    "vocab.json": json.dumps(VOCABULARY),
    "two.json": json.dumps(PAIRS),
    "passage.txt": PASSAGE,
    "words.txt": WORDS,
    "pairs.txt": PASSAGE[:21],
    "train.txt": TRAIN,
}
MODEL = {
    "formats": ["onnx"],
    "inputs": [{"name": "tokens", "dtype": "int64", "shape": [-1, -1], "description": TEXT}],
    "output": {"name": "logits", "dtype": "float32", "shape": [-1, -1, SIZE], "description": TEXT},
    "reading": "next_token",
    "first_scored": FIRST,
    "attachments": ["sample.txt"],
}


def letters_with(name: str, **params: Any) -> LoadedChallenge:
    """A challenge of language models with one diagnostic; every second row is public."""
    manifest = make_manifest(
        [{"name": "bits", "type": "number"}],
        {"name": "mae", "direction": "min", "columns": ["bits"], "answer": "characters"},
        kind="onnx",
        secondary=[{"name": "rmse", "direction": "min", "columns": ["bits"], "answer": "characters"}],
        model=MODEL,
        diagnostics=[{"name": name, "title": TEXT, "params": params}],
    )
    answers = pl.DataFrame(
        {
            "id": range(ROWS),
            "characters": [TIME - FIRST] * ROWS,
            "classes": ["".join(row) for row in CLASSES],
            "counted": [1.0, 1.0, 0.0, 0.0] * (ROWS // 4),
            "slice_all": ["all"] * ROWS,
            "side": ["public", "private"] * (ROWS // 2),
        }
    )
    return make_challenge(manifest, answers, dataset_digest=DIGEST, read_public=lambda file: FILES[file].encode())


def predictions(challenge: LoadedChallenge, sample: str = "", shown: int = 1) -> Predictions:
    """What a grader reads of the logits, in the order of the answers; the last row is the shown one."""
    rows = [*challenge.answers["id"].to_list(), *range(ROWS, ROWS + shown)]
    nothing = np.empty(0, dtype=np.intp)
    plan = Plan([], ROWS, shown, nothing, nothing, TARGETS[rows])
    made = read_outputs(LOGITS[rows], plan, challenge.manifest, ["passage"] * shown)
    if sample:
        made.attachments["sample.txt"] = sample
    return made


def tell(challenge: LoadedChallenge, made: Predictions) -> dict[str, Any] | None:
    """The one diagnostic; None where it has nothing to tell."""
    told = diagnose(PublicSide(challenge, made))
    json.dumps(told, allow_nan=False)
    return told[0] if told else None


def costs() -> np.ndarray:
    """Bits of every token, in the order of the ids; NaN where they are not scored."""
    bits = cost_in_bits(LOGITS, TARGETS).astype(np.float64)
    bits[:, :FIRST] = np.nan
    return bits


NAMES = ["positions", "token_classes", "costly_tokens", "passage"]


def test_without_bits_no_group_is_told_of():
    assert tell(letters_with("token_groups", **GROUPS), Predictions({}, np.empty((0, ROWS)))) is None


@pytest.mark.parametrize("name", NAMES)
def test_without_bits_there_is_nothing_to_tell(name: str):
    assert tell(letters_with(name), Predictions({}, np.empty((0, ROWS)))) is None


@pytest.mark.parametrize("name", NAMES)
def test_private_rows_change_nothing(name: str):
    challenge = letters_with(name)
    one, other = predictions(challenge), predictions(challenge)
    other.extras["bits"][challenge.private] += 3
    assert tell(challenge, one) == tell(challenge, other) is not None


def test_positions_are_means_over_public_rows():
    challenge = letters_with("positions", step=10)
    told = tell(challenge, predictions(challenge))
    assert told is not None
    assert [(row["name"], row["rows"]) for row in told["rows"]] == [
        ("9–18", 300),
        ("19–28", 300),
        ("29–38", 300),
        ("39–40", 60),
    ]
    expected = [costs()[0:ROWS:2, start : start + 10].mean() for start in range(FIRST, TIME, 10)]
    assert [row["score"] for row in told["rows"]] == pytest.approx(expected, abs=1e-4)


def test_classes_are_means_over_public_tokens_and_rare_ones_are_not_told():
    challenge = letters_with("token_classes")
    told = tell(challenge, predictions(challenge))
    assert told is not None
    assert [row["name"] for row in told["rows"]] == ["names, later", "other letters", "punctuation"]
    for row, letter in zip(told["rows"], "nlp", strict=True):
        chosen = costs()[0:ROWS:2][np.equal(CLASSES, letter)[::2]]
        assert row["score"] == pytest.approx(np.nanmean(chosen), abs=1e-4)
        assert row["rows"] == np.isfinite(chosen).sum()


def test_costs_are_added_up_by_the_token_that_was_to_be_predicted():
    challenge = letters_with("costly_tokens")
    told = tell(challenge, predictions(challenge))
    assert told is not None
    bits, tokens = costs()[0:ROWS:2, FIRST:], TARGETS[0:ROWS:2, FIRST:]
    sums = [bits[tokens == token].sum() for token in range(SIZE)]
    order = np.argsort(sums)[::-1]
    assert [row["name"] for row in told["rows"]] == [LETTERS[token] for token in order]
    assert [row["rows"] for row in told["rows"]] == [(tokens == token).sum() for token in order]
    assert [row["score"] for row in told["rows"]] == pytest.approx(
        [bits[tokens == token].mean() for token in order], abs=1e-4
    )
    assert [row["share"] for row in told["rows"]] == pytest.approx(np.sort(sums)[::-1] / bits.sum() * 100, abs=0.006)


def test_tokens_that_are_rare_or_half_a_character_are_not_told_of():
    challenge = letters_with("costly_tokens")
    made = predictions(challenge)
    expected = made.extras["expected"]
    is_late = np.arange(TIME - FIRST) >= 3
    made.extras["expected"] = np.where((expected == LETTERS.index("c")) & is_late, 0, expected)
    told = tell(challenge, made)
    assert told is not None
    assert sorted(row["name"] for row in told["rows"]) == sorted(set(LETTERS) - {"c"})
    assert sum(row["share"] for row in told["rows"]) < 99
    halves = letters_with("costly_tokens", file="two.json")
    assert tell(halves, predictions(halves)) is None


def test_groups_are_those_that_the_challenge_names():
    told = tell(challenge := letters_with("token_groups", **GROUPS), predictions(challenge))
    assert told is not None
    assert [row["name"] for row in told["rows"]] == [{"en": "other", "zh": "其他"}, {"en": "later", "zh": "后来"}]
    for row, letter in zip(told["rows"], "ln", strict=True):
        chosen = costs()[0:ROWS:2][np.equal(CLASSES, letter)[::2]]
        assert row["score"] == pytest.approx(np.nanmean(chosen), abs=1e-4)
    elsewhere = letters_with("token_groups", **{**GROUPS, "column": "unknown"})
    assert tell(elsewhere, predictions(elsewhere)) is None


@pytest.mark.parametrize(
    ("name", "params"), [("positions", {"step": TIME}), ("token_groups", GROUPS), ("costly_tokens", {})]
)
def test_rows_without_weight_are_left_out(name: str, params: dict[str, Any]):
    challenge = letters_with(name, weight="counted", **params)
    one, other = predictions(challenge), predictions(challenge)
    other.extras["bits"][challenge.answers["counted"].to_numpy() == 0] += 3
    told = tell(challenge, one)
    assert told == tell(challenge, other) is not None
    if name == "positions":
        assert told is not None
        assert told["rows"][0]["rows"] == ROWS // 4 * (TIME - FIRST)


def test_slices_may_be_scored_by_a_secondary_metric():
    bits = np.nanmean(costs()[0:ROWS:2], axis=1)
    for metric, expected in (
        ("", np.mean(TIME - FIRST - bits)),
        ("rmse", np.sqrt(np.mean((TIME - FIRST - bits) ** 2))),
    ):
        challenge = letters_with("slices", column="slice_all", metric=metric)
        told = tell(challenge, predictions(challenge))
        assert told == {
            **(told or {}),
            "rows": [{"name": "all", "rows": 30, "score": pytest.approx(expected, abs=1e-4)}],
        }
    unknown = letters_with("slices", column="slice_all", metric="mape")
    with pytest.raises(BrokenChallenge, match="no metric 'mape'"):
        tell(unknown, predictions(unknown))


def test_classes_of_another_source_are_left_out():
    challenge = letters_with("token_classes", column="unknown")
    assert tell(challenge, predictions(challenge)) is None


def test_a_passage_is_told_character_by_character():
    challenge = letters_with("passage")
    told = tell(challenge, predictions(challenge))
    assert told is not None
    assert told["text"] == PASSAGE
    assert len(told["bits"]) == len(PASSAGE) == TIME + 1
    assert told["bits"][: FIRST + 1] == [None] * (FIRST + 1)
    assert told["bits"][FIRST + 1 :] == pytest.approx(costs()[ROWS, FIRST:], abs=0.006)


def test_a_character_of_two_tokens_costs_what_both_cost():
    challenge = letters_with("passage", file="pairs.txt")
    told = tell(challenge, predictions(challenge))
    assert told is not None
    assert len(told["bits"]) == 21
    assert told["bits"][:5] == [None] * 5
    assert told["bits"][20] is None
    pairs = costs()[ROWS, 9:39].reshape(15, 2).sum(1)
    assert told["bits"][5:20] == pytest.approx(pairs, abs=0.006)


def test_a_passage_of_words_is_told_word_by_word():
    challenge = letters_with("passage", file="words.txt", unit="word")
    told = tell(challenge, predictions(challenge))
    assert told is not None
    assert told["text"] == ["a ", "b", "\n", "\n", *["c. "] * (TIME - 3)]
    assert told["bits"][FIRST + 1 :] == pytest.approx(costs()[ROWS, FIRST:], abs=0.006)
    with pytest.raises(BrokenChallenge, match="has 11 words"):
        tell(other := letters_with("passage", unit="word"), predictions(other))


def test_without_a_shown_row_there_is_no_passage():
    challenge = letters_with("passage")
    assert tell(challenge, predictions(challenge, shown=0)) is None


def test_a_sample_is_shown_and_measured():
    challenge = letters_with("text_sample")
    told = tell(challenge, predictions(challenge, sample="A crow sang. The fox ran. The end."))
    assert told is not None
    assert told["text"] == "A crow sang. The fox ran. The end."
    assert told["copied_text"] == ". The fox ran. The "
    assert told["copied"] == 19
    assert told["distinct"] == pytest.approx(28 / 31, abs=1e-4)
    assert told["train_distinct"] == pytest.approx(13 / 31, abs=1e-4)


def test_pairs_of_words_are_counted_where_the_unit_is_a_word():
    challenge = letters_with("text_sample", unit="word")
    told = tell(challenge, predictions(challenge, sample="the fox ran the fox ran the fox"))
    assert told is not None
    assert (told["unit"], told["distinct"]) == ("word", pytest.approx(3 / 7, abs=1e-4))


def test_a_long_sample_is_cut_and_its_copy_too():
    challenge = letters_with("text_sample")
    told = tell(challenge, predictions(challenge, sample=TRAIN * 8))
    assert told is not None
    assert (len(told["text"]), told["copied"], len(told["copied_text"])) == (2000, len(TRAIN), 200)
    assert told["train_distinct"] is None


@pytest.mark.parametrize("sample", ["", " \n"])
def test_without_a_sample_nothing_is_shown(sample: str):
    challenge = letters_with("text_sample")
    assert tell(challenge, predictions(challenge, sample=sample)) is None


@pytest.mark.parametrize("sample", ["x", "中文", "a\x00b"])
def test_any_text_is_a_sample(sample: str):
    challenge = letters_with("text_sample")
    told = tell(challenge, predictions(challenge, sample=sample))
    assert told is not None
    assert 0 < told["distinct"] <= 1


def search(text: str, source: str) -> str:
    """The same by trying every part."""
    best = ""
    for start in range(len(text)):
        while start + len(best) < len(text) and text[start : start + len(best) + 1] in source:
            best = text[start : start + len(best) + 1]
    return best


@pytest.mark.parametrize("seed", range(20))
def test_the_longest_copy_is_the_longest(seed: int):
    rng = np.random.default_rng(seed)
    letters = "ab" if seed % 2 else "abcdefgh"
    text, source = ("".join(rng.choice(list(letters), rng.integers(1, 200))) for _ in range(2))
    found = find_longest_copy(text, source)
    assert len(found) == len(search(text, source))
    assert found in text
    assert found in source


@pytest.mark.parametrize(("text", "source"), [("", "abc"), ("abc", ""), ("abc", "xyz")])
def test_texts_that_share_nothing_have_no_copy(text: str, source: str):
    assert find_longest_copy(text, source) == ""
