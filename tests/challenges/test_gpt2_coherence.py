"""Stories of the village and what gpt2_coherence makes of them: words have ids, endings true or wrong, sides fit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest
from numpy.typing import NDArray
from PIL import Image

from challenges._generators.dice import Dice
from challenges._generators.grading import Mark
from challenges._generators.keys import Keys
from challenges._generators.lexicon import HOUSE, VILLAGE
from challenges._generators.stories import Story, tell_story
from challenges.errors import InvalidSource
from challenges.messages import Outcome
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_script
from tests.real_data import REAL, needs_files, serve_real_files

FOLDER = CHALLENGES / "gpt2_coherence"
KEYS = Keys(SECRET, "demo", 1)
SCRIPT = load_script(FOLDER, "prepare")
BASELINE = load_script(FOLDER, "baseline")
GRADE = load_script(FOLDER, "grade")
END = SCRIPT.END


@pytest.fixture
def stories() -> list[Story]:
    dice = Dice(KEYS.rng("stories"))
    return [SCRIPT.tell_short_story(dice, ["Ladoth", "Sprae", "Kroumia", "Haen"]) for _ in range(200)]


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    return workshop.prepare("gpt2_coherence")


def load_vocabulary(made: Prepared) -> dict[str, int]:
    vocabulary: dict[str, int] = json.loads((made.public / "vocab.json").read_text("utf-8"))
    return vocabulary


def load_tokens(made: Prepared) -> NDArray[Any]:
    """Hidden rows in the order of the ids; the shown one comes last."""
    with np.load(made.hidden / "inputs.npz", allow_pickle=False) as arrays:
        assert arrays["id"].tolist() == [*made.answers.sort("id")["id"].to_list(), "passage"]
        tokens: NDArray[Any] = arrays["tokens"]
    return tokens


def load_text(made: Prepared, name: str = "train.txt") -> str:
    return (made.public / name).read_bytes().decode()


def load_windows(made: Prepared) -> list[list[str]]:
    """Words of each hidden row, without the shown one."""
    words = list(load_vocabulary(made))
    return [[words[token] for token in row] for row in load_tokens(made)[:-1].tolist()]


def load_pairs(made: Prepared) -> list[tuple[list[str], list[str], dict[str, Any]]]:
    """Windows with the true and the wrong ending of each story, and the answers of the true one."""
    rows = list(zip(load_windows(made), made.answers.sort("id").to_dicts(), strict=True))
    found = {row["pair"]: (window, row) for window, row in rows}
    return [(found[number][0], found[-number][0], found[number][1]) for number in range(1, SCRIPT.PAIRS + 1)]


def test_the_village_has_many_more_words_than_the_house():
    for field in fields(HOUSE):
        small, large = getattr(HOUSE, field.name), getattr(VILLAGE, field.name)
        if isinstance(small, tuple):
            assert small == large[: len(small)]
            assert len(set(large)) == len(large)
    nouns = [word for words in (VILLAGE.trades, VILLAGE.rooms, VILLAGE.qualities, VILLAGE.nouns) for word in words]
    assert len(nouns) == len(set(nouns)) > 4.5 * (20 + 18 + 18 + 24)
    assert not [trade for trade in VILLAGE.trades if trade[0] in "aeiou"]


def test_people_have_the_names_that_are_given():
    dice = Dice(KEYS.rng("named"))
    told = [tell_story(dice, VILLAGE, ["Ladoth", "Sprae", "Kroumia"]) for _ in range(50)]
    assert {name for story in told for name in story.names} == {"Ladoth", "Sprae", "Kroumia"}
    assert all(len(set(story.names)) == len(story.names) for story in told)


def test_an_ending_is_what_happened(stories: list[Story]):
    """Followed once more, sentence by sentence, by somebody who only reads."""
    for story in stories:
        places, holder, moves = follow(story)
        assert places[holder] == story.room
        assert moves == story.moves
        assert story.room not in story.others
        told = " ".join(each.text for each in (*story.beginning, *story.middle))
        assert all(re.search(rf"\b{other}\b", told) for other in story.others)


def follow(story: Story) -> tuple[dict[str, str], str, int]:
    """Where everybody and everything is, who or what the ending's thing is with, and how often that was carried."""
    name, trade = r"(\w+) the (\w+) was in the (\w+)\.", r"In the (\w+) stood a (\w+) called (\w+)\."
    known, places = dict[str, str](), dict[str, str]()
    told = re.fullmatch(r"At .+?, (?:\w+ still had )?the (\w+ \w+) (?:was )?in the \w+\.", story.end.text)
    assert told is not None
    thing, holder, moves, at = told.group(1), told.group(1), 0, ""
    for sentence in story.beginning:
        if found := re.fullmatch(name, sentence.text):
            places[found.group(1)], known[f"the {found.group(2)}"] = found.group(3), found.group(1)
        elif found := re.fullmatch(trade, sentence.text):
            places[found.group(3)], known[f"the {found.group(2)}"] = found.group(1), found.group(3)
        elif found := re.fullmatch(rf"(?:The|Somebody had left the) {thing} (?:lay )?in the (\w+)\.", sentence.text):
            places[thing] = found.group(1)
    for sentence in story.middle:
        actor = re.match(r"(The \w+|\w+)", sentence.text)
        person = actor.group(1) if actor else ""
        at = at if person in ("She", "He") else known.get(person.replace("The", "the"), person)
        if sentence.kind == "greet":
            said = re.search(r"said (the \w+|\w+)\.", sentence.text)
            at = known.get(said.group(1), said.group(1)) if said else at
        elif sentence.kind == "go":
            places[at] = re.findall(r"the (\w+)(?:, carrying .+)?\.", sentence.text)[-1]
            moves += holder == at
        elif sentence.kind in ("take", "drop") and f"the {thing}" in sentence.text:
            places[thing], holder = places[at], at if sentence.kind == "take" else thing
        elif sentence.kind == "give" and f"the {thing}" in sentence.text:
            given = sentence.text.rsplit(" to ", 1)[1].rstrip(".")
            holder = known.get(given, given)
    return places, holder, moves


