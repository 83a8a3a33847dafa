"""Makes the data of char_rnn: stories of a simulated house (offline), Shakespeare (real) or Tang poems (poems)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators.dice import Dice
from challenges._generators.keys import Keys
from challenges._generators.models import save_language_model
from challenges._generators.pictures import PALETTE, Pieces, save_text
from challenges._generators.stories import Story, tell_story
from challenges.errors import InvalidSource

SIZE = 96
"""Number of token ids."""
KEYBOARD = "\n" + "".join(chr(code) for code in range(32, 127))
"""The characters of English texts: line feed and what ASCII can print."""
WINDOW = 257
"""Tokens of a hidden row: 256 to read, each of which predicts the next one."""
FIRST_SCORED = 16
TRAIN_CHARACTERS = 3_000_000
HIDDEN_ROWS = 400
PARTING = "\n\n"
"""Between stories."""
HIDDEN_SHARE = 0.2
"""Of the blocks, or poems, of a real source."""
BLOCK = 600
"""Fewest characters of Shakespeare that are hidden, or published, together."""
POEM_CHARACTERS = WINDOW // 2 + 1
EDITED = set("[]{}/□")
"""Marks of editors in the files of poems."""
NEW_NAME, OLD_NAME, LETTER, SPACE, OTHER = "Nnlsp"
"""Classes of characters: a name's first appearance in a window, later ones, other letters, spaces, the rest."""
INK, NEW, OLD = (60, 60, 60), PALETTE[4], PALETTE[0]
"""Colours of the preview: text, names on their first and on later appearances."""
SHOWN_CHARACTERS = 1700


class Passage(NamedTuple):
    """The text of one hidden row, and what diagnostics may tell apart in it."""

    text: str
    classes: str = ""
    """One letter for each character; empty where nothing is known."""
    place: str = ""
    """The part of its story."""


