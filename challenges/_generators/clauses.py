"""People, things and what is done to them, in English and Chinese at once: the pieces of a grammar's sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from challenges._generators import bilingual as words
from challenges._generators.bilingual import Lexicon, Noun, Pair, Verb
from challenges._generators.dice import Dice

PAST, FUTURE, NOW, ALWAYS, PERFECT = "past", "future", "now", "always", "perfect"
BE = {"I": "am", "one": "is", "many": "are"}
NO_NAME, KNOWN_NAME, NEW_NAME, SENSES = "no name", "known names", "new names", "senses"
"""Marks of a sentence: names, and a verb whose Chinese depends on its object."""
_HAVE = {"I": "have", "one": "has", "many": "have"}
_PRONOUNS = (
    ("I", "me", "我", "I"),
    ("you", "you", "你", "many"),
    ("he", "him", "他", "one"),
    ("she", "her", "她", "one"),
    ("we", "us", "我们", "many"),
    ("they", "them", "他们", "many"),
)
_DEEDS = ("thing", "read", "eat", "mend", "senses", "play", "meet")
_DEED_WEIGHTS = (0.3, 0.1, 0.1, 0.08, 0.16, 0.08, 0.18)
_SENSED = [*words.HAT, *words.COAT, *words.RIDE, *words.PILL, *words.PHOTO, *words.EAT, *words.PAPER, *words.TREE]


@dataclass(frozen=True)
class Person:
    """Somebody, as a subject and as an object."""

    en: str
    zh: str
    number: str
    """`I`, `one` or `many`: which form a verb takes."""
    object_en: str = ""

    @property
    def as_object(self) -> Pair:
        """As what something is done to."""
        return self.object_en or self.en, self.zh


@dataclass(frozen=True)
class Action:
    """What is done, without who does it."""

    verb: Verb
    zh: str
    thing: Pair


@dataclass
class Chooser:
    """Picks people, things and actions."""

    dice: Dice
    lexicon: Lexicon
    new_names: float = 0.0
    """How many of the names are new."""
    marks: set[str] = field(default_factory=set)
    """What was picked since somebody emptied it, as far as it is told."""

    def pick_name(self, known: Sequence[Pair], new: Sequence[Pair]) -> Pair:
        """A name that is known, or a new one."""
        is_new = self.dice.chance(self.new_names)
        self.marks.add(NEW_NAME if is_new else KNOWN_NAME)
        return self.dice.pick(new if is_new else known)

    def pick_person(self) -> Person:
        """Somebody with a name, a pronoun or a trade."""
        kind = self.dice.weigh(("name", "pronoun", "noun"), (0.3, 0.28, 0.42))
        if kind == "name":
            return Person(*self.pick_name(self.lexicon.people, self.lexicon.new_people), "one")
        if kind == "pronoun":
            en, object_en, zh, number = self.dice.pick(_PRONOUNS)
            return Person(en, zh, number, object_en)
        return self.pick_stranger()

    def pick_other(self, who: Person) -> Person:
        """Somebody else: nobody follows me if I am the one who follows."""
        other = self.pick_person()
        while other == who:
            other = self.pick_person()
        return other

    def pick_stranger(self, *, is_one: bool = False) -> Person:
        """Somebody known by trade; with `is_one` neither several nor somebody's."""
        noun = self.dice.pick(words.PEOPLE)
        quality = self.dice.pick(words.CHARACTERS) if self.dice.chance(0.35) else None
        if not is_one and self.dice.chance(0.2):
            en, zh = self.dice.pick(words.NUMBERS)
            return Person(*_join(en, zh + noun.measure, quality, noun.many, noun.zh), "many")
        en, zh = self.dice.pick(words.OWNERS) if not is_one and self.dice.chance(0.2) else ("the", "")
        return Person(*_join(en, zh, quality, noun.one, noun.zh), "one")

    def pick_thing(self, nouns: Sequence[Noun]) -> Pair:
        """A thing, or some of it, with an article, a number or an owner."""
        noun = self.dice.pick(nouns)
        quality = self.dice.pick(words.QUALITIES) if self.dice.chance(0.35) else None
        number_en, number_zh = self.dice.pick(words.NUMBERS)
        owner_en, owner_zh = self.dice.pick(words.OWNERS)
        an = article(quality[0] if quality else noun.one)
        en, zh, name = self.dice.pick(
            (
                (an, "一" + noun.measure, noun.one),
                (an, "一" + noun.measure, noun.one),
                ("the", "", noun.one),
                ("this", "这" + noun.measure, noun.one),
                ("that", "那" + noun.measure, noun.one),
                (owner_en, owner_zh, noun.one),
                (number_en, number_zh + noun.measure, noun.many),
                ("these", "这些", noun.many),
                ("some", "一些", noun.many),
            )
        )
        return _join(en, zh, quality, name, noun.zh)

    def pick_action(self, who: Person) -> Action:
        """Something that somebody can do to another one or to something."""
        pick = self.dice.pick
        kind = self.dice.weigh(_DEEDS, _DEED_WEIGHTS)
        if kind == "senses":
            self.marks.add(SENSES)
            verb = pick(words.SENSES)
            sense = pick(list(verb.zh))
            nouns = [noun for noun in _SENSED if noun.kind == sense]
            return Action(verb, verb.zh[sense], self.pick_thing(nouns))
        if kind == "play":
            self.marks.add(SENSES)
            en, zh, how = pick(words.GAMES)
            return Action(words.PLAY, how, (en, zh))
        if kind == "meet":
            verb = pick(words.MEETING)
            return Action(verb, verb.zh[""], self.pick_other(who).as_object)
        verbs, nouns = {
            "read": (words.READING, words.READ),
            "eat": (words.EATING, words.EAT),
            "mend": (words.MENDING, words.THING),
            "thing": (words.VERBS, [*words.THING, *words.HAT, *words.COAT, *words.READ, *2 * self.lexicon.things]),
        }[kind]
        verb = pick(verbs)
        return Action(verb, verb.zh[""], self.pick_thing(nouns))