def test_every_word_of_a_story_has_an_id(made: Prepared):
    vocabulary = load_vocabulary(made)
    assert list(vocabulary.values()) == list(range(SCRIPT.SIZE))
    assert not [word for word in vocabulary if "unused" in word]
    tokens = load_tokens(made)
    assert (tokens.dtype, tokens.shape) == (np.dtype("uint16"), (2 * SCRIPT.PAIRS + 1, SCRIPT.WINDOW))
    assert tokens.max() < SCRIPT.SIZE
    assert vocabulary[SCRIPT.UNKNOWN] not in tokens
    assert (BASELINE.encode(load_text(made), vocabulary) != vocabulary[SCRIPT.UNKNOWN]).all()


def test_the_tokenizer_says_what_the_vocabulary_says(made: Prepared):
    told, vocabulary = json.loads(load_text(made, "tokenizer.json")), load_vocabulary(made)
    assert told["model"] == {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"}
    assert {word["content"]: word["id"] for word in told["added_tokens"]} == {END: 0, "<unk>": 1}
    assert (told["normalizer"]["pattern"], told["normalizer"]["content"]) == ({"String": "\n"}, f" {END} ")
    assert told["pre_tokenizer"] == {"type": "WhitespaceSplit"}


def test_a_wrong_ending_differs_in_the_room_alone(made: Prepared):
    for true, wrong, answer in load_pairs(made):
        (place,) = [at for at, (one, other) in enumerate(zip(true, wrong, strict=True)) if one != other]
        assert place == SCRIPT.WINDOW - 3
        assert {true[place], wrong[place]} <= set(VILLAGE.rooms)
        assert wrong[place] in true[:place]
        assert true[-2:] == [".", END]
        assert (answer["tokens"], answer["slice_moves"] in ("0", "1", "2+")) == (112, True)


def test_both_endings_are_on_one_side_and_the_wrong_ones_do_not_count(made: Prepared):
    answers = made.answers.with_columns(story=pl.col("pair").abs())
    sides = answers.group_by("story").agg(pl.col("side").n_unique(), pl.col("tokens").sum(), pl.len())
    assert sides.select("side", "tokens", "len").unique().rows() == [(1, 112, 2)]
    assert (answers["side"] == "public").sum() == round(0.3 * SCRIPT.PAIRS) * 2
    assert answers.filter(pl.col("pair") < 0)["tokens"].unique().to_list() == [0]


def test_the_nearest_room_does_not_tell_an_ending(made: Prepared):
    """Whoever takes the room that was mentioned last, or most often, must not do well."""
    last, count = [], []
    for true, wrong, _ in load_pairs(made):
        before, rooms = true[:-3], (true[-3], wrong[-3])
        place = [before[::-1].index(room) if room in before else SCRIPT.WINDOW for room in rooms]
        last.append(place[0] < place[1])
        count.append((1 + np.sign(before.count(rooms[0]) - before.count(rooms[1]))) / 2)
    assert 0.3 < np.mean(last) < 0.7
    assert 0.3 < np.mean(count) < 0.75


def test_letters_stand_beside_their_words(made: Prepared):
    sentences, words = Counter[str](), Counter[str]()
    for window, row in zip(load_windows(made), made.answers.sort("id").to_dicts(), strict=True):
        assert len(row["sentences"]) == len(row["words"]) == SCRIPT.WINDOW - 1
        assert row["sentences"].endswith(
            16 * "e"
        )  # At the end of the day , the old key was in the hall . <|endoftext|>
        for word, letter in zip(window[1:], row["words"], strict=True):
            assert (letter == SCRIPT.ROOM) == (word in VILLAGE.rooms)
            assert (letter == SCRIPT.TRADE) == (word in VILLAGE.trades)
            assert (letter == SCRIPT.MARK) == (not word.isalpha())
        sentences.update(row["sentences"])
        words.update(row["words"])
    assert set(sentences) == set(SCRIPT.KINDS.values())
    assert set(words) == set("ntrowp")
    groups = [d for d in made.package.manifest.diagnostics if d.name == "token_groups"]
    assert [set(str(d.params["letters"])) for d in groups] == [set(sentences), set(words)]


def test_hidden_stories_are_nowhere_public(made: Prepared):
    train, shown = load_text(made), load_text(made, "passage.txt")
    windows = [" ".join(window) for window in load_windows(made)]
    assert len(set(windows)) == len(windows)
    for window in windows:
        *_, story = window.removesuffix(f" {END}").split(f" {END} ")
        assert story not in train
        assert story not in shown


def test_the_shown_passage_is_published_word_by_word(made: Prepared):
    told = BASELINE.encode(load_text(made, "passage.txt"), load_vocabulary(made)).tolist()
    assert told == load_tokens(made)[-1].tolist()


def test_what_is_known_of_nothing_is_scored_as_chance(made: Prepared):
    verdict = made.grade(made.sample_file)
    assert verdict.outcome is Outcome.SCORED
    for side in (verdict.public, verdict.private):
        assert side is not None
        assert side.score == pytest.approx(768, rel=1e-5)
        assert side.secondary == {"pair_accuracy": 0.5}
    kinds = [told["kind"] for told in verdict.diagnostics]
    assert kinds == ["slices", "token_groups", "token_groups", "positions", "passage"]
    # 180 stories, wrong endings left out
    assert [row["rows"] for row in verdict.diagnostics[3]["rows"]] == [180 * 16] * 7


def test_the_preview_shows_who_where_and_what_in_colours(made: Prepared):
    with Image.open(made.public / "preview.png") as image:
        assert image.size == (640, 360)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 16) or []}
    assert {SCRIPT.INK, *SCRIPT.COLOURS.values()} <= colours


