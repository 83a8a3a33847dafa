"""BLEU and chrF against second implementations, and texts on their way from a cell to a metric."""

from __future__ import annotations

import math
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU

from challenges.errors import InvalidSubmission, Reason
from challenges.messages import Outcome
from graders.diagnostics import PublicSide
from graders.diagnostics.bleu_parts import bleu_parts
from graders.grading import grade
from graders.kinds.predictions import read_here
from graders.loading import LoadedChallenge, make_challenge
from graders.metrics.bleu import TOKENIZERS, bleu
from graders.metrics.bleu import influence as moves_of_bleu
from graders.metrics.chrf import chrf
from graders.metrics.exact_match import exact_match
from graders.parsing import Parsed
from graders.sandbox.frames import BrokenFrame, Frame
from graders.scoring import BrokenChallenge
from graders.table_wire import dump_parsed, load_parsed
from graders.tables import Expected
from tests.graders.examples import DIGEST, TEXT, job_for, make_manifest, perfect
from tests.sandboxing import shared_box

SIGNS = "我你他她它喜欢的那只猫狗大小红了，。"
LINES = st.lists(st.text(SIGNS, min_size=1, max_size=14), min_size=2, max_size=12)


def as_array(lines: Sequence[str]) -> NDArray[Any]:
    return np.array(list(lines), dtype=object)


def slow_bleu(references: Sequence[str], texts: Sequence[str]) -> float:
    """BLEU by its definition, of texts whose characters are the words; smoothed where an order has no match."""
    total_length, total_expected, logarithms, halvings = 0, 0, 0.0, 0
    for reference, text in zip(references, texts, strict=True):
        total_length, total_expected = total_length + len(text), total_expected + len(reference)
    for order in (1, 2, 3, 4):
        hits = runs = 0
        for reference, text in zip(references, texts, strict=True):
            left = [reference[i : i + order] for i in range(len(reference) - order + 1)]
            for i in range(len(text) - order + 1):
                runs += 1
                if text[i : i + order] in left:
                    left.remove(text[i : i + order])
                    hits += 1
        if runs == 0 or (order == 1 and hits == 0):
            return 0.0
        halvings += hits == 0
        logarithms += math.log(hits / runs if hits else 1 / (2**halvings * runs)) / 4
    short = min(0.0, 1 - total_expected / total_length)
    return 100 * math.exp(short + logarithms)


def slow_chrf(references: Sequence[str], texts: Sequence[str]) -> float:
    """ChrF by its definition, over the orders that both sides have."""
    precisions, recalls = [], []
    for order in range(1, 7):
        hits = given_runs = expected_runs = 0
        for reference, text in zip(references, texts, strict=True):
            known, found = (Counter(x[i : i + order] for i in range(len(x) - order + 1)) for x in (reference, text))
            hits += sum(min(count, known[run]) for run, count in found.items())
            given_runs += sum(found.values()) if known else 0
            expected_runs += sum(known.values())
        if given_runs and expected_runs:
            precisions.append(hits / given_runs)
            recalls.append(hits / expected_runs)
    if not sum(precisions):
        return 0.0
    precision, recall = np.mean(precisions), np.mean(recalls)
    return float(100 * 5 * precision * recall / (4 * precision + recall))


@settings(max_examples=150, deadline=None)
@given(references=LINES, texts=LINES, shared=st.integers(0, 12))
def test_bleu_and_chrf_equal_their_definitions(references: list[str], texts: list[str], shared: int):
    count = min(len(references), len(texts))
    references, texts = references[:count], [*references[:shared], *texts[shared:]][:count]
    texts += references[len(texts) :]
    pair = as_array(references), as_array(texts)
    assert bleu(*pair, tokenize="zh") == pytest.approx(slow_bleu(references, texts), rel=1e-9, abs=1e-9)
    assert bleu(*pair, tokenize="char") == pytest.approx(slow_bleu(references, texts), rel=1e-9, abs=1e-9)
    assert chrf(*pair) == pytest.approx(slow_chrf(references, texts), rel=1e-9, abs=1e-9)


def test_bleu_is_of_the_whole_corpus_and_no_mean_of_rows():
    references, texts = as_array(["我喜欢你的猫。", "他没有狗。"]), as_array(["我喜欢你的猫。", "她不是我。"])
    rows = [bleu(references[i : i + 1], texts[i : i + 1], tokenize="zh") for i in (0, 1)]
    assert rows[0] == pytest.approx(100)
    assert abs(bleu(references, texts, tokenize="zh") - np.mean(rows)) > 1


def test_a_text_that_is_too_short_pays_and_one_without_words_is_worth_nothing():
    references = as_array(["我喜欢你的大猫和小狗。"] * 4)
    assert bleu(references, as_array(["我喜欢你的大猫和"] * 4), tokenize="zh") == pytest.approx(100 * math.exp(-3 / 8))
    assert bleu(references, as_array(["", " ", "", ""]), tokenize="zh") == 0
    assert not moves_of_bleu(references, as_array([""] * 4), tokenize="zh").any()


