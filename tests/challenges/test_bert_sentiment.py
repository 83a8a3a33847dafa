"""Reviews and what bert_sentiment makes of them: polarity is composed, slang is secret and yet explained."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from challenges._generators import opinions
from challenges._generators.dice import Dice
from challenges._generators.keys import Keys
from challenges._generators.opinions import GENERAL, IDIOMS, Lexicon, Words, coin_lexicon
from challenges._generators.reviews import CLEAR, LABELLED, LATER, Review, Reviewer
from challenges._generators.turns import TURNS
from challenges.errors import InvalidSource
from challenges.messages import Outcome
from tests.challenges.reading import Reader
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_script
from tests.real_data import REAL, needs_files, serve_real_files

FOLDER = CHALLENGES / "bert_sentiment"
KEYS = Keys(SECRET, "bert_sentiment", 1)
SCRIPT = load_script(FOLDER, "prepare")
LEXICON = coin_lexicon(Dice(KEYS.rng("lexicon")))
OTHER = coin_lexicon(Dice(Keys(bytes(32), "bert_sentiment", 1).rng("lexicon")))
SHOP = REAL / "zh-review-sentiment" / "dataset" / "amazon_cn"


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    return workshop.prepare("bert_sentiment")


def write(count: int, shares: Sequence[float] = LATER, purpose: str = "reviews") -> list[Review]:
    reviewer = Reviewer(Dice(KEYS.rng(purpose)), LEXICON, shares)
    return [reviewer.write(number % 2) for number in range(count)]


def load_asked(made: Prepared) -> pl.DataFrame:
    """Hidden reviews with their answers."""
    return pl.read_csv(made.public / "test.csv").join(made.answers, on="id")


def load_unlabelled(made: Prepared) -> list[str]:
    return (made.public / "unlabelled.txt").read_text("utf-8").splitlines()


def holds(text: str, words: Words) -> bool:
    return any(word in text for word in (*words.good, *words.bad))


def test_equal_streams_write_equal_reviews():
    assert write(50) == write(50)
    assert write(50) != write(50, purpose="others")


def test_reviews_are_chinese_on_one_line():
    for review in write(3000):
        assert re.fullmatch(r"[\u4e00-\u9fff\d，。！～…]+", review.text)
        assert "，，" not in review.text
        assert 3 <= len(review.text) <= 120
        assert 1 <= review.clauses <= 4


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("屏幕很清晰。", 1.0),
        ("屏幕并不清晰。", -0.9),
        ("屏幕不是一般的清晰！", 1.6),
        ("屏幕有点模糊", -0.5),
        ("客服太耐心了，会回购。", 1.5),
        ("虽然物流缓慢，但是屏幕非常清晰。", 1.4 * 1.5 - 0.8 * 0.3),
        ("屏幕非常清晰，尽管物流很缓慢。", 1.4 - 0.3),
        ("最看重的屏幕很清晰，可惜物流很缓慢", 2.0 * 0.4 - 1.5),
        ("买了大概3天，要不是价格一言难尽，我就给五星了。", -1.0),
        ("本来担心做工粗糙，结果完全是多虑", 1.0),
        ("都说外观大气，其实恰恰相反。", -1.0),
        ("上一代的手感都比这个生涩～", 1.1),
        ("电池没有别家那么耐用，而且包装谈不上严实…", -1.6),
    ],
)
def test_polarity_is_composed(text: str, worth: float):
    """As the page says, where all aspects weigh the same."""
    even = Lexicon(LEXICON.slang, dict.fromkeys(LEXICON.weights, 1.0))
    assert Reader(even).read(text) == pytest.approx(worth)


def test_the_label_is_the_sign_of_what_all_clauses_say():
    reader = Reader(LEXICON)
    for review in write(2000):
        worth = reader.read(review.text)
        assert abs(worth) >= CLEAR - 1e-9
        assert review.label == (worth > 0), review


def test_every_way_can_praise_and_blame_with_every_kind_of_word():
    for turns in TURNS.values():
        for takes in "AP":
            said = {
                (-1 if turn.flips else 1) * word
                for turn in turns
                if takes in turn.takes
                for word in _words_of(turn.only)
            }
            assert said == {1, -1}


def _words_of(only: int) -> tuple[int, ...]:
    return (only,) if only else (1, -1)


def test_what_makes_a_review_hard_is_named():
    reviews = write(4000)
    seen = Counter(review.phenomenon for review in reviews)
    assert set(seen) == {"plain", "negation", "hypothetical", "comparison", "reported", "contrast", "mixed aspects"}
    assert min(seen.values()) > 40
    assert Counter(review.words for review in reviews).keys() == {"common", "idiom", "slang"}
    for review in reviews:
        assert (review.words == "slang") == holds(review.text, LEXICON.slang)
        if review.phenomenon == "contrast":
            assert re.search("但|不过|然而|好在|所幸|可惜|无奈|尽管|虽", review.text)


def test_slang_was_rare_when_reviews_were_labelled():
    before, since = (
        np.mean([holds(r.text, LEXICON.slang) for r in write(2000, shares)]) for shares in (LABELLED, LATER)
    )
    assert before < 0.06
    assert since > 0.4


def test_slang_differs_between_installations_and_its_signs_tell_nothing():
    mine, theirs = ({*lexicon.slang.good, *lexicon.slang.bad} for lexicon in (LEXICON, OTHER))
    assert len(mine) == 2 * opinions.COINED
    assert len(mine & theirs) < 20
    good, bad = (set("".join(words)) for words in LEXICON.slang)
    assert len(good & bad) > len(good | bad) / 2
    assert not any(sign in "".join((*GENERAL.good, *GENERAL.bad, *IDIOMS.good, *IDIOMS.bad)) for sign in good | bad)


def test_parts_are_as_the_description_says(made: Prepared):
    train, asked, unlabelled = pl.read_csv(made.public / "train.csv"), load_asked(made), load_unlabelled(made)
    assert (train.height, asked.height, len(unlabelled)) == (1000, 2000, 30_000)
    texts = [*train["text"], *asked["text"], *unlabelled]
    assert len(set(texts)) == len(texts)
    shares = [
        np.mean([holds(text, LEXICON.slang) for text in part]) for part in (train["text"], asked["text"], unlabelled)
    ]
    assert shares[0] < 0.06
    assert shares[1] == pytest.approx(shares[2], abs=0.05)
    assert shares[1] > 0.4
    assert 0.42 < train["label"].mean() < 0.58  # type: ignore[operator]
    lengths = asked["text"].str.len_chars()
    assert (asked["slice_length"] == "up to 20 characters").to_list() == (lengths <= 20).to_list()
    assert (asked["slice_length"] == "more than 45 characters").to_list() == (lengths > 45).to_list()


def test_who_knows_the_grammar_but_not_the_slang_is_not_perfect(made: Prepared):
    """A parser from the public source, with slang and weights of another installation."""
    reader, asked = Reader(OTHER), load_asked(made)
    right = [(reader.read(text) > 0) == label for text, label in asked.select("text", "label").iter_rows()]
    assert np.mean(right) < 0.9


def test_unlabelled_reviews_tell_what_slang_means(made: Prepared):
    """Contexts of common words, in which a linear model tells praise from blame, sort the slang too."""
    unlabelled = load_unlabelled(made)[:15_000]
    known = [(word, sign) for sign, words in ((1, GENERAL.good), (0, GENERAL.bad)) for word in words if len(word) > 1]
    contexts = [(text.replace(word, "□"), sign) for word, sign in known for text in find(word, unlabelled, 80)]
    vectors = CountVectorizer(analyzer="char", ngram_range=(1, 4), min_df=4, binary=True)
    seen = vectors.fit_transform([text for text, _ in contexts])
    model = LogisticRegression(C=0.05, max_iter=200).fit(seen, [sign for _, sign in contexts])
    means = {
        word: model.decision_function(
            vectors.transform([text.replace(word, "□") for text in find(word, unlabelled, 200)])
        ).mean()
        for words in LEXICON.slang
        for word in words
    }
    middle = np.median(list(means.values()))
    right = [(means[word] > middle) == (word in LEXICON.slang.good) for word in means]
    assert np.mean(right) > 0.85


def find(word: str, texts: list[str], most: int) -> list[str]:
    return [text for text in texts if word in text][:most]


def test_a_word_list_is_not_enough_and_probabilities_are_judged(made: Prepared, tmp_path: Path):
    load_script(FOLDER, "baseline").main(made.public, tmp_path / "s.csv")
    verdict = made.grade(tmp_path / "s.csv")
    assert verdict.private is not None
    assert set(verdict.private.secondary) == {"macro_f1", "roc_auc", "log_loss"}
    assert 0.7 < verdict.private.secondary["roc_auc"] < 0.95
    *slices, confusion, calibration = verdict.diagnostics
    assert [d["kind"] for d in slices] == ["slices"] * 3
    assert (confusion["kind"], calibration["kind"]) == ("confusion", "calibration")
    assert sum(map(sum, confusion["matrix"])) == 600
    assert all(round(20 * point["y"], 6).is_integer() and point["rows"] >= 20 for point in calibration["points"])
    scores = {row["name"]["en"]: row["score"] for row in slices[0]["rows"]}
    assert scores["contrast"] < scores["plain"]
    lexicon = [
        sum(w in t for w in _all_words(0)) - sum(w in t for w in _all_words(1)) for t in load_asked(made)["text"]
    ]
    made.sample.with_columns(label=(pl.Series(lexicon) > 0).cast(pl.Int64)).write_csv(tmp_path / "words.csv")
    counted = made.grade(tmp_path / "words.csv")
    assert counted.private is not None
    assert 0.52 < counted.private.score < verdict.private.score
    assert set(counted.private.secondary) == {"macro_f1"}
    assert "calibration" not in {d["kind"] for d in counted.diagnostics}


def _all_words(side: int) -> list[str]:
    """All words of one polarity that are in books: 0 praises, 1 blames."""
    return [word for words in (GENERAL, IDIOMS, *opinions.ASPECTS.values()) for word in words[side]]


def test_a_probability_beyond_one_is_refused(made: Prepared, tmp_path: Path):
    made.sample.with_columns(p=pl.lit(1.2)).write_csv(tmp_path / "s.csv")
    verdict = made.grade(tmp_path / "s.csv")
    assert verdict.outcome is Outcome.REJECTED
    assert (verdict.faults[0].reason, verdict.faults[0].facts["column"]) == ("out_of_range", "p")


def test_the_preview_is_a_picture_of_pairs(made: Prepared):
    with Image.open(made.public / "preview.png") as image:
        assert image.size == (480, 320)


@needs_files
def test_reviews_of_a_shop_are_divided_anew(workshop: Workshop, tmp_path: Path):
    with serve_real_files(SHOP) as mirror:
        made = workshop.prepare("bert_sentiment", source="real", mirror=mirror)
    official = SCRIPT.load_reviews(SHOP / "test.csv")
    train, asked, unlabelled = pl.read_csv(made.public / "train.csv"), load_asked(made), load_unlabelled(made)
    assert (train.height, asked.height) == (1000, 1000)
    assert sorted([*train["text"], *asked["text"], *unlabelled]) == sorted(official)
    for part in (train, asked):
        assert all(official[text] == label for text, label in part.select("text", "label").iter_rows())
        assert 0.42 < part["label"].mean() < 0.58  # type: ignore[operator]
    assert {official[text] for text in unlabelled} == {0, 1, 2}
    assert made.package.manifest.sources["real"].honour_system
    load_script(FOLDER, "baseline").main(made.public, tmp_path / "s.csv")
    verdict = made.grade(tmp_path / "s.csv")
    assert verdict.private is not None
    assert verdict.private.score == pytest.approx(0.83, abs=0.04)
    assert [d["kind"] for d in verdict.diagnostics] == ["slices", "confusion", "calibration"]


def write_file(folder: Path, content: bytes) -> Path:
    (folder / "test.csv").write_bytes(content)
    return folder / "test.csv"


def test_reviews_are_cleaned_and_each_is_read_once(tmp_path: Path):
    content = 'text,label\n"好\u200b，\n很好",1\n好 ， 很好,0\n"好 ，  很好",2\n差,0\n'
    assert SCRIPT.load_reviews(write_file(tmp_path, content.encode())) == {"好 ， 很好": 1, "差": 0}


BROKEN = {
    "not UTF-8": b"text,label\n\xff,1\n",
    "another label": "text,label\n好,3\n".encode(),
    "no label": "text,label\n好\n".encode(),
    "no number": "text,label\n好,good\n".encode(),
    "no text": b"text,label\n ,1\n",
    "another header": "review,label\n好,1\n".encode(),
    "an open quote": 'text,label\n"好,1\n'.encode(),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_table_of_reviews_is_refused(name: str, tmp_path: Path):
    with pytest.raises(InvalidSource, match=r"test\.csv"):
        SCRIPT.load_reviews(write_file(tmp_path, BROKEN[name]))


def test_too_few_reviews_and_no_file_are_refused(tmp_path: Path):
    with pytest.raises(InvalidSource, match="too few"):
        SCRIPT.divide_reviews({f"好{number}": number % 2 for number in range(1000)}, KEYS)
    with pytest.raises(InvalidSource, match=r"test\.csv"):
        SCRIPT.load_reviews(tmp_path / "test.csv")
