"""Reads stories of `stories.py` once more, sentence by sentence, and tells which of them cannot be.

The reader knows only what was told: who was introduced, who is where, who holds what. It is written apart from the
teller, so that one can be tested by the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from challenges._generators.grading import Mark, Marked
from challenges._generators.lexicon import Lexicon

_ROOMS = 4
"""Different rooms of one story, at most."""
_LONGEST = 60
"""Words and marks of a sentence; a longer one is cut there, since somebody forgot its end."""


class _Contradiction(Exception):
    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.why = {"en": en, "zh": zh}


def split_words(text: str) -> list[str]:
    """Words and punctuation marks.

    >>> split_words('"How are you, Anna?" said the miller.')
    ['"', 'How', 'are', 'you', ',', 'Anna', '?', '"', 'said', 'the', 'miller', '.']
    """
    return re.findall(r"\w+|[^\w\s]", text)


def split_sentences(text: str) -> list[str]:
    """Sentences with spaces between their words and marks; a full stop in quotation marks ends none."""
    sentences, words, is_quoted = list[str](), list[str](), False
    for word in split_words(text):
        words.append(word)
        is_quoted ^= word == '"'
        if (word == "." and not is_quoted) or len(words) == _LONGEST:
            sentences.append(" ".join(words))
            words, is_quoted = [], False
    return [*sentences, " ".join(words)] if words else sentences


@dataclass
class Reader:
    """Somebody who reads one story, and remembers all of it."""

    lexicon: Lexicon
    trades: dict[str, str] = field(default_factory=dict)
    """Names of the people, by trade."""
    pronouns: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    """Rooms in which people are, by name."""
    lying: dict[str, str] = field(default_factory=dict)
    """Rooms in which things lie."""
    holders: dict[str, str] = field(default_factory=dict)
    """Names of those who hold things."""
    last: str = ""
    """Who was the last one to do something."""
    is_over: bool = False

    def read(self, text: str) -> list[Marked]:
        """Read on; what contradicts what was told before changes nothing."""
        return [self._mark(sentence) for sentence in split_sentences(text)]

    def _mark(self, sentence: str) -> Marked:
        for pattern, follow in _patterns_of(self.lexicon):
            if found := pattern.fullmatch(sentence):
                try:
                    self._check_goes_on()
                    follow(self, **found.groupdict())
                except _Contradiction as contradiction:
                    return Marked(sentence, Mark.WRONG, contradiction.why)
                return Marked(sentence, Mark.RIGHT)
        return Marked(sentence, Mark.STRANGE)

    def see_weather(self) -> None:
        """Rain or shine changes nothing."""

    def meet(self, name: str, trade: str, room: str) -> None:
        """Somebody is introduced."""
        if name in self.places or trade in self.trades:
            raise _Contradiction(f"{name} or the {trade} is known already", f"{name} 或 {trade} 已经出现过")
        self._know(room)
        self.trades[trade], self.places[name] = name, room

    def see(self, thing: str, room: str) -> None:
        """A thing is introduced."""
        if thing in self.lying or thing in self.holders:
            raise _Contradiction(f"the {thing} is known already", f"{thing} 已经出现过")
        self._know(room)
        self.lying[thing] = room

    def go(self, who: str, room: str, thing: str = "") -> None:
        """Somebody goes elsewhere, perhaps with a thing that is named."""
        name = self._who(who)
        if self.places[name] == room:
            raise _Contradiction(f"{name} is in the {room} already", f"{name} 已经在 {room}")
        if thing:
            self._check_holds(name, thing)
        self._know(room)
        self.places[name] = room
        self._done(who, name)

    def feel(self, who: str) -> None:
        """Somebody is in some mood."""
        self._done(who, self._who(who))

    def take(self, who: str, thing: str) -> None:
        """Somebody takes what lies there."""
        name = self._who(who)
        self._check_known(thing)
        self._check_lies(thing, self.places[name])
        self.holders[thing] = name
        del self.lying[thing]
        self._done(who, name)

    def drop(self, who: str, thing: str, room: str) -> None:
        """Somebody leaves what he has."""
        name = self._who(who)
        self._check_holds(name, thing)
        self._check_is_in(name, room)
        self.lying[thing] = room
        del self.holders[thing]
        self._done(who, name)

    def give(self, who: str, thing: str, whom: str) -> None:
        """Somebody gives what he has to one who is there."""
        name, other = self._pair(who, whom)
        self._check_holds(name, thing)
        self.holders[thing] = other
        self._done(who, name)

    def search(self, who: str, thing: str, room: str) -> None:
        """Somebody looks for what is not there."""
        name = self._who(who)
        self._check_is_in(name, room)
        self._check_known(thing)
        holder = self.holders.get(thing)
        if self.lying.get(thing) == room or (holder and self.places[holder] == room):
            raise _Contradiction(f"the {thing} is in the {room}", f"{thing} 就在 {room}")
        self._done(who, name)

    def greet(self, whom: str, who: str) -> None:
        """Somebody speaks to one who is there."""
        name, _ = self._pair(who, whom)
        self._done(who, name)

    def ask(self, who: str, whom: str, thing: str, answer: str, speaker: str) -> None:
        """Somebody asks for a thing, and gets an answer."""
        name, other = self._pair(who, whom)
        if self._who(speaker) != other:
            raise _Contradiction(f"{other} was asked", f"被问的是 {other}")
        self._check_known(thing)
        holder = self.holders.get(thing)
        if holder is None:
            true = f"It is in the {self.lying[thing]}"
        else:
            true = {other: "I have it", name: "You are holding it"}.get(holder, f"{holder} has it")
        if answer != true:
            raise _Contradiction(f"the answer must be: {true}", f"应当回答：{true}")
        self._done(who, name)

    def end(self, thing: str, room: str, name: str = "") -> None:
        """The story ends with the place of a thing."""
        self._check_known(thing)
        if not name:
            self._check_lies(thing, room)
        else:
            who = self._who(name)
            self._check_holds(who, thing)
            self._check_is_in(who, room)
        self.is_over = True

    def _check_goes_on(self) -> None:
        if self.is_over:
            raise _Contradiction("the story is over", "故事已经结束")

    def _know(self, room: str) -> None:
        if len({room, *self.places.values(), *self.lying.values()}) > _ROOMS:
            raise _Contradiction(f"a story has {_ROOMS} rooms", f"一个故事只有 {_ROOMS} 个房间")

    def _who(self, told: str) -> str:
        """The name of one who is called by name, trade or pronoun."""
        if told in ("She", "He"):
            if not self.last or self.pronouns.get(self.last, told) != told:
                raise _Contradiction(f"nobody was spoken of who is called {told}", f"前面没有可以称为 {told} 的人")
            return self.last
        name = self.trades.get(told[4:], "") if told[:4] in ("The ", "the ") else told
        if name not in self.places:
            raise _Contradiction(f"nobody was told of who is called {told}", f"前面没有提到 {told}")
        return name

    def _pair(self, who: str, whom: str) -> tuple[str, str]:
        """The names of two people who are together."""
        name, other = self._who(who), self._who(whom)
        if name == other:
            raise _Contradiction(f"{name} is alone in this", f"这里只有 {name} 自己")
        self._check_is_in(other, self.places[name])
        return name, other

    def _done(self, told: str, name: str) -> None:
        """Remember who did something last, since a pronoun may follow, and which one."""
        if told in ("She", "He"):
            self.pronouns[name] = told
        self.last = name

    def _check_known(self, thing: str) -> None:
        if thing not in self.lying and thing not in self.holders:
            raise _Contradiction(f"nobody has told of the {thing}", f"前面没有提到 {thing}")

    def _check_lies(self, thing: str, room: str) -> None:
        if thing in self.holders:
            raise _Contradiction(f"{self.holders[thing]} has the {thing}", f"{thing} 在 {self.holders[thing]} 手里")
        if self.lying[thing] != room:
            raise _Contradiction(f"the {thing} lies in the {self.lying[thing]}", f"{thing} 在 {self.lying[thing]}")

    def _check_holds(self, name: str, thing: str) -> None:
        self._check_known(thing)
        if self.holders.get(thing) != name:
            raise _Contradiction(f"{name} does not have the {thing}", f"{thing} 不在 {name} 手里")

    def _check_is_in(self, name: str, room: str) -> None:
        if self.places[name] != room:
            raise _Contradiction(f"{name} is in the {self.places[name]}", f"{name} 在 {self.places[name]}")


_SLOTS = {
    "who": r"[Tt]he \w+|\w+",
    "whom": r"the \w+|\w+",
    "speaker": r"the \w+|\w+",
    "thing": r"\w+ \w+",
    "name": r"\w+",
    "trade": r"\w+",
    "room": r"\w+",
    "answer": r"\w+(?: \w+){1,5}",
}
"""What stands in the place of a name in braces, and is told to the reader."""
WAYS: list[tuple[str, Callable[..., None]]] = [
    ("[weather] .", Reader.see_weather),
    ("{name} the {trade} was in the {room} .", Reader.meet),
    ("In the {room} stood a {trade} called {name} .", Reader.meet),
    ("The {thing} lay in the {room} .", Reader.see),
    ("Somebody had left the {thing} in the {room} .", Reader.see),
    ("{who} [going] the {room} .", Reader.go),
    ("{who} [going] the {room} , carrying the {thing} .", Reader.go),
    ("{who} felt [mood] .", Reader.feel),
    ("{who} was [mood] and sat down for a while .", Reader.feel),
    ("{who} grew [mood] .", Reader.feel),
    ("{who} [taking] the {thing} .", Reader.take),
    ("{who} [leaving] the {thing} in the {room} .", Reader.drop),
    ("{who} gave the {thing} to {whom} .", Reader.give),
    ("{who} looked for the {thing} , but it was not in the {room} .", Reader.search),
    ('" [greeting] , {whom} [mark] " said {who} .', Reader.greet),
    ('{who} asked {whom} , " Where is the {thing} ? " " {answer} , " said {speaker} .', Reader.ask),
    ("At the end of the day , {name} still had the {thing} in the {room} .", Reader.end),
    ("At the end of the day , the {thing} was in the {room} .", Reader.end),
]
"""Every way to say something, and what a reader makes of it; in brackets stand words of the lexicon."""


@lru_cache
def _patterns_of(lexicon: Lexicon) -> list[tuple[re.Pattern[str], Callable[..., None]]]:
    """Patterns of `WAYS`; nothing in them is repeated without bounds, so that none is slow on any text."""
    words = {
        "weather": lexicon.weather,
        "going": lexicon.goings,
        "mood": lexicon.moods,
        "taking": lexicon.takings,
        "leaving": lexicon.leavings,
        "greeting": [greeting[:-1] for greeting in lexicon.greetings],
        "mark": {greeting[-1] for greeting in lexicon.greetings},
    }
    slots = {f"{{{name}}}": f"(?P<{name}>{pattern})" for name, pattern in _SLOTS.items()}
    slots |= {f"[{name}]": f"(?:{'|'.join(map(re.escape, texts))})" for name, texts in words.items()}

    def compile_way(way: str) -> re.Pattern[str]:
        parts = re.split(r"(\{\w+\}|\[\w+\])", way)
        return re.compile("".join(slots.get(part) or re.escape(part) for part in parts))

    return [(compile_way(way), follow) for way, follow in WAYS]
