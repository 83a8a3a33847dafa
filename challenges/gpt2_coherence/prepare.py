"""Makes the data of gpt2_coherence: stories of a simulated village (offline), or articles of Wikipedia (real)."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from challenges._generators.consistency import split_words
from challenges._generators.dice import Dice
from challenges._generators.keys import Keys
from challenges._generators.lexicon import VILLAGE
from challenges._generators.models import save_language_model
from challenges._generators.pictures import PALETTE, Pieces, save_text
from challenges._generators.stories import Story, make_name, tell_story
from challenges.errors import InvalidSource

SIZE = 768
"""Number of token ids."""
WINDOW = 129
"""Tokens of a hidden row: 128 to read, each of which predicts the next one."""
FIRST_SCORED = 16
END, UNKNOWN = "<|endoftext|>", "<unk>"
"""Tokens after each line of the text, and in place of words that have no id."""
NAMES = 174
"""People of the village: with them, the vocabulary is full."""
TRAIN_STORIES = 6000
PAIRS = 600
"""Hidden stories, each of which is told twice: with its true ending, and with a wrong room in it."""
TOLD_SHARES = (0.08, 0.35, 1.0)
"""Of stories whose last thing was carried never, once, more often to another room, so many are told: else hardly any
would be hard to follow."""
PUBLIC_SHARE = 0.3
PROMPTS = 50
"""Beginnings that a model may go on telling."""
PROMPT_WORDS = 32
"""Of a beginning that is taken from an article."""
ARTICLE_ROWS = 400
HIDDEN_SHARE = 0.2
"""Of the articles of the real source."""
FEWEST_ARTICLES = 20
TITLE = re.compile(r" = [^=].*[^=] = ")
"""The line with which an article begins."""
KINDS = {
    "weather": "w",
    "person": "p",
    "thing": "o",
    "go": "g",
    "feel": "f",
    "take": "t",
    "drop": "d",
    "give": "h",
    "search": "s",
    "greet": "c",
    "ask": "q",
    "end": "e",
}
"""Letters for what a sentence tells."""
NAME, TRADE, ROOM, THING, MARK, WORD = "ntropw"
"""Letters for what a word is; the last one for all others."""
INK = (60, 60, 60)
PREVIEW_LINES = 5
"""Of articles."""
COLOURS = {NAME: PALETTE[0], TRADE: PALETTE[0], ROOM: PALETTE[4], THING: PALETTE[2]}
"""In the preview: who, where and what."""
CLASSES = {
    **dict.fromkeys(VILLAGE.trades, TRADE),
    **dict.fromkeys(VILLAGE.rooms, ROOM),
    **dict.fromkeys((*VILLAGE.qualities, *VILLAGE.nouns), THING),
}


class Passage(NamedTuple):
    """The tokens of one hidden row, and what diagnostics may tell apart in it."""

    tokens: list[str]
    pair: int = 0
    """Number of a story whose true ending this is; the same below zero for the wrong ending; 0 without endings."""
    moves: str = ""
    """How often the thing was carried that the ending tells of."""
    sentences: str = ""
    """One letter for each token: what its sentence tells."""
    words: str = ""
    """One letter for each token: what it is."""


class Corpus(NamedTuple):
    """Lines to learn from, and passages of which the first one is published too, to be shown and not scored."""

    lines: list[str]
    """Tokens with spaces between them."""
    passages: list[Passage]
    prompts: list[str]
    """Beginnings of further texts, tokens with spaces between them."""
    preview: Pieces


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public`, the answers and the hidden inputs into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`, or `real` (WikiText-2).
    """
    corpus = divide_articles(load_articles(raw), keys) if source == "real" else write_stories(keys)
    vocabulary = number_words(corpus.lines)
    shown, *asked = corpus.passages
    (public / "train.txt").write_bytes("".join(f"{line}\n" for line in corpus.lines).encode())
    (public / "passage.txt").write_bytes(re.sub(rf" ?{re.escape(END)} ?", "\n", " ".join(shown.tokens)).encode())
    prompts = [json.dumps({"id": f"p{number:02}", "text": text}) for number, text in enumerate(corpus.prompts, 1)]
    (public / "prompts.jsonl").write_bytes("".join(f"{line}\n" for line in prompts).encode())
    write_json(public / "vocab.json", vocabulary)
    write_json(public / "tokenizer.json", describe_tokenizer(vocabulary))
    save_language_model(public / "sample_model.onnx", SIZE)
    if corpus.preview:
        save_text(public / "preview.png", corpus.preview)
    answers = make_answers(asked, keys)
    answers.drop("row").write_parquet(hidden / "answers.parquet")
    rows = [*(asked[row] for row in answers["row"]), shown]
    tokens = np.array([[vocabulary.get(word, vocabulary[UNKNOWN]) for word in row.tokens] for row in rows])
    np.savez_compressed(
        hidden / "inputs.npz", id=np.array([*answers["id"], "passage"]), tokens=tokens.astype(np.uint16)
    )


