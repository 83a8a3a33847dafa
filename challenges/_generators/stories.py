"""Short English stories of a simulated house: who is where and who holds what is kept track of, and told in many ways.

People have names made of syllables, new in every story, and a trade by which they are called as well. So a text can be
foretold well only by one who remembers what stood before: names, trades, things and where they were left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from challenges._generators.dice import Dice


def _words(text: str) -> list[str]:
    return text.split()


FEWEST_STEPS, MOST_STEPS = 7, 13
TRADES = _words("""
    baker miller carpenter teacher gardener painter sailor weaver clockmaker doctor fiddler shepherd printer tailor
    blacksmith beekeeper fisher potter postman stargazer
""")
ROOMS = _words("""
    kitchen garden library attic cellar hall bedroom workshop stable orchard pantry parlour tower courtyard cottage
    boathouse greenhouse study
""")
QUALITIES = _words("""
    small old brass silver wooden blue red heavy broken painted dusty golden green empty polished striped cracked tiny
""")
NOUNS = _words("""
    lantern key map apple violin letter compass scarf box notebook candle teapot mirror basket hammer bell rope kettle
    umbrella spoon clock feather bottle drum
""")
WEATHER = (
    "It was raining",
    "The sun was low",
    "Snow covered the roof",
    "The wind howled",
    "It was a quiet morning",
    "Night had fallen",
    "Fog lay over the fields",
    "The first frost had come",
    "A storm was near",
    "It was the hottest day of the year",
    "The birds were singing",
    "The river had risen",
)
MOODS = _words("tired happy hungry worried cheerful thoughtful impatient proud sleepy curious")

_BEGINNINGS = _words("b bl br c cl d dr f fr g gl gr h j k kr l m n p pr qu r s sh st t th tr v w y z")
_VOWELS = _words("a e i o u ae ia ou")
_MIDDLES = ["", "", "", "l", "m", "n", "r", "s"]
_ENDS = [*_MIDDLES, "th", "x", "nd", "rk"]
_THREE_SYLLABLES = 0.35


@dataclass(frozen=True)
class Story:
    """A story and who is in it."""

    text: str
    """Beginning, middle and end, each on a line of its own."""
    names: list[str]
    """Of its people, two or three."""


@dataclass(frozen=True)
class Person:
    """Somebody in a story."""

    name: str
    trade: str
    pronoun: str


def tell_story(dice: Dice) -> Story:
    """Let some people live through part of a day, and tell of it."""
    world = _World(dice)
    beginning = world.introduce()
    middle = [world.step() for _ in range(dice.pick(range(FEWEST_STEPS, MOST_STEPS + 1)))]
    lines = [" ".join(beginning), " ".join(middle), world.end()]
    return Story("\n".join(lines), [person.name for person in world.people])


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

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.people: list[Person] = []
        for trade in dice.sample(TRADES, dice.pick((2, 3))):
            name = make_name(dice, [person.name for person in self.people])
            self.people.append(Person(name, trade, dice.pick(("She", "He"))))
        rooms = dice.sample(ROOMS, 4)
        self.rooms = rooms
        self.places = {person.name: dice.pick(rooms) for person in self.people}
        nouns = dice.sample(NOUNS, dice.pick((2, 3)))
        self.things = [f"{dice.pick(QUALITIES)} {noun}" for noun in nouns]
        self.lying = {thing: dice.pick(rooms) for thing in self.things}
        self.holders: dict[str, Person] = {}
        self.last: Person | None = None

    def introduce(self) -> list[str]:
        """Say who and what there is, and where."""
        sentences = [f"{self.dice.pick(WEATHER)}."]
        for person in self.people:
            place = self.places[person.name]
            sentences.append(
                self.dice.pick(
                    (
                        f"{person.name} the {person.trade} was in the {place}.",
                        f"In the {place} stood a {person.trade} called {person.name}.",
                    )
                )
            )
        for thing, place in self.lying.items():
            sentences.append(
                self.dice.pick((f"The {thing} lay in the {place}.", f"Somebody had left the {thing} in the {place}."))
            )
        return sentences

    def step(self) -> str:
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

    def end(self) -> str:
        """Say where one of the things is at last."""
        thing = self.dice.pick(list(self.holders) or self.things)
        if thing in self.holders:
            holder = self.holders[thing]
            return f"At the end of the day, {holder.name} still had the {thing} in the {self.places[holder.name]}."
        return f"At the end of the day, the {thing} was in the {self.lying[thing]}."

    def _go(self, actor: Person, scene: _Scene) -> str:
        place = self.dice.pick([room for room in self.rooms if room != scene.here])
        self.places[actor.name] = place
        told = (
            f"{self._subject(actor)} {self.dice.pick(('went to', 'walked to', 'hurried to', 'ran into'))} the {place}"
        )
        if scene.held and self.dice.chance(0.5):
            return f"{told}, carrying the {self.dice.pick(scene.held)}."
        return f"{told}."

    def _feel(self, actor: Person, _scene: _Scene) -> str:
        mood = self.dice.pick(MOODS)
        told = self.dice.pick((f"felt {mood}.", f"was {mood} and sat down for a while.", f"grew {mood}."))
        return f"{self._subject(actor)} {told}"

    def _take(self, actor: Person, scene: _Scene) -> str:
        thing = self.dice.pick(scene.lying)
        del self.lying[thing]
        self.holders[thing] = actor
        return f"{self._subject(actor)} {self.dice.pick(('picked up', 'took', 'found'))} the {thing}."

    def _drop(self, actor: Person, scene: _Scene) -> str:
        thing = self.dice.pick(scene.held)
        del self.holders[thing]
        self.lying[thing] = scene.here
        return f"{self._subject(actor)} {self.dice.pick(('left', 'put down', 'hid'))} the {thing} in the {scene.here}."

    def _give(self, actor: Person, scene: _Scene) -> str:
        thing, other = self.dice.pick(scene.held), self.dice.pick(scene.others)
        self.holders[thing] = other
        return f"{self._subject(actor)} gave the {thing} to {self._object(other)}."

    def _search(self, actor: Person, scene: _Scene) -> str:
        present = [actor, *scene.others]
        missing = [thing for thing in self.things if self.holders.get(thing) not in present]
        if not missing:
            return self._feel(actor, scene)
        return f"{self._subject(actor)} looked for the {self.dice.pick(missing)}, but it was not in the {scene.here}."

    def _greet(self, actor: Person, scene: _Scene) -> str:
        other = self.dice.pick(scene.others)
        words = self.dice.pick(("Good day", "I am glad to see you", "How are you", "You look well"))
        return f'"{words}, {other.name}{"?" if words == "How are you" else "!"}" said {self._object(actor)}.'

    def _ask(self, actor: Person, scene: _Scene) -> str:
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
        return f'{asked} asked {self._object(other)}, "Where is the {thing}?" "{answer}," said {said}.'

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
