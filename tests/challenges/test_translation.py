"""The grammar and what translation makes of it: both languages agree, words are secret, hidden sentences are new."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from challenges._generators import bilingual
from challenges._generators.bilingual import Lexicon, coin_lexicon
from challenges._generators.clauses import Action, Person, article, do, query
from challenges._generators.dice import Dice
from challenges._generators.grammar import Sentence, Speaker
from challenges._generators.keys import Keys
from challenges.errors import InvalidSource
from challenges.messages import Outcome
from tests.challenges.workshop import CHALLENGES, SECRET, Prepared, Workshop, load_script
from tests.real_data import needs_files, serve_real_files

FOLDER = CHALLENGES / "translation"
KEYS = Keys(SECRET, "demo", 1)
SCRIPT = load_script(FOLDER, "prepare")
LEXICON = coin_lexicon(Dice(KEYS.rng("lexicon")))
EAT = Action(bilingual.EATING[0], "吃", ("two pears", "两个梨"))
SHE, WE, ME = Person("she", "她", "one", "her"), Person("we", "我们", "many", "us"), Person("I", "我", "I", "me")


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    return workshop.prepare("translation")


def say(count: int, new_names: float = 0.0, nested: float = 0.0) -> list[Sentence]:
    speaker = Speaker(Dice(KEYS.rng("sentences")), LEXICON, new_names, nested)
    return [speaker.say() for _ in range(count)]


@pytest.mark.parametrize(
    ("who", "tense", "is_denied", "en", "zh"),
    [
        (SHE, "past", False, "ate two pears", "吃了两个梨"),
        (SHE, "past", True, "did not eat two pears", "没有吃两个梨"),
        (WE, "future", True, "will not eat two pears", "不会吃两个梨"),
        (ME, "now", False, "am eating two pears", "正在吃两个梨"),
        (WE, "now", True, "are not eating two pears", "没有在吃两个梨"),
        (SHE, "always", False, "eats two pears", "吃两个梨"),
        (WE, "always", False, "eat two pears", "吃两个梨"),
        (SHE, "always", True, "does not eat two pears", "不吃两个梨"),
        (ME, "perfect", False, "have already eaten two pears", "已经吃了两个梨"),
        (SHE, "perfect", True, "has not eaten two pears", "还没吃两个梨"),
    ],
)
def test_verbs_agree_in_both_languages(who: Person, tense: str, *, is_denied: bool, en: str, zh: str):
    assert do(who, EAT, tense, is_denied=is_denied) == (en, zh)


@pytest.mark.parametrize(
    ("who", "tense", "en", "zh"),
    [
        (SHE, "past", "did she eat two pears", "吃了两个梨"),
        (WE, "future", "will we eat two pears", "会吃两个梨"),
        (ME, "now", "am I eating two pears", "在吃两个梨"),
        (SHE, "perfect", "has she eaten two pears", "已经吃了两个梨"),
    ],
)
def test_questions_turn_the_english_round(who: Person, tense: str, en: str, zh: str):
    assert query(who, EAT, tense) == (en, zh)


def test_articles_are_heard():
    heard = [article(word) for word in ("apple", "umbrella", "uniform", "book", "old", "egg")]
    assert heard == ["an", "an", "a", "a", "an", "an"]


def test_equal_streams_say_equal_sentences():
    assert say(50) == say(50)
    assert say(50)[0] != Speaker(Dice(KEYS.rng("other")), LEXICON).say()


def test_sentences_are_well_formed_in_both_languages():
    for sentence in say(4000, 0.5, 0.1):
        assert re.fullmatch(r"[A-Z][A-Za-z ,]+[.?]", sentence.en)
        assert "  " not in sentence.en
        assert re.fullmatch(r"[\u4e00-\u9fff，]+[。？]", sentence.zh)
        assert sentence.en.endswith("?") == sentence.zh.endswith("？") == (sentence.construction == "question")
        assert unicodedata.is_normalized("NFC", sentence.zh)
        assert len(sentence.zh) < 120


def test_one_english_sentence_has_one_translation():
    found = defaultdict(set)
    for sentence in say(20_000):
        found[sentence.en].add(sentence.zh)
    assert all(len(translations) == 1 for translations in found.values())


def test_every_verb_of_several_senses_is_translated_by_its_object():
    things = {noun.zh: "戴" for noun in bilingual.HAT} | {noun.zh: "穿" for noun in bilingual.COAT}
    measures = "".join({noun.measure for noun in [*bilingual.HAT, *bilingual.COAT]})
    seen = Counter[str]()
    for sentence in say(20_000):
        for verb, thing in re.findall(rf"([穿戴])了?一[{measures}]({'|'.join(things)})", sentence.zh):
            assert things[thing] == verb, sentence
            seen[verb] += 1
    assert min(seen["穿"], seen["戴"]) > 20


def test_a_relative_clause_stands_before_its_noun():
    for sentence in say(3000):
        if sentence.construction == "relative clause":
            assert " who " in sentence.en
            assert "的" in sentence.zh
    deep = say(300, nested=1.0)
    assert {sentence.construction for sentence in deep} == {"nested"}
    assert all(re.search(r" who .* who | (because|if|although|before|after|when) .* who ", s.en) for s in deep)


def test_marks_tell_which_names_there_are():
    new = {name for name, _ in [*LEXICON.new_people, *LEXICON.new_towns]}
    known = {name for name, _ in [*LEXICON.people, *LEXICON.towns]}
    assert not new & known
    for sentence in say(3000, 0.5):
        held = set(re.findall(r"\w+", sentence.en))
        kind = "new names" if held & new else "known names" if held & known else "no name"
        assert sentence.names == kind


def test_names_are_written_as_their_syllables_are():
    written: dict[str, set[str]] = defaultdict(set)
    for name, signs in [*LEXICON.people, *LEXICON.towns, *LEXICON.new_people, *LEXICON.new_towns]:
        syllables = re.findall("..", name.lower())
        assert len(syllables) == len(signs)
        for syllable, sign in zip(syllables, signs, strict=True):
            written[syllable].add(sign)
            assert sign in bilingual.SYLLABLES[syllable]
    assert all(len(signs) == 1 for signs in written.values())
    known = {syllable for name, _ in [*LEXICON.people, *LEXICON.towns] for syllable in re.findall("..", name.lower())}
    assert known == set(bilingual.SYLLABLES)


def coined_words(lexicon: Lexicon) -> tuple[set[str], set[str]]:
    things = {thing.zh for thing in lexicon.things}
    return things, {zh for _, zh in lexicon.people}


def test_another_installation_coins_other_words():
    other = coin_lexicon(Dice(Keys(bytes(32), "demo", 1).rng("lexicon")))
    for one, two in zip(coined_words(LEXICON), coined_words(other), strict=True):
        assert len(one & two) < len(one) / 5


def load_pairs(made: Prepared) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs to learn from, and hidden ones."""
    asked = pl.read_csv(made.public / "test.csv").join(made.answers, on="id")
    return pl.read_csv(made.public / "train.csv"), asked