def make_answers(passages: list[Passage], keys: Keys) -> pl.DataFrame:
    """Tokens that count, pairs and sides of the rows, in the order of their ids; both endings are on one side."""
    scored = WINDOW - 1 - FIRST_SCORED
    units = [abs(passage.pair) or row + 1 for row, passage in enumerate(passages)]
    different = sorted(set(units))
    order = keys.rng("split/sides").permutation(different)
    public = set(order[: round(PUBLIC_SHARE * len(different))].tolist())
    answers = pl.DataFrame(
        {
            "id": keys.ids(len(passages)),
            "row": range(len(passages)),
            "tokens": [0 if passage.pair < 0 else scored for passage in passages],
            "pair": [passage.pair for passage in passages],
            "side": ["public" if unit in public else "private" for unit in units],
        }
    )
    if passages[0].sentences:
        answers = answers.with_columns(
            slice_moves=pl.Series([passage.moves for passage in passages]),
            sentences=pl.Series([passage.sentences[1:] for passage in passages]),
            words=pl.Series([passage.words[1:] for passage in passages]),
        )
    return answers.sort("id")


def write_json(path: Path, content: object) -> None:
    """Write a public JSON file."""
    path.write_bytes(json.dumps(content, ensure_ascii=False, indent=0).encode() + b"\n")


def number_words(lines: list[str]) -> dict[str, int]:
    """Ids of words: two special tokens, then the words of the text, the most frequent ones first."""
    counts = Counter(word for line in lines for word in line.split())
    words = sorted(set(counts) - {END, UNKNOWN}, key=lambda word: (-counts[word], word))
    known = [END, UNKNOWN, *words][:SIZE]
    unused = [f"<unused{place}>" for place in range(SIZE - len(known))]
    return {word: place for place, word in enumerate([*known, *unused])}


def describe_tokenizer(vocabulary: dict[str, int]) -> dict[str, Any]:
    """The same vocabulary for the library `tokenizers`: words are what stands between spaces, and a line ends with END.

    Source: https://huggingface.co/docs/tokenizers/components (WordLevel).
    """
    traits = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    special = [{"id": vocabulary[word], "content": word, **traits, "special": True} for word in (END, UNKNOWN)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "Replace", "pattern": {"String": "\n"}, "content": f" {END} "},
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": UNKNOWN},
    }


def write_stories(keys: Keys) -> Corpus:
    """Tell stories to learn from, and others to hide: the same people, other days."""
    dice, names = Dice(keys.rng("names")), list[str]()
    while len(names) < NAMES:
        name = make_name(dice)
        if name not in names:
            names.append(name)
    dice = Dice(keys.rng("train/stories"))
    stories = [tell_short_story(dice, names) for _ in range(TRAIN_STORIES)]
    dice = Dice(keys.rng("test/stories"))
    passages = [endings[0] for endings in (tell_twice(dice, names, 0),)]
    for number in range(1, PAIRS + 1):
        passages += tell_twice(dice, names, number)
    lines = [" ".join(split_words(story.text)) for story in stories]
    dice = Dice(keys.rng("prompts/stories"))
    begun = [" ".join(each.text for each in tell_short_story(dice, names).beginning) for _ in range(PROMPTS)]
    prompts = [" ".join(split_words(text)) for text in begun]
    return Corpus(lines, passages, prompts, colour(stories[:4], names))