def do(who: Person, action: Action, tense: str, *, is_denied: bool) -> Pair:
    """A verb with its object in a tense, as somebody takes it."""
    verb, number, no = action.verb, who.number, " not" if is_denied else ""
    thing_en, thing_zh = action.thing
    helper = "does" if number == "one" else "do"
    english = {
        PAST: f"did not {verb.base}" if is_denied else verb.past,
        FUTURE: f"will{no} {verb.base}",
        NOW: f"{BE[number]}{no} {verb.ing}",
        ALWAYS: f"{helper} not {verb.base}" if is_denied else (verb.third if number == "one" else verb.base),
        PERFECT: f"{_HAVE[number]}{no or ' already'} {verb.participle}",
    }
    chinese = {
        PAST: f"没有{action.zh}" if is_denied else f"{action.zh}了",
        FUTURE: f"{'不' if is_denied else ''}会{action.zh}",
        NOW: f"{'没有' if is_denied else '正'}在{action.zh}",
        ALWAYS: f"{'不' if is_denied else ''}{action.zh}",
        PERFECT: f"{'还没' if is_denied else '已经'}{action.zh}{'' if is_denied else '了'}",
    }
    return f"{english[tense]} {thing_en}", chinese[tense] + thing_zh


def query(who: Person, action: Action, tense: str) -> Pair:
    """A question to which yes or no is an answer: the English one whole, the Chinese one without who and without 吗."""
    verb = action.verb
    helper, form = {
        PAST: ("did", verb.base),
        FUTURE: ("will", verb.base),
        NOW: (BE[who.number], verb.ing),
        PERFECT: (_HAVE[who.number], verb.participle),
    }[tense]
    chinese = {
        PAST: f"{action.zh}了",
        FUTURE: f"会{action.zh}",
        NOW: f"在{action.zh}",
        PERFECT: f"已经{action.zh}了",
    }
    return f"{helper} {who.en} {form} {action.thing[0]}", chinese[tense] + action.thing[1]


def article(word: str) -> str:
    """`an` before a vowel that is heard, else `a`."""
    return "an" if word[0] in "aeiou" and not word.startswith("uni") else "a"


def _join(en: str, zh: str, quality: Pair | None, name: str, name_zh: str) -> Pair:
    quality_en, quality_zh = quality or ("", "")
    return f"{en} {quality_en} {name}".replace("  ", " "), zh + quality_zh + name_zh