def test_hidden_sentences_are_new_and_their_names_half_so(made: Prepared):
    train, asked = load_pairs(made)
    assert (train.height, asked.height) == (20_000, 2000)
    assert train["english"].n_unique() == 20_000
    assert not set(train["english"]) & set(asked["english"])
    lexicon = coin_lexicon(Dice(Keys(SECRET, "translation", 2).rng("lexicon")))
    learnt = set(re.findall(r"\w+", " ".join(train["english"])))
    assert {name for name, _ in lexicon.people} <= learnt
    assert not {name for name, _ in lexicon.new_people} & learnt
    counts = Counter(asked["slice_names"])
    assert counts["new names"] == pytest.approx(counts["known names"], rel=0.5)
    assert 130 < Counter(asked["slice_construction"])["nested"] < 280
    assert not train.filter(pl.col("english").str.contains(" who .* who ")).height


def test_who_knows_the_grammar_but_not_the_words_is_not_perfect(made: Prepared, tmp_path: Path):
    """A transducer from the public source: it translates all, with the words of another installation."""
    _, asked = load_pairs(made)
    mine = coin_lexicon(Dice(Keys(SECRET, "translation", 2).rng("lexicon")))
    other = coin_lexicon(Dice(Keys(bytes(32), "translation", 2).rng("lexicon")))
    spelled = {written_as(mine, syllable): written_as(other, syllable) for syllable in bilingual.SYLLABLES}
    things = {one.zh: two.zh for one, two in zip(mine.things, other.things, strict=True)}

    def respell(text: str) -> str:
        for one, two in things.items():
            text = text.replace(one, two)
        return "".join(spelled.get(sign, sign) for sign in text)

    path = tmp_path / "s.csv"
    asked.select("id", chinese=pl.Series([respell(zh) for zh in asked["chinese"]])).write_csv(path)
    verdict = made.grade(path)
    assert verdict.private is not None
    assert 60 < verdict.private.score < 92


