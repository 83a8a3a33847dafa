"""Lines of sale of an invented chain of shops, and how badly such tables are written down.

What is sold is drawn first, in clean numbers; then it is written as tills and people write it: dates in four styles,
letters large and small, characters composed and decomposed, amounts with signs and separators, gaps, and lines twice.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

FIRST_DAY, DAYS = date(2024, 1, 1), 731
"""The first is a Monday."""
SATURDAY = 5
COLUMNS = ("line_id", "order_id", "date", "region", "category", "product", "quantity", "unit_price")
DUPLICATES, REFUNDS = 0.03, 0.05
"""Shares of all lines."""

_REGIONS = (
    ("North", "South", "West"),
    ("Île-de-France", "São Paulo", "Zürich", "Québec", "Malmö"),
    ("北京", "上海", "广州"),
)
_CATEGORIES = (
    ("Tea & Coffee", "Home & Garden", "Books + Music", "Toys"),
    ("Pâtisserie", "Électronique"),
    ("文具", "厨具"),
)
_FIRST_WORDS = ("Blue", "Old", "Grand", "Mini", "Nordic", "Señor", "Crème", "Über", "Forêt", "Ståhl", "Café", "绿色")
_NOUNS = ("Teapot", "Notebook", "Lantern", "Puzzle", "Kettle", "Radio", "Piñata", "Brûlée", "Étagère", "茶壶", "笔记本")
_ENDINGS = ("", ", 250 g", ' "XL"', " No. 7", ", rouge & bleu", " ☕")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_DATE_STYLES = (0.60, 0.31, 0.05, 0.04)
_NO_DATES = (
    "",
    "n/a",
    "tomorrow",
    "2025-02-30",
    "31/04/2024",
    "2024-13-01",
    "00/00/0000",
    "30 Feb 2025",
    "2025年9月31日",
)
_NO_REGIONS = ("", " ", "N/A", "n/a", "-", "unknown", "Unknown", "NULL", "null")
_BAD_DATE, _NO_REGION = 0.01, 0.04
_DECOMPOSED, _SPACED, _LARGE, _SMALL = 0.25, 0.06, 0.06, 0.08
_SIGNED, _SEPARATED = 0.15, 0.5


@dataclass(frozen=True, eq=False)
class Shop:
    """What is sold, and where."""

    regions: list[str]
    categories: list[str]
    products: list[str]
    """The one sold most comes first."""
    kinds: Ints
    """Place of each product's category."""
    cents: Ints
    """Usual price of each product."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines of sale in clean numbers; every array has shape (lines,)."""

    order: Ints
    position: Ints
    """Within the order; with it, the name of the line."""
    day: Ints
    """Since `FIRST_DAY`."""
    region: Ints
    product: Ints
    quantity: Ints
    """Below 0: given back."""
    cents: Ints
    """For one piece."""

    def take(self, rows: Ints) -> Lines:
        """Some of the lines."""
        return Lines(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})


def name_products(rng: np.random.Generator, count: int) -> list[str]:
    """Different names of products, with accents, commas, quotation marks and Chinese characters among them."""
    words = (_FIRST_WORDS, _NOUNS, _ENDINGS)
    picked = rng.permutation(len(words[0]) * len(words[1]) * len(words[2]))[:count]
    places = np.unravel_index(picked, tuple(len(part) for part in words))
    return [f"{words[0][i]} {words[1][j]}{words[2][k]}" for i, j, k in zip(*(p.tolist() for p in places), strict=True)]


def open_shop(products: list[str], rng: np.random.Generator) -> Shop:
    """Choose six regions and five categories, some of each with letters beyond ASCII; price the products."""
    regions = [name for names in _REGIONS for name in _choose(names, 2, rng)]
    categories = [
        name for names, count in zip(_CATEGORIES, (3, 1, 1), strict=True) for name in _choose(names, count, rng)
    ]
    kinds = rng.permutation(np.arange(len(products)) % len(categories))
    cents = np.rint(np.exp(rng.normal(np.log(4500), 1.3, len(products)))).astype(np.int64)
    return Shop(regions, categories, products, kinds, np.clip(cents, 150, 400_000))


def _choose(names: tuple[str, ...], count: int, rng: np.random.Generator) -> list[str]:
    return [names[place] for place in rng.permutation(len(names))[:count].tolist()]


def draw_lines(shop: Shop, rows: int, rng: np.random.Generator) -> Lines:
    """Draw sales, and refunds of some of them up to a month later; ordered by the orders' days."""
    refunds = round(REFUNDS * rows)
    sold = rows - refunds
    sizes = rng.integers(1, 5, sold)
    order = np.repeat(np.arange(sold), sizes)[:sold]
    orders = int(order[-1]) + 1
    day = np.sort(rng.choice(DAYS, orders, p=_season()))
    region = rng.choice(len(shop.regions), orders, p=_shares(len(shop.regions), 0.6))
    product = rng.choice(len(shop.products), sold, p=_shares(len(shop.products), 0.5))
    cents = np.rint(shop.cents[product] * rng.choice((1.0, 0.9, 0.8), sold, p=(0.7, 0.2, 0.1))).astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])[:orders]
    sales = Lines(
        order=order,
        position=np.arange(sold) - starts[order] + 1,
        day=day[order],
        region=region[order],
        product=product,
        quantity=np.minimum(rng.geometric(0.5, sold), 12),
        cents=cents,
    )
    back = sales.take(rng.permutation(sold)[:refunds])
    back = replace(
        back,
        position=back.position + sizes[back.order],
        day=np.minimum(back.day + rng.integers(1, 31, refunds), DAYS - 1),
        quantity=-rng.integers(1, back.quantity + 1),
    )
    both = {one.name: [getattr(sales, one.name), getattr(back, one.name)] for one in fields(Lines)}
    return Lines(**{name: np.concatenate(arrays) for name, arrays in both.items()})