class Corpus(NamedTuple):
    """A text to learn from, and passages of which the first one is published too, to be shown and not scored."""

    train: str
    passages: list[Passage]
    preview: Pieces
    characters: str = KEYBOARD
    tokens_per_character: int = 1


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public`, the answers and the hidden inputs into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`; `real` (Shakespeare); `poems` (of the Tang dynasty, two tokens for each character).
    """
    if source == "real":
        corpus = divide_plays(load_plays(raw), keys)
    elif source == "poems":
        corpus = divide_poems(load_poems(raw), keys)
    else:
        corpus = write_stories(keys)
    shown, *asked = corpus.passages
    vocabulary = {
        "size": SIZE,
        "tokens_per_character": corpus.tokens_per_character,
        "characters": corpus.characters,
    }
    (public / "train.txt").write_bytes(corpus.train.encode())
    (public / "passage.txt").write_bytes(shown.text.encode())
    (public / "vocab.json").write_bytes(json.dumps(vocabulary, ensure_ascii=False).encode() + b"\n")
    save_language_model(public / "sample_model.onnx", SIZE)
    if corpus.preview:
        save_text(public / "preview.png", corpus.preview)
    rows = sorted(zip(keys.ids(len(asked)), asked, strict=True))
    ids = [name for name, _ in rows]
    texts = [passage.text for _, passage in rows]
    tokens = np.stack([encode(text, corpus)[:WINDOW] for text in [*texts, shown.text]])
    np.savez_compressed(hidden / "inputs.npz", id=np.array([*ids, "passage"]), tokens=tokens)
    make_answers(ids, [passage for _, passage in rows]).write_parquet(hidden / "answers.parquet")


def make_answers(ids: list[str], passages: list[Passage]) -> pl.DataFrame:
    """Number of scored characters of each row, and what diagnostics read: the answers themselves are the tokens."""
    scored = WINDOW - 1 - FIRST_SCORED
    answers = pl.DataFrame({"id": ids, "characters": [scored] * len(ids)})
    if not passages[0].classes:
        return answers
    return answers.with_columns(
        slice_place=pl.Series([passage.place for passage in passages]),
        classes=pl.Series([passage.classes[1:] for passage in passages]),
    )


def encode(text: str, corpus: Corpus) -> NDArray[np.uint8]:
    """Token ids of a text: of each character its place in the vocabulary, or row and place where it takes two."""
    places = {character: place for place, character in enumerate(corpus.characters)}
    numbers = np.array([places[character] for character in text])
    if corpus.tokens_per_character == 1:
        return numbers.astype(np.uint8)
    return np.stack(np.divmod(numbers, SIZE), 1).ravel().astype(np.uint8)


def write_stories(keys: Keys) -> Corpus:
    """Tell stories to learn from, and one for each passage: from another key, so with other people."""
    dice, stories, size = Dice(keys.rng("train/stories")), list[Story](), 0
    while size < TRAIN_CHARACTERS:
        stories.append(tell_story(dice))
        size += len(stories[-1].text) + len(PARTING)
    dice, cut = Dice(keys.rng("test/stories")), keys.rng("test/windows")
    passages = [cut_story(tell_story(dice), cut) for _ in range(1 + HIDDEN_ROWS)]
    train = "".join(story.text + PARTING for story in stories)
    return Corpus(train, passages, colour_names(stories[:3]))


def cut_story(story: Story, cut: np.random.Generator) -> Passage:
    """Take a window from anywhere in a story."""
    text = story.text + PARTING
    last = len(text) - WINDOW
    start = int(cut.integers(0, last + 1))
    place = ("beginning", "middle", "end")[3 * start // (last + 1)]
    window = text[start : start + WINDOW]
    classes = [SPACE if c.isspace() else LETTER if c.isalpha() else OTHER for c in window]
    for first, end, is_new in find_names(text, story.names, start):
        for position in range(max(first - start, 0), min(end - start, WINDOW)):
            classes[position] = NEW_NAME if is_new else OLD_NAME
    return Passage(window, "".join(classes), place)


def find_names(text: str, names: list[str], start: int = 0) -> list[tuple[int, int, bool]]:
    """Where names stand that end behind `start`: first and last place, and whether it is the first time."""
    found: list[tuple[int, int, bool]] = []
    met: set[str] = set()
    for match in re.finditer("|".join(names), text):
        if match.end() > start:
            found.append((match.start(), match.end(), match.group() not in met))
            met.add(match.group())
    return found


def colour_names(stories: list[Story]) -> Pieces:
    """The stories in pieces, in each of which a name stands out, the first time in a colour of its own."""
    pieces: Pieces = []
    for story in stories:
        done = 0
        for first, end, is_new in find_names(story.text, story.names):
            pieces += [(story.text[done:first], INK), (story.text[first:end], NEW if is_new else OLD)]
            done = end
        pieces.append((story.text[done:] + PARTING, INK))
    return pieces


def load_plays(raw: Path) -> str:
    """Read Shakespeare's plays.

    Raises:
        InvalidSource: The text holds characters that are on no keyboard.
    """
    text = (raw / "input.txt").read_bytes().decode("ascii", errors="replace")
    odd = set(text) - set(KEYBOARD)
    if odd or not text:
        raise InvalidSource(f"input.txt: {sorted(odd)[:5]} are not among the printable characters of ASCII")
    return text


def divide_plays(text: str, keys: Keys) -> Corpus:
    """Cut the plays into blocks of whole lines, hide some, and take a window from each."""
    blocks = [""]
    for line in text.splitlines(keepends=True):
        if len(blocks[-1]) >= BLOCK:
            blocks.append("")
        blocks[-1] += line
    whole = [number for number, block in enumerate(blocks) if len(block) >= BLOCK]
    chosen = keys.rng("split/blocks").permutation(whole)[: 1 + round(HIDDEN_SHARE * len(whole))].tolist()
    cut, passages = keys.rng("split/windows"), []
    for number in chosen:
        start = int(cut.integers(0, len(blocks[number]) - WINDOW + 1))
        passages.append(Passage(blocks[number][start : start + WINDOW]))
    hidden = set(chosen)
    train = "".join(block for number, block in enumerate(blocks) if number not in hidden)
    return Corpus(train, passages, [(train[:SHOWN_CHARACTERS], INK)])


def load_poems(raw: Path) -> list[str]:
    """Read different poems, one line for each of a poem's; those with an editor's marks are left out.

    Raises:
        InvalidSource: A file is not a list of poems, or they need more token ids than there are.
    """
    poems: dict[str, None] = {}
    for path in sorted(raw.glob("*.json")):
        try:
            found = ["\n".join(poem["paragraphs"]) for poem in json.loads(path.read_bytes())]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidSource(f"{path.name}: not a list of poems: {error}") from error
        poems |= dict.fromkeys(poem for poem in found if poem and not EDITED & set(poem))
    if not poems or len(set("".join(poems))) >= SIZE**2:
        raise InvalidSource(f"{len(poems)} poems do not fit the vocabulary")
    return list(poems)


def divide_poems(poems: list[str], keys: Keys) -> Corpus:
    """Hide some poems; a passage begins with one and goes on with others until it is long enough."""
    order = keys.rng("split/poems").permutation(len(poems)).tolist()
    hidden = order[: round(HIDDEN_SHARE * len(poems))]
    passages, text = [], ""
    for number in hidden:
        text += poems[number] + PARTING
        if len(text) >= POEM_CHARACTERS:
            passages.append(Passage(text[:POEM_CHARACTERS]))
            text = ""
    train = "".join(poems[number] + PARTING for number in sorted(set(order) - set(hidden)))
    return Corpus(train, passages, [], "".join(sorted(set("".join(poems) + PARTING))), tokens_per_character=2)