def written_as(lexicon: Lexicon, syllable: str) -> str:
    spellings = ((re.findall("..", name.lower()), zh) for name, zh in [*lexicon.people, *lexicon.towns])
    return next(zh[parts.index(syllable)] for parts, zh in spellings if syllable in parts)


def test_worst_sentences_are_shown_without_their_reference(made: Prepared, tmp_path: Path):
    load_script(FOLDER, "baseline").main(made.public, tmp_path / "s.csv")
    verdict = made.grade(tmp_path / "s.csv")
    assert verdict.public is not None
    assert verdict.public.standard_error is not None
    assert 0.3 < verdict.public.standard_error < 2
    assert verdict.public.secondary["chrf"] == pytest.approx(32, abs=3)
    parts, *slices, worst = verdict.diagnostics
    assert parts["signature"].startswith("nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:")
    assert parts["rows"][0]["score"] > parts["rows"][3]["score"] > 10
    assert [d["kind"] for d in slices] == ["slices"] * 4
    assert worst["columns"] == ["english", "chinese"]
    _, asked = load_pairs(made)
    references = dict(zip(asked["english"], asked["chinese"], strict=True))
    assert len(worst["rows"]) == 20
    assert all(given != references[english] for english, given in worst["rows"])
    public = set(asked.filter(side="public")["english"])
    assert all(english in public for english, _ in worst["rows"])
    scores = {row["name"]["en"]: row["score"] for row in slices[0]["rows"]}
    assert scores["nested"] < scores["one clause"]


def test_the_preview_is_a_picture_of_lengths(made: Prepared):
    with Image.open(made.public / "preview.png") as image:
        assert image.size == (480, 320)


@needs_files
def test_tatoeba_is_divided_by_english_sentences(workshop: Workshop):
    with serve_real_files() as mirror:
        made = workshop.prepare("translation", source="real", mirror=mirror)
    train, asked = load_pairs(made)
    assert asked.height == 2000 == asked["english"].n_unique()
    assert 17_000 < train.height < 18_200
    assert not set(train["english"]) & set(asked["english"])
    assert made.package.manifest.sources["real"].honour_system
    assert asked["chinese"].str.len_chars().max() <= 200  # type: ignore[operator]
    path = made.public.parent / "best.csv"
    asked.select("id", "chinese").write_csv(path)
    verdict = made.grade(path)
    path.unlink()
    assert verdict.outcome is Outcome.SCORED
    assert verdict.private is not None
    assert verdict.private.score == pytest.approx(100)


def write_pairs(path: Path, content: bytes) -> Path:
    (path / "cmn.txt").write_bytes(content)
    return path / "cmn.txt"


def test_lines_are_cleaned_and_repeated_or_long_ones_left_out(tmp_path: Path):
    lines = f"Hi.\t你\u200b好。\tby somebody\nHi.\t你 好。\nHi.\t嗨。\nLong.\t{'长' * 201}\n"
    assert SCRIPT.load_pairs(write_pairs(tmp_path, lines.encode())) == [("Hi.", "你 好。"), ("Hi.", "嗨。")]


@pytest.mark.parametrize("content", [b"Hi.\n", b"\t\n", b"Hi.\t\n", b"Hi.\t\xff\n"])
def test_a_file_without_pairs_is_refused(content: bytes, tmp_path: Path):
    with pytest.raises(InvalidSource, match=r"cmn\.txt"):
        SCRIPT.load_pairs(write_pairs(tmp_path, content))


def test_too_few_pairs_are_refused(tmp_path: Path):
    with pytest.raises(InvalidSource, match="too few"):
        SCRIPT.divide_pairs([("Hi.", "嗨。")], KEYS)
    with pytest.raises(InvalidSource, match=r"cmn\.txt"):
        SCRIPT.load_pairs(tmp_path / "cmn.txt")
