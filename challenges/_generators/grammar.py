"""English sentences with their Chinese translation, built together by one grammar.

Both languages are made from the same plan, so the translation is right by construction, and word order differs as it
does in truth: relative clauses, places and manners stand before what they belong to, things are counted with a
classifier, tense is told by 了, 会, 正在 and 没有, and one English verb has several Chinese ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from challenges._generators import bilingual as words
from challenges._generators.bilingual import Lexicon, Pair
from challenges._generators.clauses import (
    ALWAYS,
    BE,
    FUTURE,
    KNOWN_NAME,
    NEW_NAME,
    NO_NAME,
    NOW,
    PAST,
    PERFECT,
    SENSES,
    Action,
    Chooser,
    Person,
    article,
    do,
    query,
)
from challenges._generators.dice import Dice

SIMPLE, QUESTION, TURNED, RELATIVE, DOUBLE, NESTED = (
    "one clause",
    "question",
    "passive, comparison, place",
    "relative clause",
    "two clauses",
    "nested",
)
"""Constructions; each sentence has one."""
_SAID = (0.34, 0.16, 0.18, 0.16, 0.16)
"""How often; nested ones apart."""
_TENSES = (PAST, FUTURE, NOW, ALWAYS, PERFECT)
_TENSE_WEIGHTS = (0.44, 0.18, 0.12, 0.14, 0.12)
_LINKS = (
    ("because", "因为{b}，所以{a}"),
    ("if", "如果{b}，{a}"),
    ("although", "虽然{b}，但是{a}"),
    ("before", "在{b}之前，{a}"),
    ("after", "在{b}之后，{a}"),
    ("when", "{b}的时候，{a}"),
)


@dataclass(frozen=True)
class Sentence:
    """A sentence in both languages, and what it is made of."""

    en: str
    zh: str
    construction: str
    names: str
    """Whether it holds names, and such as no sentence to learn from holds."""
    has_senses: bool
    """It holds a verb whose Chinese depends on its object."""


class Speaker:
    """Makes sentences.

    Args:
        dice: Decides everything.
        lexicon: Names and things of the installation.
        new_names: How many of the names are new.
        nested: How many of the sentences are nested deeper than any other.
    """

    def __init__(self, dice: Dice, lexicon: Lexicon, new_names: float = 0.0, nested: float = 0.0) -> None:
        self.dice = dice
        self.choose = Chooser(dice, lexicon, new_names)
        self._nested = nested
        self._things = [*words.THING, *lexicon.things]

    def say(self) -> Sentence:
        """One sentence."""
        self.choose.marks.clear()
        ways: tuple[tuple[str, Callable[[], Pair]], ...] = (
            (SIMPLE, self._state_something),
            (QUESTION, self._ask),
            (TURNED, self.dice.pick((self._turn, self._compare, self._place))),
            (RELATIVE, self._relate),
            (DOUBLE, self._link),
        )
        construction, say = self.dice.weigh(ways, _SAID)
        if self.dice.chance(self._nested):
            construction, say = NESTED, self.dice.pick((self._say_deep, self._say_three))
        en, zh = say()
        en, zh = (en, zh) if en.endswith("?") else (f"{en}.", f"{zh}。")
        marks = self.choose.marks
        names = next((mark for mark in (NEW_NAME, KNOWN_NAME) if mark in marks), NO_NAME)
        return Sentence(en[0].upper() + en[1:], zh, construction, names, SENSES in marks)

    def _state_something(self) -> Pair:
        return self._state(self.choose.pick_person())

    def _pick_place(self) -> Pair:
        if self.dice.chance(0.35):
            en, zh = self.choose.pick_name(self.choose.lexicon.towns, self.choose.lexicon.new_towns)
            return f"in {en}", zh
        return self.dice.pick(words.PLACES)

    def _state(self, who: Person, tense: str = "", *, is_linked: bool = False) -> Pair:
        """A statement, with a place, a time and a manner now and then."""
        tense = tense or self.dice.weigh(_TENSES, _TENSE_WEIGHTS)
        action, is_denied = self.choose.pick_action(who), self.dice.chance(0.16)
        en, zh = do(who, action, tense, is_denied=is_denied)
        if self.dice.chance(0.12) and tense == PAST and not is_denied:
            manner_en, manner_zh = self.dice.pick(words.MANNERS)
            en, zh = f"{en} {manner_en}", manner_zh + zh
        if self.dice.chance(0.35):
            place_en, place_zh = self._pick_place()
            en, zh = f"{en} {place_en}", f"在{place_zh}{zh}"
        if tense == PERFECT or not self.dice.chance(0.5):
            return f"{who.en} {en}", who.zh + zh
        time_en, time_zh = self.dice.pick(words.TIMES[tense])
        if not is_linked and self.dice.chance(0.35):
            return f"{time_en}, {who.en} {en}", f"{time_zh}，{who.zh}{zh}"
        return f"{who.en} {en} {time_en}", who.zh + time_zh + zh

    def _relate(self, depth: int = 1) -> Pair:
        """Somebody who did something does something, or something is done to them."""
        person = self._describe(depth)
        if self.dice.chance(0.6):
            return self._state(person)
        verb, who = self.dice.pick(words.MEETING), self.choose.pick_person()
        action = Action(verb, verb.zh[""], person.as_object)
        en, zh = do(who, action, self.dice.weigh(_TENSES, _TENSE_WEIGHTS), is_denied=False)
        return f"{who.en} {en}", who.zh + zh

    def _describe(self, depth: int) -> Person:
        """Somebody with a relative clause; of depth 2, with another one inside."""
        noun = self.choose.pick_stranger(is_one=True)
        if depth == 1:
            action = self.choose.pick_action(noun)
        else:
            verb = self.dice.pick(words.MEETING)
            action = Action(verb, verb.zh[""], self._describe(depth - 1).as_object)
        tense = self.dice.pick((PAST, PAST, NOW))
        en, zh = do(noun, action, tense, is_denied=False)
        return Person(f"{noun.en} who {en}", f"{zh}的{noun.zh}", "one")

    def _ask(self) -> Pair:
        tense = self.dice.pick((PAST, PAST, FUTURE, NOW, PERFECT))
        form = self.dice.pick(("yes", "who", "where", "when", "why"))
        who = Person("who", "谁", "one") if form == "who" else self.choose.pick_person()
        action = self.choose.pick_action(who)
        if form == "who":
            en, zh = do(who, action, tense, is_denied=False)
            return f"who {en}?", f"谁{zh}？"
        en, zh = query(who, action, tense)
        if form == "yes":
            return f"{en}?", f"{who.zh}{zh}吗？"
        asked = {"where": "在哪里", "when": "什么时候", "why": "为什么"}[form]
        return f"{form} {en}?", f"{who.zh}{asked}{zh}？"

    def _turn(self) -> Pair:
        """Passive, or something given to somebody."""
        who = self.choose.pick_person()
        if self.dice.chance(0.5):
            other, thing = self.choose.pick_other(who), self.choose.pick_thing([*words.READ, *self._things])
            given = f"gave {other.as_object[0]} {thing[0]}"
            given = given if self.dice.chance(0.5) else f"gave {thing[0]} to {other.as_object[0]}"
            return f"{who.en} {given}", f"{who.zh}给了{other.zh}{thing[1]}"
        noun, verb = self.dice.pick(self._things), self.dice.pick([*words.VERBS, *words.MENDING])
        en, zh = self.dice.pick((("the", ""), ("this", "这" + noun.measure), ("that", "那" + noun.measure)))
        return f"{en} {noun.one} was {verb.participle} by {who.as_object[0]}", f"{zh}{noun.zh}被{who.zh}{verb.zh['']}了"

    def _compare(self) -> Pair:
        who = self.choose.pick_person()
        other = self.choose.pick_other(who)
        plain, more, zh = self.dice.pick(words.DEGREES)
        be = BE[who.number]
        if self.dice.chance(0.6):
            return f"{who.en} {be} {more} than {other.as_object[0]}", f"{who.zh}比{other.zh}{zh}"
        return f"{who.en} {be} as {plain} as {other.as_object[0]}", f"{who.zh}和{other.zh}一样{zh}"

    def _place(self) -> Pair:
        """There is something somewhere."""
        noun, (spot_en, spot_zh) = self.dice.pick([*words.READ, *words.EAT, *self._things]), self.dice.pick(words.SPOTS)
        if self.dice.chance(0.4):
            return f"there is {article(noun.one)} {noun.one} {spot_en}", f"{spot_zh}有一{noun.measure}{noun.zh}"
        en, zh = self.dice.pick(words.NUMBERS)
        return f"there are {en} {noun.many} {spot_en}", f"{spot_zh}有{zh}{noun.measure}{noun.zh}"

    def _link(self) -> Pair:
        word, form = self.dice.pick(_LINKS)
        tense = self.dice.pick((PAST, PAST, FUTURE, ALWAYS))
        first, second = (self._state(self.choose.pick_person(), tense, is_linked=True) for _ in range(2))
        zh = form.format(a=first[1], b=second[1])
        return (f"{word} {second[0]}, {first[0]}" if self.dice.chance(0.4) else f"{first[0]} {word} {second[0]}"), zh

    def _say_deep(self) -> Pair:
        return self._relate(depth=2)

    def _say_three(self) -> Pair:
        """Two clauses joined, and one of them begun by somebody with a relative clause."""
        word, form = self.dice.pick(_LINKS)
        first = self._state(self.choose.pick_person(), PAST, is_linked=True)
        second = self._state(self._describe(1), PAST, is_linked=True)
        return f"{first[0]} {word} {second[0]}", form.format(a=first[1], b=second[1])
