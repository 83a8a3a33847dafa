"""Words of which stories are made: a small lexicon of a house, and a village with about five times as many."""

from __future__ import annotations

from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@dataclass(frozen=True)
class Lexicon:
    """What people, rooms and things are called, and by which words it is told what they do."""

    trades: tuple[str, ...]
    """One word each, none with a vowel at its beginning: it comes after "a"."""
    rooms: tuple[str, ...]
    qualities: tuple[str, ...]
    """Of things."""
    nouns: tuple[str, ...]
    """Of things."""
    weather: tuple[str, ...]
    """Whole sentences without their full stop."""
    moods: tuple[str, ...]
    goings: tuple[str, ...]
    takings: tuple[str, ...]
    leavings: tuple[str, ...]
    greetings: tuple[str, ...]
    """What is said to somebody, with the mark that ends it."""
    fewest_steps: int
    """Of the middle of a story: how often somebody does something."""
    most_steps: int


HOUSE = Lexicon(
    trades=_words("""
        baker miller carpenter teacher gardener painter sailor weaver clockmaker doctor fiddler shepherd printer tailor
        blacksmith beekeeper fisher potter postman stargazer
    """),
    rooms=_words("""
        kitchen garden library attic cellar hall bedroom workshop stable orchard pantry parlour tower courtyard cottage
        boathouse greenhouse study
    """),
    qualities=_words("""
        small old brass silver wooden blue red heavy broken painted dusty golden green empty polished striped cracked
        tiny
    """),
    nouns=_words("""
        lantern key map apple violin letter compass scarf box notebook candle teapot mirror basket hammer bell rope
        kettle umbrella spoon clock feather bottle drum
    """),
    weather=(
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
    ),
    moods=_words("tired happy hungry worried cheerful thoughtful impatient proud sleepy curious"),
    goings=("went to", "walked to", "hurried to", "ran into"),
    takings=("picked up", "took", "found"),
    leavings=("left", "put down", "hid"),
    greetings=("Good day!", "I am glad to see you!", "How are you?", "You look well!"),
    fewest_steps=7,
    most_steps=13,
)

_TIMES = _words("morning noon afternoon evening night Monday Friday Sunday")
_AIRS = _words("breezy cold warm windy rainy bright dark misty stormy mild chilly cloudy")

VILLAGE = Lexicon(
    trades=(
        *HOUSE.trades,
        *_words("""
            barber basketmaker bookbinder brewer bricklayer butcher butler candlemaker cartwright chemist clerk coachman
            cobbler collier cook cooper coppersmith courier cutler dancer dentist diver driver dyer farmer ferryman
            fireman florist forester furrier gamekeeper glazier goldsmith grocer guard harper hatter herbalist hunter
            jeweller jockey joiner judge juggler laundress lawyer librarian locksmith mason mayor merchant midwife miner
            musician nurse pedlar pharmacist pilot piper plasterer plumber poet porter ranger rider roofer saddler
            scholar sculptor seamstress sexton singer smith soldier spinner surgeon surveyor tanner thatcher tinker
        """),
    ),
    rooms=(
        *HOUSE.rooms,
        *_words("""
            abbey alcove arcade armoury backyard bakery ballroom barn basement bathroom belfry brewery brickyard
            bungalow cabin castle cave chapel church churchyard classroom cloakroom cloister conservatory corridor
            cowshed crypt dairy den dormitory dovecote dungeon farmhouse farmyard forge fort foundry foyer gallery
            garage gatehouse granary guesthouse harbour hayloft henhouse hospital hut inn jetty larder laundry
            lighthouse loft market marsh meadow mill monastery museum nursery observatory office paddock palace park
            pavilion pigsty playroom quarry
        """),
    ),
    qualities=(
        *HOUSE.qualities,
        *_words("""
            ancient antique battered beautiful bent black blunt bronze brown carved cheap chipped clean copper costly
            crimson crooked curved dented delicate dirty dull embroidered enormous faded fancy folded forgotten fragile
            frayed gilded glossy grey hollow huge jade leaden little long lopsided lucky marble modern muddy narrow new
            ornate pale patched pink plain pretty purple ragged repaired round rusty scratched shabby sharp shiny silken
            slender soft
        """),
    ),
    nouns=(
        *HOUSE.nouns,
        *_words("""
            album amulet anchor anvil armchair arrow axe ball banner barrel bauble bead belt bench blanket bonnet book
            boot bow bowl bracelet brick broom brush bucket buckle button cage cane cap carpet chain chair chalk chest
            chisel cloak coat coin collar comb cork crate crown cup cushion dagger dice doll envelope fan file fiddle
            flag flask flute fork funnel glove goblet guitar handkerchief harness harp hat helmet hook horn horseshoe
            jar jug kite knife ladder ladle lamp lens lute magnet mask mat medal mug nail necklace needle net oar orb
            paddle pan
        """),
    ),
    weather=(*HOUSE.weather, *(f"It was a {air} {time}" for air in _AIRS for time in _TIMES)),
    moods=(
        *HOUSE.moods,
        *_words("""
            afraid alarmed amused angry anxious bored brave calm careless cautious clever confused content cross daring
            desperate determined dizzy drowsy eager excited foolish friendly furious gloomy grateful grumpy guilty
            helpful hopeful jealous jolly lazy lonely merry nervous restless sad shy thirsty
        """),
    ),
    goings=(
        *HOUSE.goings,
        *(f"{verb} to" for verb in _words("strolled rushed returned wandered marched sneaked raced came")),
        *(f"{verb} into" for verb in _words("stepped slipped crept stumbled")),
    ),
    takings=(*HOUSE.takings, *_words("grabbed fetched lifted seized collected discovered snatched")),
    leavings=(*HOUSE.leavings, *_words("dropped forgot placed abandoned concealed deposited")),
    greetings=(
        *HOUSE.greetings,
        "Welcome!",
        "Hello there!",
        "What a surprise!",
        "Have you slept well?",
        "Do you need help?",
        "Thank you for coming!",
        "Is it true what they say?",
    ),
    fewest_steps=4,
    most_steps=8,
)
