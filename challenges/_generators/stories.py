"""Short English stories of a simulated house: who is where and who holds what is kept track of, and told in many ways.

People have names and a trade by which they are called as well. So a text can be predicted well only by one who
remembers what stood before: names, trades, things and where they were left. Names are made of syllables, new in every
story, unless a list of them is given. Words come from a lexicon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from challenges._generators.dice import Dice
from challenges._generators.lexicon import HOUSE, Lexicon


def _words(text: str) -> list[str]:
    return text.split()


_BEGINNINGS = _words("b bl br c cl d dr f fr g gl gr h j k kr l m n p pr qu r s sh st t th tr v w y z")
_VOWELS = _words("a e i o u ae ia ou")
_MIDDLES = ["", "", "", "l", "m", "n", "r", "s"]
_ENDS = [*_MIDDLES, "th", "x", "nd", "rk"]
_THREE_SYLLABLES = 0.35


@dataclass(frozen=True)
class Sentence:
    """What is told at once: one sentence, or a question with its answer."""

    kind: str
    """`weather`, `person`, `thing`, `go`, `feel`, `take`, `drop`, `give`, `search`, `greet`, `ask` or `end`."""
    text: str


@dataclass(frozen=True)
class Story:
    """A story, who is in it, and how it ends."""

    beginning: list[Sentence]
    middle: list[Sentence]
    end: Sentence
    """Where one of the things is at last."""
    names: list[str]
    """Of its people, two or three."""
    room: str
    """In which the thing is."""
    others: list[str]
    """The other rooms that the story mentions."""
    moves: int
    """How often the thing was carried from one room to another."""

    @property
    def text(self) -> str:
        """Beginning, middle and end, each on a line of its own."""
        return "\n".join(" ".join(each.text for each in part) for part in (self.beginning, self.middle, [self.end]))

    @property
    def sentences(self) -> list[Sentence]:
        """All of them."""
        return [*self.beginning, *self.middle, self.end]


@dataclass(frozen=True)
class Person:
    """Somebody in a story."""

    name: str
    trade: str
    pronoun: str


def tell_story(dice: Dice, lexicon: Lexicon = HOUSE, names: Sequence[str] = ()) -> Story:
    """Let some people live through part of a day, and tell of it.

    Args:
        dice: Decides what happens.
        lexicon: Words to tell it with.
        names: People are called by these; where there are none, by new ones.
    """
    world = _World(dice, lexicon, names)
    beginning = world.introduce()
    steps = dice.pick(range(lexicon.fewest_steps, lexicon.most_steps + 1))
    middle = [world.step() for _ in range(steps)]
    thing, end = world.end()
    told = {word for each in (*beginning, *middle) for word in each.text.rstrip(".").split()}
    room = world.find_room(thing)
    others = [other for other in world.rooms if other != room and told & {other, f"{other},"}]
    return Story(beginning, middle, end, [p.name for p in world.people], room, others, world.moves[thing])


def make_name(dice: Dice, taken: Sequence[str] = ()) -> str:
    """Build a name of two or three syllables; none that begins like a taken one.

    There are more than a million of two syllables, so hardly any is in two stories.
    """
    while True:
        count = 3 if dice.chance(_THREE_SYLLABLES) else 2
        ends = [_MIDDLES] * (count - 1) + [_ENDS]
        syllables = [dice.pick(_BEGINNINGS) + dice.pick(_VOWELS) + dice.pick(end) for end in ends]
        name = "".join(syllables).capitalize()
        if all(name[0] != other[0] for other in taken):
            return name


class _World:
    """People, rooms and things, and what is told of them."""

    def __init__(self, dice: Dice, lexicon: Lexicon, names: Sequence[str]) -> None:
        self.dice, self.lexicon = dice, lexicon
        self.people: list[Person] = []
        for trade in dice.sample(lexicon.trades, dice.pick((2, 3))):
            taken = [person.name for person in self.people]
            name = dice.pick([name for name in names if name not in taken]) if names else make_name(dice, taken)
            self.people.append(Person(name, trade, dice.pick(("She", "He"))))
        rooms = dice.sample(lexicon.rooms, 4)
        self.rooms = rooms
        self.places = {person.name: dice.pick(rooms) for person in self.people}
        nouns = dice.sample(lexicon.nouns, dice.pick((2, 3)))
        self.things = [f"{dice.pick(lexicon.qualities)} {noun}" for noun in nouns]
        self.lying = {thing: dice.pick(rooms) for thing in self.things}
        self.holders: dict[str, Person] = {}
        self.moves = Counter[str]()
        self.last: Person | None = None

    def introduce(self) -> list[Sentence]:
        """Say who and what there is, and where."""
        sentences = [Sentence("weather", f"{self.dice.pick(self.lexicon.weather)}.")]
        for person in self.people:
            place = self.places[person.name]
            ways = (
                f"{person.name} the {person.trade} was in the {place}.",
                f"In the {place} stood a {person.trade} called {person.name}.",
            )
            sentences.append(Sentence("person", self.dice.pick(ways)))
        for thing, place in self.lying.items():
            ways = (f"The {thing} lay in the {place}.", f"Somebody had left the {thing} in the {place}.")
            sentences.append(Sentence("thing", self.dice.pick(ways)))
        return sentences

    def step(self) -> Sentence:
        """Let something happen that can happen, and tell it."""
        actor = self.dice.pick(self.people)
        here = self.places[actor.name]
        others = [p for p in self.people if p is not actor and self.places[p.name] == here]
        lying = [thing for thing, place in self.lying.items() if place == here]
        held = [thing for thing, holder in self.holders.items() if holder is actor]
        happenings = [self._go, self._go, self._feel]
        happenings += [self._take] * 4 if lying else [self._search]
        happenings += [self._drop] if held else []
        happenings += [self._ask, self._greet] if others else []
        happenings += [self._give] * 2 if others and held else []
        happening = self.dice.pick(happenings)
        told = happening(actor, _Scene(here, others, lying, held))
        self.last = actor
        return told

    def end(self) -> tuple[str, Sentence]:
        """Say where one of the things is at last; which one, and the sentence."""
        thing = self.dice.pick(list(self.holders) or self.things)
        room = self.find_room(thing)
        if thing in self.holders:
            told = f"At the end of the day, {self.holders[thing].name} still had the {thing} in the {room}."
        else:
            told = f"At the end of the day, the {thing} was in the {room}."
        return thing, Sentence("end", told)

    def find_room(self, thing: str) -> str:
        """Where a thing is: with its holder, or where it lies."""
        return self.places[self.holders[thing].name] if thing in self.holders else self.lying[thing]

    def _go(self, actor: Person, scene: _Scene) -> Sentence:
        place = self.dice.pick([room for room in self.rooms if room != scene.here])
        self.places[actor.name] = place
        self.moves.update(scene.held)
        told = f"{self._subject(actor)} {self.dice.pick(self.lexicon.goings)} the {place}"
        if scene.held and self.dice.chance(0.5):
            told += f", carrying the {self.dice.pick(scene.held)}"
        return Sentence("go", f"{told}.")

    def _feel(self, actor: Person, _scene: _Scene) -> Sentence:
        mood = self.dice.pick(self.lexicon.moods)
        told = self.dice.pick((f"felt {mood}.", f"was {mood} and sat down for a while.", f"grew {mood}."))
        return Sentence("feel", f"{self._subject(actor)} {told}")

    def _take(self, actor: Person, scene: _Scene) -> Sentence:
        thing = self.dice.pick(scene.lying)
        del self.lying[thing]
        self.holders[thing] = actor
        return Sentence("take", f"{self._subject(actor)} {self.dice.pick(self.lexicon.takings)} the {thing}.")

    def _drop(self, actor: Person, scene: _Scene) -> Sentence:
        thing = self.dice.pick(scene.held)
        del self.holders[thing]
        self.lying[thing] = scene.here
        told = f"{self._subject(actor)} {self.dice.pick(self.lexicon.leavings)} the {thing} in the {scene.here}."
        return Sentence("drop", told)

    def _give(self, actor: Person, scene: _Scene) -> Sentence:
        thing, other = self.dice.pick(scene.held), self.dice.pick(scene.others)
        self.holders[thing] = other
        return Sentence("give", f"{self._subject(actor)} gave the {thing} to {self._object(other)}.")

    def _search(self, actor: Person, scene: _Scene) -> Sentence:
        present = [actor, *scene.others]
        missing = [thing for thing in self.things if self.holders.get(thing) not in present]
        if not missing:
            return self._feel(actor, scene)
        told = f"{self._subject(actor)} looked for the {self.dice.pick(missing)}, but it was not in the {scene.here}."
        return Sentence("search", told)

    def _greet(self, actor: Person, scene: _Scene) -> Sentence:
        other = self.dice.pick(scene.others)
        words = self.dice.pick(self.lexicon.greetings)
        return Sentence("greet", f'"{words[:-1]}, {other.name}{words[-1]}" said {self._object(actor)}.')

    def _ask(self, actor: Person, scene: _Scene) -> Sentence:
        thing, other = self.dice.pick(self.things), self.dice.pick(scene.others)
        holder = self.holders.get(thing)
        if holder is None:
            answer = f"It is in the {self.lying[thing]}"
        elif holder is other:
            answer = "I have it"
        elif holder is actor:
            answer = "You are holding it"
        else:
            answer = f"{holder.name} has it"
        asked, said = self._subject(actor, is_named=True), self._object(other)
        told = f'{asked} asked {self._object(other)}, "Where is the {thing}?" "{answer}," said {said}.'
        return Sentence("ask", told)

    def _subject(self, person: Person, *, is_named: bool = False) -> str:
        """At the beginning of a sentence; a pronoun only for one who was just spoken of."""
        if person is self.last and not is_named and self.dice.chance(0.6):
            return person.pronoun
        return f"The {person.trade}" if self.dice.chance(0.25) else person.name

    def _object(self, person: Person) -> str:
        return f"the {person.trade}" if self.dice.chance(0.25) else person.name


@dataclass(frozen=True)
class _Scene:
    """What an actor finds around."""

    here: str
    others: list[Person]
    lying: list[str]
    held: list[str]