def test_tokenizers_that_need_a_download_are_not_taken():
    assert all(bleu(as_array(["a b c d"]), as_array(["a b c d"]), tokenize=name) >= 0 for name in TOKENIZERS)
    with pytest.raises(ValueError, match="flores200"):
        bleu(as_array(["a"]), as_array(["a"]), tokenize="flores200")


@pytest.mark.parametrize("metric", [bleu, chrf])
def test_two_thousand_rows_are_scored_within_seconds(metric: Callable[..., float]):
    rng = np.random.default_rng(5)
    lines = ["".join(rng.choice(list(SIGNS), 200)) for _ in range(4000)]
    started = time.process_time()
    metric(as_array(lines[:2000]), as_array(lines[2000:]))
    assert time.process_time() - started < 15


PARTS = {"name": "bleu_parts", "title": TEXT}


def parts_of(folder: Path, *, public: int = 45) -> tuple[dict[str, Any], list[str], list[str]]:
    """What is told of translations of which some miss their end, the public ones, and their references."""
    manifest = make_manifest(
        [{"name": "words", "type": "text"}],
        {"name": "bleu", "direction": "max", "columns": ["words"], "params": {"tokenize": "zh"}, "decimals": 2},
        diagnostics=[PARTS],
    )
    rng = np.random.default_rng(3)
    lines = ["".join(rng.choice(list(SIGNS), rng.integers(5, 12))) for _ in range(90)]
    given = [line[: len(line) - number % 4] + "红" * (number % 7 == 0) for number, line in enumerate(lines)]
    sides = ["public"] * public + ["private"] * (90 - public)
    answers = pl.DataFrame({"id": [f"a{number:07d}" for number in range(90)], "words": lines, "side": sides})
    challenge = make_challenge(manifest, answers, dataset_digest=DIGEST)
    answers.select("id", words=pl.Series(given)).write_csv(folder / "p.csv")
    told = grade(job_for(folder / "p.csv"), folder / "p.csv", challenge, shared_box()).diagnostics
    return (told[0] if told else {}), given[:public], lines[:public]


def test_the_parts_of_a_bleu_are_those_that_sacrebleu_tells(tmp_path: Path):
    told, given, references = parts_of(tmp_path)
    reference = BLEU(tokenize="zh")
    expected = reference.corpus_score(given, [references])
    assert [row["order"] for row in told["rows"]] == [1, 2, 3, 4]
    assert [row["score"] for row in told["rows"]] == pytest.approx(expected.precisions, abs=0.005)
    assert [row["matches"] for row in told["rows"]] == expected.counts
    assert [row["rows"] for row in told["rows"]] == expected.totals
    assert told["penalty"] == pytest.approx(expected.bp, abs=5e-5)
    assert 0 < told["penalty"] < 1
    assert (told["length"], told["expected"]) == (expected.sys_len, expected.ref_len)
    assert told["signature"] == str(reference.get_signature())


def test_a_handful_of_translations_has_no_parts(tmp_path: Path):
    assert parts_of(tmp_path, public=4)[0] == {}


def test_only_a_bleu_has_such_parts():
    metric = {"name": "chrf", "direction": "max", "columns": ["words"]}
    manifest = make_manifest([{"name": "words", "type": "text"}], metric, diagnostics=[PARTS])
    answers = pl.DataFrame({"id": ["a", "b"], "words": ["我", "你"], "side": ["public", "private"]})
    with pytest.raises(BrokenChallenge, match="not bleu"):
        bleu_parts(PublicSide(make_challenge(manifest, answers, dataset_digest=DIGEST)))


def text_challenge(**column: Any) -> LoadedChallenge:
    manifest = make_manifest(
        [{"name": "words", "type": "text", **column}],
        {"name": "bleu", "direction": "max", "columns": ["words"], "params": {"tokenize": "zh"}},
        secondary=[
            {"name": "chrf", "direction": "max", "columns": ["words"]},
            {"name": "exact_match", "direction": "max", "columns": ["words"]},
        ],
        diagnostics=[
            {"name": "worst_rows", "title": TEXT, "params": {"file": "test.csv", "columns": ["source"], "count": 3}},
            {"name": "slices", "title": TEXT, "params": {"column": "slice_size"}},
        ],
    )
    rng = np.random.default_rng(2)
    lines = ["".join(rng.choice(list(SIGNS), 8)) for _ in range(90)]
    answers = pl.DataFrame(
        {
            "id": [f"a{number:07d}" for number in range(90)],
            "words": lines,
            "slice_size": ["even", "odd"] * 45,
            "side": ["public"] * 45 + ["private"] * 45,
        }
    )
    public = answers.select("id", source=pl.format("sentence {}", pl.int_range(pl.len()))).write_csv().encode()
    return make_challenge(manifest, answers, dataset_digest=DIGEST, read_public=lambda _: public)


