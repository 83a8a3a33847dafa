"""Stories and what char_rnn makes of them: names come again and are new, hidden text is nowhere public, ids fit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from PIL import Image

from challenges._generators.dice import Dice
from challenges._generators.keys import Keys
from challenges._generators.lexicon import HOUSE
from challenges._generators.pictures import save_text
from challenges._generators.stories import Story, make_name, tell_story
from challenges.errors import InvalidSource
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_script
from tests.real_data import needs_files, serve_real_files

FOLDER = CHALLENGES / "char_rnn"
KEYS = Keys(SECRET, "demo", 1)
SCRIPT = load_script(FOLDER, "prepare")
BASELINE = load_script(FOLDER, "baseline")


@pytest.fixture
def stories() -> list[Story]:
    dice = Dice(KEYS.rng("stories"))
    return [tell_story(dice) for _ in range(300)]


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    return workshop.prepare("char_rnn")


def load_inputs(made: Prepared) -> tuple[list[str], NDArray[Any]]:
    """Ids and tokens of the hidden rows; the shown one comes last."""
    with np.load(made.hidden / "inputs.npz", allow_pickle=False) as arrays:
        return arrays["id"].tolist(), arrays["tokens"]


def load_vocabulary(made: Prepared) -> dict[str, Any]:
    vocabulary: dict[str, Any] = json.loads((made.public / "vocab.json").read_text("utf-8"))
    return vocabulary


def load_text(made: Prepared, name: str = "train.txt") -> str:
    return (made.public / name).read_bytes().decode()


def decode_windows(made: Prepared) -> list[str]:
    """Hidden windows as text, without the shown one; of two tokens a character, the last half is left out."""
    vocabulary = load_vocabulary(made)
    even = len(load_inputs(made)[1][0]) // vocabulary["tokens_per_character"] * vocabulary["tokens_per_character"]
    return [BASELINE.decode(row[:even].tolist(), vocabulary) for row in load_inputs(made)[1][:-1]]


def test_equal_streams_tell_equal_stories(stories: list[Story]):
    dice = Dice(KEYS.rng("stories"))
    assert [tell_story(dice) for _ in range(300)] == stories
    assert tell_story(Dice(KEYS.rng("other"))) != stories[0]


def test_names_come_again_in_their_story(stories: list[Story]):
    counts = [len(re.findall(rf"\b{name}\b", story.text)) for story in stories for name in story.names]
    assert min(counts) >= 1
    assert np.mean([count >= 2 for count in counts]) > 0.9
    assert np.mean(counts) > 4


def test_names_are_new_in_every_story_and_begin_differently_within_one(stories: list[Story]):
    dice = Dice(KEYS.rng("names"))
    names = [make_name(dice) for _ in range(5000)]
    assert sum(count - 1 for count in Counter(names).values()) < 25
    assert all(len({name[0] for name in story.names}) == len(story.names) in (2, 3) for story in stories)
    assert make_name(dice, ["Anna"])[0] != "A"


def test_an_ending_is_where_the_story_left_the_thing(stories: list[Story]):
    checked = 0
    for story in stories:
        *lines, end = story.text.split("\n")
        lying = re.fullmatch(r"At the end of the day, the (.+) was in the (\w+)\.", end)
        if lying is None:
            assert re.fullmatch(r"At the end of the day, \w+ still had the .+ in the \w+\.", end)
            continue
        thing, room = lying.groups()
        left = re.findall(rf"(?:left|put down|hid) the {thing} in the (\w+)\.", " ".join(lines))
        left = left or re.findall(rf"The {thing} lay in the (\w+)\.", lines[0])
        assert left[-1] == room
        checked += 1
    assert checked > 50


def test_people_are_called_by_their_trade_too(stories: list[Story]):
    later = " ".join(story.text.split("\n")[1] for story in stories)
    assert all(f"the {trade}" in later or f"The {trade}" in later for trade in HOUSE.trades)


def test_the_vocabulary_is_closed(made: Prepared):
    vocabulary = load_vocabulary(made)
    assert vocabulary["size"] == 96 == len(set(vocabulary["characters"]))
    assert set(load_text(made)) <= set(vocabulary["characters"])
    _, tokens = load_inputs(made)
    assert (tokens.dtype, tokens.shape) == (np.dtype("uint8"), (401, 257))
    assert tokens.max() < 96


def test_rows_are_those_of_the_answers_and_one_that_is_published(made: Prepared):
    ids, tokens = load_inputs(made)
    assert ids == [*made.answers.sort("id")["id"].to_list(), "passage"]
    assert made.answers["characters"].unique().to_list() == [240]
    shown = load_text(made, "passage.txt")
    assert BASELINE.decode(tokens[-1].tolist(), load_vocabulary(made)) == shown
    assert shown not in decode_windows(made)


def test_hidden_text_is_nowhere_public(made: Prepared):
    train, windows = load_text(made) + load_text(made, "passage.txt"), decode_windows(made)
    assert len(set(windows)) == len(windows)
    assert not any(half in train for window in windows for half in (window[:128], window[128:]))


def test_hidden_people_are_not_those_of_the_training_text(made: Prepared):
    train, hidden = load_text(made), made.answers.sort("id")
    names = set()
    for window, classes in zip(decode_windows(made), hidden["classes"].to_list(), strict=True):
        names |= {window[1:][m.start() : m.end()] for m in re.finditer(r"(?<=s)N{4,}(?=[sp])", classes)}
    assert len(names) > 300
    assert sum(f"{name} " in train for name in names) / len(names) < 0.03


def test_classes_stand_beside_their_characters(made: Prepared):
    seen = Counter[str]()
    for window, row in zip(decode_windows(made), made.answers.sort("id").iter_rows(named=True), strict=True):
        assert len(row["classes"]) == 256
        assert row["slice_place"] in ("beginning", "middle", "end")
        for character, letter in zip(window[1:], row["classes"], strict=True):
            assert character.isspace() == (letter == "s")
            assert character.isalpha() == (letter in "Nnl")
        seen.update(row["classes"])
    shares = {letter: count / seen.total() for letter, count in seen.items()}
    assert set(shares) == set("Nnlsp")
    assert 0.02 < shares["N"] < 0.1
    assert shares["n"] > 0.03


def test_the_sample_model_takes_any_size_and_knows_nothing(made: Prepared):
    model = onnxruntime.InferenceSession(made.sample_file)
    for rows, time in ((1, 1), (7, 32), (2, 256)):
        (logits,) = model.run(["logits"], {"tokens": np.full((rows, time), 95)})
        assert (logits.shape, logits.dtype.name) == ((rows, time, 96), "float32")
        assert not logits.any()


def test_the_preview_shows_names_in_colours(made: Prepared, tmp_path: Path):
    with Image.open(made.public / "preview.png") as image:
        assert image.size == (640, 360)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 16) or []}
    assert {SCRIPT.INK, SCRIPT.NEW, SCRIPT.OLD} <= colours
    save_text(tmp_path / "wrapped.png", [("word " * 30, SCRIPT.INK)], size=(100, 300))
    with Image.open(tmp_path / "wrapped.png") as image:
        inked = (np.asarray(image.convert("L")) < 128).any(1)
    assert (np.diff(inked.astype(int)) == 1).sum() >= 10


@pytest.mark.parametrize("tokens_per_character", [1, 2])
def test_texts_become_tokens_and_texts_again(tokens_per_character: int):
    characters = "".join(chr(0x4E00 + n) for n in range(5000)) if tokens_per_character == 2 else SCRIPT.KEYBOARD
    vocabulary = {"size": 96, "tokens_per_character": tokens_per_character, "characters": characters}
    text = characters[::7]
    tokens = BASELINE.encode(text, vocabulary)
    corpus = SCRIPT.Corpus("", [], [], characters, tokens_per_character)
    assert tokens.tolist() == SCRIPT.encode(text, corpus).tolist()
    assert BASELINE.decode(tokens.tolist(), vocabulary) == text


def test_the_baseline_sends_a_text_with_its_model_and_warns_of_nothing(made: Prepared, tmp_path: Path):
    (tmp_path / "vocab.json").write_bytes((made.public / "vocab.json").read_bytes())
    (tmp_path / "train.txt").write_text(load_text(made)[:5000], "utf-8")
    script, out = str(FOLDER / "baseline.py"), str(tmp_path / "model.onnx")
    done = subprocess.run(
        [sys.executable, "-W", "error", script, "--data", str(tmp_path), "--out", out, "--steps", "2", "--sample"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert archive.namelist() == ["model.onnx", "sample.txt"]
        assert archive.read("model.onnx") == (tmp_path / "model.onnx").read_bytes()
        assert archive.read("sample.txt").decode() == (tmp_path / "sample.txt").read_text("utf-8")
        assert len(archive.read("sample.txt").decode()) == 2000


def test_the_baseline_exports_what_it_computes(tmp_path: Path):
    torch = BASELINE.torch
    network = BASELINE.Network(96)
    BASELINE.export(network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for rows, time in ((1, 1), (3, 40)):
        tokens = torch.randint(96, (rows, time))
        (found,) = session.run(["logits"], {"tokens": tokens.numpy()})
        assert found == pytest.approx(network(tokens).detach().numpy(), abs=1e-5)


@needs_files
def test_a_fifth_of_shakespeare_is_hidden(workshop: Workshop):
    with serve_real_files() as mirror:
        made = workshop.prepare("char_rnn", source="real", mirror=mirror)
    train, windows = load_text(made), decode_windows(made)
    assert 300 < len(windows) == made.answers.height < 400
    assert 0.75 < len(train) / 1_115_394 < 0.85
    assert not any(window in train for window in windows)
    assert all(len(window) == 257 for window in windows)
    assert load_text(made, "passage.txt") not in train
    assert set(train) <= set(load_vocabulary(made)["characters"])
    assert made.package.manifest.sources["real"].honour_system


@needs_files
def test_a_fifth_of_the_poems_is_hidden(workshop: Workshop):
    with serve_real_files() as mirror:
        made = workshop.prepare("char_rnn", source="poems", mirror=mirror)
    vocabulary, train, windows = load_vocabulary(made), load_text(made), decode_windows(made)
    assert vocabulary["tokens_per_character"] == 2
    assert vocabulary["characters"].index("月") > 1000
    assert load_inputs(made)[1].max() < 96
    assert 150 < len(windows) < 350
    assert all(len(window) == 128 and window[0] not in "\n，。" for window in windows)
    poems = {poem for poem in train.split("\n\n") if poem}
    assert not any(window.split("\n\n")[0] in poems for window in windows)
    assert load_text(made, "passage.txt")[:128] == BASELINE.decode(load_inputs(made)[1][-1][:256].tolist(), vocabulary)
    assert not set("[]{}□") & set(train)


@pytest.mark.parametrize("content", [b"", "caf\u00e9".encode(), b"a\r\nb"], ids=["empty", "accents", "CR"])
def test_plays_of_other_characters_are_refused(content: bytes, tmp_path: Path):
    (tmp_path / "input.txt").write_bytes(content)
    with pytest.raises(InvalidSource, match=r"input\.txt"):
        SCRIPT.load_plays(tmp_path)


@pytest.mark.parametrize("content", [b"not json", b"[1]", b'[{"title": "a"}]', b'[{"paragraphs": 1}]', b"[]"])
def test_files_without_poems_are_refused(content: bytes, tmp_path: Path):
    (tmp_path / "poet.json").write_bytes(content)
    with pytest.raises(InvalidSource, match="poems"):
        SCRIPT.load_poems(tmp_path)


def test_more_characters_than_ids_are_refused(tmp_path: Path):
    poem = {"paragraphs": ["".join(chr(0x4E00 + n) for n in range(96 * 96))]}
    (tmp_path / "poet.json").write_text(json.dumps([poem]), "utf-8")
    with pytest.raises(InvalidSource, match="1 poems"):
        SCRIPT.load_poems(tmp_path)