def _season() -> NDArray[np.float64]:
    """Shares of the days: more in summer, at weekends, and later."""
    days = np.arange(DAYS)
    busy = 1 + 0.3 * np.sin(days / 58) + 0.35 * (days % 7 >= SATURDAY) + 0.5 * days / DAYS
    return np.asarray(busy / busy.sum())


def _shares(count: int, power: float) -> NDArray[np.float64]:
    weights = np.arange(1, count + 1) ** -power
    return np.asarray(weights / weights.sum())


def make_table(shop: Shop, rows: int, sales: np.random.Generator, mess: np.random.Generator) -> bytes:
    """A CSV file of that many lines, about in the order of their days.

    Args:
        shop: What is sold.
        rows: Lines below the header.
        sales: Stream of what is sold.
        mess: Stream of how it is written.
    """
    doubles = round(DUPLICATES * rows)
    lines = draw_lines(shop, rows - doubles, sales)
    table = write_down(shop, lines, mess)
    twice = mess.permutation(rows - doubles)[:doubles]
    exact, again = twice[: doubles // 2], twice[doubles // 2 :]
    place = lines.day + mess.uniform(0, 1, len(lines.day))
    later = place[twice] + mess.exponential(10, doubles)
    whole = pl.concat([table, table[exact], write_down(shop, lines.take(again), mess)])
    order = np.argsort(np.concatenate([place, later]), kind="stable")
    return whole[order].write_csv().encode()


def write_down(shop: Shop, lines: Lines, rng: np.random.Generator) -> pl.DataFrame:
    """Write clean lines as people do."""
    number = lines.order + 100_001
    columns: dict[str, list[str]] = {
        "line_id": [f"{order}-{at}" for order, at in zip(number.tolist(), lines.position.tolist(), strict=True)],
        "order_id": number.astype(str).tolist(),
        "date": write_days(lines.day, rng),
        "region": write_regions(shop.regions, lines.region, rng),
        "category": write_words(shop.categories, shop.kinds[lines.product], rng, has_cases=True),
        "product": write_words(shop.products, lines.product, rng, has_cases=False),
        "quantity": lines.quantity.astype(str).tolist(),
        "unit_price": write_amounts(lines.cents, rng),
    }
    return pl.DataFrame({name: columns[name] for name in COLUMNS})


def write_days(days: Ints, rng: np.random.Generator) -> list[str]:
    """Dates in four styles, and some that are none."""
    calendar = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    styles = [
        [day.isoformat() for day in calendar],
        [f"{day.day:02}/{day.month:02}/{day.year}" for day in calendar],
        [f"{day.day} {_MONTHS[day.month - 1]} {day.year}" for day in calendar],
        [f"{day.year}年{day.month}月{day.day}日" for day in calendar],
    ]
    style = rng.choice(len(styles), len(days), p=_DATE_STYLES)
    written: Texts = np.array(styles, dtype=object)[style, days]
    return _spoil(written, _BAD_DATE, _NO_DATES, rng)


def write_regions(regions: list[str], places: Ints, rng: np.random.Generator) -> list[str]:
    """Regions as words, and gaps in many styles."""
    written: Texts = np.array(write_words(regions, places, rng, has_cases=True), dtype=object)
    return _spoil(written, _NO_REGION, _NO_REGIONS, rng)


def write_words(words: list[str], places: Ints, rng: np.random.Generator, *, has_cases: bool) -> list[str]:
    """Words with spaces too many, with accents as characters of their own, and perhaps in other letters."""
    count = len(places)
    apart = rng.random(count) < _DECOMPOSED
    written: Texts = np.where(
        apart,
        np.array([unicodedata.normalize("NFD", word) for word in words], dtype=object)[places],
        np.array(words, dtype=object)[places],
    )
    chance, space = rng.random(count), rng.random(count)
    return [
        _dress(word, chance_ if has_cases else 1.0, space_)
        for word, chance_, space_ in zip(written.tolist(), chance.tolist(), space.tolist(), strict=True)
    ]


def _dress(word: str, chance: float, space: float) -> str:
    if chance < _LARGE:
        word = word.upper()
    elif chance < _LARGE + _SMALL:
        word = word.lower()
    return f" {word} " if space < _SPACED / 2 else f"{word} " if space < _SPACED else word


def write_amounts(cents: Ints, rng: np.random.Generator) -> list[str]:
    """Amounts with two decimals, some with a currency sign, large ones with or without commas."""
    signed, separated = rng.random(len(cents)) < _SIGNED, rng.random(len(cents)) < _SEPARATED
    return [
        ("¥" if sign else "") + (f"{whole // 100:,}" if comma else f"{whole // 100}") + f".{whole % 100:02}"
        for whole, sign, comma in zip(cents.tolist(), signed.tolist(), separated.tolist(), strict=True)
    ]


def _spoil(texts: Texts, share: float, others: tuple[str, ...], rng: np.random.Generator) -> list[str]:
    """Replace some of the texts."""
    rows = np.flatnonzero(rng.random(len(texts)) < share)
    spoiled = texts.copy()
    spoiled[rows] = np.array(others, dtype=object)[rng.integers(0, len(others), len(rows))]
    found: list[str] = spoiled.tolist()
    return found