def test_texts_are_scored_with_their_error_and_shown_without_their_reference(tmp_path: Path):
    challenge = text_challenge(most_characters=20)
    frame = perfect(challenge).with_columns(
        words=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("它它它它")).otherwise(pl.col("words"))
    )
    frame.write_parquet(tmp_path / "p.parquet")
    verdict = grade(job_for(tmp_path / "p.parquet"), tmp_path / "p.parquet", challenge, shared_box())
    assert verdict.outcome is Outcome.SCORED
    assert verdict.public is not None
    assert verdict.private is not None
    assert (verdict.private.score, verdict.private.secondary) == (100.0, {"chrf": 100.0, "exact_match": 1.0})
    assert 90 < verdict.public.score < 100
    assert verdict.public.standard_error is not None
    assert 0.5 < verdict.public.standard_error < 5
    worst, slices = verdict.diagnostics
    assert worst["columns"] == ["source", "words"]
    assert worst["rows"][0] == ["sentence 7", "它它它它"]
    assert challenge.answers["words"][7] not in str(verdict.diagnostics)
    assert [row["name"] for row in slices["rows"]] == ["even", "odd"]


def read(challenge: LoadedChallenge, content: bytes, name: str = "p.csv") -> list[str]:
    texts: list[str] = read_here(content, name, challenge.manifest, challenge.index).columns["words"].tolist()
    return texts


def file_with(challenge: LoadedChallenge, cell: str, suffix: str, folder: Path) -> bytes:
    frame = perfect(challenge).with_columns(
        words=pl.when(pl.int_range(pl.len()) == 2).then(pl.lit(cell)).otherwise(pl.col("words"))
    )
    path = folder / f"p{suffix}"
    match suffix:
        case ".csv":
            frame.write_csv(path)
        case ".jsonl":
            frame.write_ndjson(path)
        case ".parquet":
            frame.write_parquet(path)
        case _:
            np.savez(path, **{name: np.array(frame[name].to_list()) for name in frame.columns})  # type: ignore[arg-type]
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".npz"])
def test_texts_come_in_one_form(suffix: str, tmp_path: Path):
    challenge = text_challenge()
    for cell in (' "她, 好" ', unicodedata.normalize("NFD", "café"), "\u3000一二三\u3000"):
        found = read(challenge, file_with(challenge, cell, suffix, tmp_path), f"p{suffix}")
        assert found[2] == unicodedata.normalize("NFC", cell).strip()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".npz"])
@pytest.mark.parametrize(
    ("cell", "reason", "facts"),
    [
        ("", Reason.EMPTY_CELL, {}),
        ("  ", Reason.EMPTY_CELL, {}),
        ("她" * 21, Reason.TEXT_TOO_LONG, {"found": 21, "limit": 20}),
        ("a\nb", Reason.INVISIBLE_CHARACTER, {"value": "U+000A"}),
        ("a\tb", Reason.INVISIBLE_CHARACTER, {"value": "U+0009"}),
        ("a\x07b", Reason.INVISIBLE_CHARACTER, {"value": "U+0007"}),
        ("a\u202eb", Reason.INVISIBLE_CHARACTER, {"value": "U+202E"}),
        ("a\u200bb", Reason.INVISIBLE_CHARACTER, {"value": "U+200B"}),
        ("a\u2028b", Reason.INVISIBLE_CHARACTER, {"value": "U+2028"}),
    ],
)
def test_odd_texts_are_refused(cell: str, reason: Reason, facts: dict[str, Any], suffix: str, tmp_path: Path):
    challenge = text_challenge(most_characters=20)
    content = file_with(challenge, cell, suffix, tmp_path)
    with pytest.raises(InvalidSubmission) as refusal:
        read(challenge, content, f"p{suffix}")
    (fault,) = refusal.value.faults
    assert (fault.reason, fault.facts) == (reason, {"row": 3, "column": "words", **facts})
    assert fault.sentence


@pytest.mark.parametrize("text", ["", "她" * 21, "a\u202eb"])
def test_a_guest_that_sends_odd_texts_is_not_believed(text: str):
    challenge = text_challenge(most_characters=20)
    manifest = challenge.manifest
    expected = Expected(manifest.submission, manifest.limits, 1, pl.String)
    note, arrays = dump_parsed(Parsed(pl.Series("id", ["a"]), {"words": as_array([text])}))
    with pytest.raises(BrokenFrame, match="texts"):
        load_parsed(Frame(note, arrays), expected)


def test_answers_of_texts_have_no_gaps():
    challenge = text_challenge()
    answers = challenge.answers.with_columns(words=None, side=pl.Series(["public", "private"] * 45))
    with pytest.raises(BrokenChallenge, match="texts without gaps"):
        make_challenge(challenge.manifest, answers)


def test_exact_match_counts_every_character():
    assert exact_match(as_array(["好。", "好。"]), as_array(["好。", "好."])) == 0.5
