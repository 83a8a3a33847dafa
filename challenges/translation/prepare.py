"""Makes the data of translation: pairs of sentences that one grammar builds (offline), or those of Tatoeba (real).

Each installation coins names and things of its own. Half of the names in hidden sentences are new, spelled with the
same syllables as those to learn from, and a tenth of the hidden sentences is nested more deeply than any other.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from challenges._generators.bilingual import coin_lexicon
from challenges._generators.dice import Dice
from challenges._generators.grammar import Sentence, Speaker
from challenges._generators.keys import Keys
from challenges._generators.pictures import PALETTE, save_scatter
from challenges.errors import InvalidSource

TRAIN_ROWS, HIDDEN_ROWS = 20_000, 2000
NEW_NAMES, NESTED = 0.5, 0.1
"""Of the names, and of the sentences, that are hidden."""
MOST_CHARACTERS = 200
"""Of a Chinese sentence, as in the manifest."""
SAMPLE = "（空）"
LENGTHS = ("fewer than 8 words", "from 8 to 11 words", "more than 11 words")
SHOWN = 1500
"""Pairs of the preview."""
FIELDS = 2
"""Of a line of Tatoeba's file; others are left unread."""


class Corpus(NamedTuple):
    """Pairs to learn from and hidden ones."""

    train: list[tuple[str, str]]
    hidden: list[tuple[str, str]]
    slices: dict[str, list[str]]
    """Of the hidden ones, what diagnostics may tell apart."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline` (built sentences) or `real` (Tatoeba; honour system).
    """
    corpus = divide_pairs(load_pairs(raw / "cmn.txt"), keys) if source == "real" else build_corpus(keys)
    pl.DataFrame(corpus.train, schema=["english", "chinese"], orient="row").write_csv(public / "train.csv")
    asked = pl.DataFrame(corpus.hidden, schema=["english", "chinese"], orient="row")
    ids = pl.DataFrame({"id": keys.ids(asked.height)})
    answers = pl.concat([ids, asked, pl.DataFrame(corpus.slices)], how="horizontal").sort("id")
    answers.select("id", "english").write_csv(public / "test.csv")
    answers.select("id", chinese=pl.lit(SAMPLE)).write_csv(public / "sample_submission.csv")
    answers.drop("english").write_parquet(hidden / "answers.parquet")
    draw_lengths(public / "preview.png", corpus.train[:SHOWN])


def build_corpus(keys: Keys) -> Corpus:
    """Build pairs, no English sentence twice; words, pairs to learn from and hidden ones from keys of their own."""
    lexicon, seen = coin_lexicon(Dice(keys.rng("lexicon"))), set[str]()
    train = build_pairs(Speaker(Dice(keys.rng("train/sentences")), lexicon), TRAIN_ROWS, seen)
    hidden = build_pairs(Speaker(Dice(keys.rng("test/sentences")), lexicon, NEW_NAMES, NESTED), HIDDEN_ROWS, seen)
    slices = {
        "slice_construction": [sentence.construction for sentence in hidden],
        "slice_names": [sentence.names for sentence in hidden],
        "slice_senses": ["several senses" if sentence.has_senses else "one sense" for sentence in hidden],
        "slice_length": [name_length(sentence.en) for sentence in hidden],
    }
    pairs = ([(sentence.en, sentence.zh) for sentence in sentences] for sentences in (train, hidden))
    first, second = pairs
    return Corpus(first, second, slices)


def build_pairs(speaker: Speaker, count: int, seen: set[str]) -> list[Sentence]:
    """So many sentences whose English is not in `seen`, which grows."""
    sentences: list[Sentence] = []
    while len(sentences) < count:
        sentence = speaker.say()
        if sentence.en not in seen and len(sentence.zh) <= MOST_CHARACTERS:
            seen.add(sentence.en)
            sentences.append(sentence)
    return sentences


def name_length(english: str) -> str:
    """The group of lengths that a sentence belongs to."""
    words = len(english.split())
    return LENGTHS[(words > 7) + (words > 11)]  # noqa: PLR2004 - as LENGTHS says


def load_pairs(path: Path) -> list[tuple[str, str]]:
    """Read Tatoeba's pairs in their order, each once.

    Raises:
        InvalidSource: A line is no pair.
    """
    pairs: dict[tuple[str, str], None] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InvalidSource(f"{path.name}: not text: {error}") from error
    for number, line in enumerate(lines, 1):
        cells = [clean(cell) for cell in line.split("\t")[:FIELDS]]
        if len(cells) < FIELDS or not all(cells):
            raise InvalidSource(f"{path.name}: line {number} is not English, a tab, Chinese")
        if len(cells[1]) <= MOST_CHARACTERS:
            pairs[cells[0], cells[1]] = None
    return list(pairs)


def clean(text: str) -> str:
    """A text in one line, without what cannot be seen."""
    plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in unicodedata.normalize("NFC", text))
    return " ".join(plain.split())


def divide_pairs(pairs: list[tuple[str, str]], keys: Keys) -> Corpus:
    """Hide some English sentences, with the first of their translations; no pair of theirs is to learn from.

    Raises:
        InvalidSource: There are too few of them.
    """
    first: dict[str, str] = {}
    for english, chinese in pairs:
        first.setdefault(english, chinese)
    sentences = list(first)
    if len(sentences) < 2 * HIDDEN_ROWS:
        raise InvalidSource(f"cmn.txt: {len(sentences)} sentences are too few")
    chosen = keys.rng("split/sentences").permutation(len(sentences))[:HIDDEN_ROWS].tolist()
    hidden = {sentences[place]: first[sentences[place]] for place in chosen}
    train = [pair for pair in pairs if pair[0] not in hidden]
    return Corpus(train, list(hidden.items()), {"slice_length": [name_length(english) for english in hidden]})


def draw_lengths(path: Path, pairs: list[tuple[str, str]]) -> None:
    """Draw a point for each pair: English words across, Chinese characters up; orange where it is a question."""
    words = np.array([len(english.split()) for english, _ in pairs])
    characters = np.array([len(chinese) for _, chinese in pairs])
    colours = np.array([PALETTE[4] if english.endswith("?") else PALETTE[0] for english, _ in pairs], dtype=np.uint8)
    save_scatter(path, words, characters, colours)