def tell_short_story(dice: Dice, names: list[str]) -> Story:
    """A story that a hidden row has room for; the thing at its end was carried to another room more often than not."""
    while True:
        story = tell_story(dice, VILLAGE, names)
        fits = len(split_words(story.text)) + 2 <= WINDOW
        if fits and story.others and dice.chance(TOLD_SHARES[min(story.moves, len(TOLD_SHARES) - 1)]):
            return story


def tell_twice(dice: Dice, names: list[str], number: int) -> list[Passage]:
    """The end of a story and a whole one: as it was, and with the room in its ending that was mentioned before it."""
    stories = tell_short_story(dice, names), tell_short_story(dice, names)
    tokens, sentences = [], ""
    for story in stories:
        for sentence in story.sentences:
            tokens += split_words(sentence.text)
            sentences += KINDS[sentence.kind] * (len(tokens) - len(sentences))
        tokens.append(END)
        sentences += sentences[-1]
    room, place = stories[1].room, len(tokens) - 3
    before = tokens[:place]
    wrong = max(stories[1].others, key=lambda other: place - before[::-1].index(other))
    words = "".join(NAME if token in names else name_class(token) for token in tokens)[-WINDOW:]
    moves = str(stories[1].moves) if stories[1].moves < 2 else "2+"  # noqa: PLR2004 - more is rare
    return [
        Passage([*before, ending, *tokens[place + 1 :]][-WINDOW:], pair, moves, sentences[-WINDOW:], words)
        for ending, pair in ((room, number), (wrong, -number))
    ]


def name_class(word: str) -> str:
    """The letter for a word that is no name."""
    return CLASSES.get(word, WORD if word.isalpha() else MARK)


def colour(stories: list[Story], names: list[str]) -> Pieces:
    """The stories in pieces: people, rooms and things stand out."""
    text = "\n\n".join(story.text for story in stories)
    pieces = re.findall(r"\w+|\W+", text)
    return [(piece, COLOURS.get(NAME if piece in names else name_class(piece), INK)) for piece in pieces]


def load_articles(raw: Path) -> list[list[str]]:
    """Read articles of WikiText-2, each a list of its lines that are not empty.

    Raises:
        InvalidSource: A file is not UTF-8, or there are too few articles in them.
    """
    articles: list[list[str]] = []
    for path in sorted(raw.glob("*.txt")):
        try:
            lines = path.read_bytes().decode().splitlines()
        except UnicodeDecodeError as error:
            raise InvalidSource(f"{path.name}: {error}") from error
        for line in lines:
            if TITLE.fullmatch(line):
                articles.append([])
            if articles and line.strip():
                articles[-1].append(" ".join(line.split()))
    if len(articles) < FEWEST_ARTICLES:
        raise InvalidSource(f"{len(articles)} articles are too few to hide some of them")
    return articles


def divide_articles(articles: list[list[str]], keys: Keys) -> Corpus:
    """Hide some articles, and take windows from them that do not overlap."""
    order = keys.rng("split/articles").permutation(len(articles)).tolist()
    hidden = order[: round(HIDDEN_SHARE * len(articles))]
    windows = []
    for number in hidden:
        tokens = [word for line in articles[number] for word in (*line.split(), END)]
        windows += [tokens[start : start + WINDOW] for start in range(0, len(tokens) - WINDOW + 1, WINDOW)]
    chosen = keys.rng("split/windows").permutation(len(windows))[: 1 + ARTICLE_ROWS].tolist()
    lines = [line for number in sorted(set(order) - set(hidden)) for line in articles[number]]
    long = [line.split() for line in lines if len(line.split()) > 2 * PROMPT_WORDS]
    begun = keys.rng("prompts/articles").permutation(len(long))[:PROMPTS].tolist()
    prompts = [" ".join(long[number][:PROMPT_WORDS]) for number in sorted(begun)]
    return Corpus(lines, [Passage(windows[number]) for number in chosen], prompts, colour_unknown(lines))


def colour_unknown(lines: list[str]) -> Pieces:
    """The first lines of Latin letters in pieces: words without an id stand out."""
    known = number_words(lines)
    shown = [line for line in lines if line.isascii()][:PREVIEW_LINES]
    words = [(word, INK if word in known else COLOURS[ROOM]) for line in shown for word in (*line.split(), "\n")]
    return [(text if text == "\n" else f"{text} ", colour) for text, colour in words]