def test_texts_become_tokens_and_texts_again(made: Prepared):
    vocabulary, text = load_vocabulary(made), load_text(made)[:5000]
    lines = text[: text.rindex("\n") + 1]
    assert BASELINE.decode(BASELINE.encode(lines, vocabulary).tolist(), vocabulary) == lines


def test_the_baseline_sends_texts_with_its_model_and_warns_of_nothing(made: Prepared, tmp_path: Path):
    (tmp_path / "vocab.json").write_bytes((made.public / "vocab.json").read_bytes())
    (tmp_path / "train.txt").write_text(load_text(made)[:9000], "utf-8")
    (tmp_path / "prompts.jsonl").write_text("".join(load_text(made, "prompts.jsonl").splitlines(keepends=True)[:4]))
    script, out = str(FOLDER / "baseline.py"), str(tmp_path / "model.onnx")
    done = subprocess.run(
        [sys.executable, "-W", "error", script, "--data", str(tmp_path), "--out", out, "--steps", "2", "--write"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert archive.namelist() == ["model.onnx", "generations.jsonl"]
        assert archive.read("generations.jsonl").decode() == (tmp_path / "generations.jsonl").read_text("utf-8")
    verdict = made.grade(tmp_path / "model.zip")
    assert verdict.outcome is Outcome.SCORED
    (told,) = [told for told in verdict.diagnostics if told["kind"] == "continuations"]
    assert (told["texts"], told["prompts"], told["fault_count"]) == (4, 50, 0)
    assert sum(told["marks"].values()) >= 4


def test_prompts_are_beginnings_of_stories_that_are_nowhere_else(made: Prepared):
    rows = [json.loads(line) for line in load_text(made, "prompts.jsonl").splitlines()]
    assert [row["id"] for row in rows] == [f"p{number:02}" for number in range(1, 51)]
    vocabulary, known = load_vocabulary(made), load_text(made) + load_text(made, "passage.txt")
    windows = "\n".join(" ".join(window) for window in load_windows(made))
    for row in rows:
        assert set(row["text"].split()) <= set(vocabulary)
        assert row["text"] not in known
        assert row["text"] not in windows
        assert [each.mark.value for each in GRADE.mark("", row["text"]) or []] == ["right"] * row["text"].count(" .")


def test_true_stories_are_marked_right_and_other_texts_not(stories: list[Story]):
    for story in stories[:50]:
        prompt, *rest = ("\n".join(each.text for each in part) for part in (story.beginning, story.middle, [story.end]))
        marked = GRADE.mark(prompt, " ".join(rest))
        assert marked is not None
        assert {each.mark for each in marked} == {Mark.RIGHT}
        assert GRADE.mark("", " ".join(rest)) is not None
        assert Mark.WRONG in {each.mark for each in GRADE.mark("", " ".join(rest)) or []}
    assert GRADE.mark("The Battle of Hastings was fought in 1066 .", "It was raining .") is None


def test_the_baseline_exports_what_it_computes(tmp_path: Path):
    torch = BASELINE.torch
    network = BASELINE.Network(50)
    BASELINE.export(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for rows, time in ((1, 1), (3, BASELINE.LENGTH)):
        tokens = torch.randint(50, (rows, time))
        (found,) = session.run(["logits"], {"tokens": tokens.numpy()})
        assert found == pytest.approx(network(tokens).detach().numpy(), abs=1e-4)


@needs_files
def test_a_fifth_of_the_articles_is_hidden(workshop: Workshop):
    with serve_real_files(REAL / "wikitext-2-sample") as mirror:  # elsewhere, other files have the same names
        made = workshop.prepare("gpt2_coherence", source="real", mirror=mirror)
    train, answers = load_text(made), made.answers
    assert answers.height == SCRIPT.ARTICLE_ROWS
    assert answers["pair"].unique().to_list() == [0]
    assert (answers["side"] == "public").sum() == 0.3 * SCRIPT.ARTICLE_ROWS
    assert 0.7 < len(train.split()) / 455_097 < 0.9
    unknown = (load_tokens(made) == load_vocabulary(made)["<unk>"]).mean()
    assert 0.3 < unknown < 0.4
    shown = load_text(made, "passage.txt")
    assert not any(line in train for line in shown.split("\n")[1:-1] if len(line) > 40)
    verdict = made.grade(made.sample_file)
    assert verdict.public is not None
    assert verdict.public.score == pytest.approx(768, rel=1e-5)
    assert verdict.public.secondary == {}
    assert [told["kind"] for told in verdict.diagnostics] == ["positions", "passage"]
    assert made.package.manifest.sources["real"].honour_system
    with Image.open(made.public / "preview.png") as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 16) or []}
    assert {SCRIPT.INK, SCRIPT.COLOURS[SCRIPT.ROOM]} <= colours
    prompts = [json.loads(line)["text"] for line in load_text(made, "prompts.jsonl").splitlines()]
    assert len(prompts) == len(set(prompts)) == 50
    assert all(len(prompt.split()) == 32 and prompt in train for prompt in prompts)
    assert GRADE.mark(prompts[0], "It was raining .") is None


@pytest.mark.parametrize("content", [b"", b" = One = \n text\n", b"\xff"], ids=["empty", "one", "not UTF-8"])
def test_files_without_articles_are_refused(content: bytes, tmp_path: Path):
    (tmp_path / "valid.txt").write_bytes(content)
    with pytest.raises(InvalidSource, match=r"articles|valid\.txt"):
        SCRIPT.load_articles(tmp_path)
