"""Makes the data of bert_sentiment: reviews that are composed (offline), or those of a Chinese shop (real).

A thousand reviews have labels, thirty thousand have none. Slang that each installation coins is rare among the former
and frequent among the latter and among the hidden ones.
"""

from __future__ import annotations

import csv
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from sklearn.feature_extraction.text import CountVectorizer

from challenges._generators.dice import Dice
from challenges._generators.keys import Keys
from challenges._generators.opinions import Lexicon, coin_lexicon
from challenges._generators.pictures import save_scatter, shade
from challenges._generators.reviews import LABELLED, LATER, Review, Reviewer
from challenges._generators.slices import name_ranges
from challenges.errors import InvalidSource

TRAIN_ROWS, HIDDEN_ROWS, UNLABELLED_ROWS = 1000, 2000, 30_000
REAL_HIDDEN_ROWS = 1000
LENGTHS, LENGTH_CUTS = ("up to 20 characters", "21 to 45 characters", "more than 45 characters"), (21, 46)
NEGATIVE, POSITIVE, NEUTRAL = 0, 1, 2
"""Labels in the shop's file."""
SHOWN = 1200
"""Pairs of characters in the preview."""


class Corpus(NamedTuple):
    """Labelled, hidden and unlabelled reviews."""

    train: list[tuple[str, int]]
    hidden: list[tuple[str, int]]
    unlabelled: list[str]
    slices: dict[str, list[str]]
    """Of the hidden ones, what diagnostics may tell apart."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public` and the answers into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline` (composed reviews) or `real` (reviews of a shop; honour system).
    """
    corpus = divide_reviews(load_reviews(raw / "test.csv"), keys) if source == "real" else compose_corpus(keys)
    pl.DataFrame(corpus.train, schema=["text", "label"], orient="row").write_csv(public / "train.csv")
    (public / "unlabelled.txt").write_text("".join(f"{text}\n" for text in corpus.unlabelled), encoding="utf-8")
    asked = pl.DataFrame(corpus.hidden, schema=["text", "label"], orient="row")
    lengths = name_ranges(asked["text"].str.len_chars().to_numpy(), LENGTH_CUTS, LENGTHS).tolist()
    answers = asked.with_columns(
        id=pl.Series(keys.ids(asked.height)), slice_length=pl.Series(lengths), **_columns(corpus.slices)
    ).sort("id")
    answers.select("id", "text").write_csv(public / "test.csv")
    answers.select("id", label=pl.lit(POSITIVE)).write_csv(public / "sample_submission.csv")
    answers.drop("text").write_parquet(hidden / "answers.parquet")
    draw_pairs(public / "preview.png", corpus)


def _columns(slices: dict[str, list[str]]) -> dict[str, pl.Series]:
    return {name: pl.Series(values) for name, values in slices.items()}


def compose_corpus(keys: Keys) -> Corpus:
    """Compose reviews, no text twice; slang, labels and texts of each part from keys of their own."""
    lexicon, seen = coin_lexicon(Dice(keys.rng("lexicon"))), set[str]()
    hidden, train, unlabelled = (
        compose_part(part, count, keys, lexicon, seen)
        for part, count in (("test", HIDDEN_ROWS), ("train", TRAIN_ROWS), ("unlabelled", UNLABELLED_ROWS))
    )
    slices = {
        "slice_phenomenon": [review.phenomenon for review in hidden],
        "slice_words": [review.words for review in hidden],
    }
    first, second = ([(review.text, review.label) for review in reviews] for reviews in (train, hidden))
    return Corpus(first, second, [review.text for review in unlabelled], slices)


def compose_part(part: str, count: int, keys: Keys, lexicon: Lexicon, seen: set[str]) -> list[Review]:
    """Reviews of one part, whose labels are drawn first; their texts are not in `seen`, which grows."""
    reviewer = Reviewer(Dice(keys.rng(f"{part}/reviews")), lexicon, LABELLED if part == "train" else LATER)
    reviews = []
    for label in keys.rng(f"{part}/labels").integers(0, 2, count).tolist():
        review = reviewer.write(label)
        while review.text in seen:
            review = reviewer.write(label)
        seen.add(review.text)
        reviews.append(review)
    return reviews


def load_reviews(path: Path) -> dict[str, int]:
    """Read the shop's reviews and their labels, each text once.

    Raises:
        InvalidSource: The file is no table of texts and labels from 0 to 2.
    """
    reviews: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file, strict=True), 1):
                text, label = clean(row["text"] or ""), int(row["label"])
                if not text or label not in (NEGATIVE, POSITIVE, NEUTRAL):
                    raise InvalidSource(f"{path.name}: review {number} has no text, or a label that is not 0, 1 or 2")
                reviews.setdefault(text, label)
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise InvalidSource(f"{path.name}: no table of texts and labels: {error}") from error
    return reviews


def clean(text: str) -> str:
    """A text in one line, without what cannot be seen."""
    plain = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in unicodedata.normalize("NFC", text))
    return " ".join(plain.split())


def divide_reviews(reviews: dict[str, int], keys: Keys) -> Corpus:
    """Draw a label by a coin for each labelled and each hidden row, and a review of that label; the rest has none.

    Raises:
        InvalidSource: There are too few reviews of a label.
    """
    texts = list(reviews)
    shuffled = [texts[place] for place in keys.rng("split/rows").permutation(len(texts)).tolist()]
    left = {label: [text for text in shuffled if reviews[text] == label] for label in (NEGATIVE, POSITIVE, NEUTRAL)}
    drawn: dict[str, list[tuple[str, int]]] = {}
    for part, count in (("test", REAL_HIDDEN_ROWS), ("train", TRAIN_ROWS)):
        labels = keys.rng(f"{part}/labels").integers(0, 2, count).tolist()
        if any(labels.count(label) > len(left[label]) for label in (NEGATIVE, POSITIVE)):
            raise InvalidSource(
                f"test.csv: {len(left[NEGATIVE])} negative and {len(left[POSITIVE])} positive are too few"
            )
        drawn[part] = [(left[label].pop(), label) for label in labels]
    taken = {text for rows in drawn.values() for text, _ in rows}
    return Corpus(drawn["train"], drawn["test"], [text for text in shuffled if text not in taken], {})


def draw_pairs(path: Path, corpus: Corpus) -> None:
    """Draw a point for each frequent pair of characters, on logarithmic scales.

    Across: labelled reviews with it; up: unlabelled ones. Blue where the labelled ones blame, orange where they praise.
    """
    vectors = CountVectorizer(analyzer="char", ngram_range=(2, 2), binary=True, max_features=SHOWN)
    unlabelled = np.asarray(vectors.fit_transform(corpus.unlabelled).sum(axis=0)).ravel()
    held = vectors.transform([text for text, _ in corpus.train])
    labelled = np.asarray(held.sum(axis=0)).ravel()
    praise = np.asarray(held.T @ np.array([label for _, label in corpus.train])).ravel()
    colours = shade((praise + 1) / (labelled + 2))
    save_scatter(path, np.log1p(labelled), np.log1p(unlabelled), colours)
