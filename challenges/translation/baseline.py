"""A first solution for translation: look up the most similar sentence, and swap the words that differ.

1. A word list is counted out of the pairs: the Chinese of a word is the run of characters that stands in most of the
   sentences with that word, and in few others.
2. For each sentence to translate, the most similar known one is looked up. Where a word differs, its Chinese is swapped
   for that of the other word.

It knows nothing of grammar: a sentence whose form it has never seen comes out wrong, and a name it has never seen stays
English. Both is where you can do better.

    python baseline.py --data translation --out submission.csv
"""

from __future__ import annotations

import argparse
import re
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

WORD = r"[A-Za-z']+|[.,?]"
CANDIDATES = 20
"""So many similar sentences are looked at closely."""
ROWS_AT_ONCE = 250


def main(data: Path, out: Path) -> None:
    """Learn from `train.csv`, write a translation for each row of `test.csv`."""
    train, test = pl.read_csv(data / "train.csv"), pl.read_csv(data / "test.csv")
    english, chinese = train["english"].to_list(), train["chinese"].to_list()
    meanings = count_meanings(english, chinese)
    print(f"a word list of {len(meanings)} words: teacher is {meanings.get('teacher')}")

    # similar are sentences with the same words and pairs of neighbouring words; frequent words show the form
    vectors = TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), use_idf=False)
    known, asked = vectors.fit_transform(english).T.tocsc(), vectors.transform(test["english"].to_list())
    words = [split(sentence) for sentence in english]
    translations = []
    for start in range(0, len(test), ROWS_AT_ONCE):
        similar = (asked[start : start + ROWS_AT_ONCE] @ known).toarray()
        nearest = np.argpartition(-similar, CANDIDATES, axis=1)[:, :CANDIDATES]
        for row, sentence in enumerate(test["english"][start : start + ROWS_AT_ONCE].to_list()):
            new = split(sentence)
            likeness = similar[row]
            best = min(nearest[row].tolist(), key=lambda place: (differ(words[place], new), -likeness[place]))
            translations.append(adapt(words[best], new, chinese[best], meanings))
    pl.DataFrame({"id": test["id"], "chinese": translations}).write_csv(out)
    print(f"wrote {len(test)} rows to {out}")


def split(sentence: str) -> list[str]:
    """Words and marks of an English sentence, in lower case."""
    return re.findall(WORD, sentence.lower())


def count_meanings(english: list[str], chinese: list[str]) -> dict[str, str]:
    """For each English word the run of one to four characters that keeps its company most faithfully."""
    by_word = CountVectorizer(token_pattern=WORD, binary=True)
    by_run = CountVectorizer(analyzer="char", ngram_range=(1, 4), binary=True, min_df=3)
    has_word, has_run = by_word.fit_transform(english), by_run.fit_transform(chinese)
    together = (has_word.T @ has_run).tocsr()
    of_word, of_run = (np.asarray(table.sum(axis=0)).ravel() for table in (has_word, has_run))
    runs = by_run.get_feature_names_out()
    lengths = np.array([len(run) for run in runs])
    meanings = {}
    for place, word in enumerate(by_word.get_feature_names_out()):
        row = together[place]
        # 1 if both always stand together; of equals the longest run wins
        company = 2 * row.data / (of_word[place] + of_run[row.indices]) + 0.001 * lengths[row.indices]
        if len(company):
            meanings[word] = str(runs[row.indices[company.argmax()]])
    return meanings


def differ(old: list[str], new: list[str]) -> tuple[bool, int]:
    """How far two sentences are apart: other lengths are worst, then each word counts."""
    return len(old) != len(new), sum(a != b for a, b in zip(old, new, strict=False))


def adapt(old: list[str], new: list[str], translation: str, meanings: dict[str, str]) -> str:
    """The translation of the old sentence, made that of the new one as far as words were only replaced."""
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "replace" and b - a == d - c:
            for before, after in zip(old[a:b], new[c:d], strict=True):
                if before in meanings:
                    translation = translation.replace(meanings[before], meanings.get(after, after), 1)
    return translation


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv")
    parser.add_argument("--out", type=Path, required=True, help="submission file to write")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out)
