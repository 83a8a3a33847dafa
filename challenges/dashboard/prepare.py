"""Makes the data of dashboard: a public table of sales with examples, and for each side a hidden table with checks.

A check is a hidden row: one thing that one answer of a service must be. What it must be is computed here, from the
table as it is written; the script that grades only compares.
"""

from __future__ import annotations

import json
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import numpy as np
import polars as pl

from challenges._generators.keys import Keys
from challenges._generators.pictures import PALETTE, save_scatter
from challenges._generators.sales import DAYS, FIRST_DAY, SATURDAY, make_table, name_products, open_shop
from challenges._generators.takings import Query, Takings, read_takings

PRODUCTS = 60
SAMPLE_ROWS, HIDDEN_ROWS = 20_000, 200_000
PARTS = (("sample", SAMPLE_ROWS), ("public", HIDDEN_ROWS), ("private", HIDDEN_ROWS))
"""Each sells other products."""
QUERIES = {"public": 12, "private": 28}
"""Whose numbers are checked."""
PAGES = {"public": 3, "private": 7}
"""How many of those queries the page is asked, too: the first of them for everything there is."""
FIRST_LIFE, SPEED_LIFE = 0, 1
SPEED_QUERIES = 50
EXAMPLES = 6
PATTERNS = (
    ("region",),
    ("start", "end"),
    ("category",),
    ("start", "end", "region"),
    ("end",),
    ("start", "category"),
    ("region", "category"),
    ("start", "end", "category"),
    ("start",),
    ("end", "region"),
    ("start", "end", "region", "category"),
)
"""Parameters of queries, in turn."""
FIELDS = ("revenue", "orders", "aov", "refund_rate", "top_products", "daily")
KPIS = FIELDS[:4]
PAGE_FIELDS = ("title", "language", "charts", "table", "offline")
FEWEST_LINES = 500
"""That a query selects, of a hidden table; of the public one a tenth."""
SAMPLE_APP = '''"""The smallest dashboard there is: it comes up, and knows nothing."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [b'<!doctype html><html lang="en"><title>Sales</title><p>Hello.</p></html>']
'''


@dataclass(frozen=True)
class Check:
    """One thing that is checked; the fields are columns of the answers."""

    group: str
    """`numbers`, `edges`, `page` or `speed`."""
    life: int
    """Checks of one life are asked of a service that is started once."""
    place: int
    """Of the request in that life; checks of one answer share it."""
    request: str
    """Path and query."""
    method: str
    field: str
    """What is looked at."""
    expected: str
    """As JSON."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:  # noqa: ARG001
    """Write the public table and examples into `public`, tables and checks into `hidden`.

    Args:
        raw: Unused: there is nothing to download.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`.
    """
    names = name_products(keys.rng("products"), PRODUCTS * len(PARTS))
    rows: list[dict[str, Any]] = []
    for place, (part, lines) in enumerate(PARTS):
        shop = open_shop(names[place * PRODUCTS : (place + 1) * PRODUCTS], keys.rng(f"{part}/shop"))
        table = make_table(shop, lines, keys.rng(f"{part}/sales"), keys.rng(f"{part}/mess"))
        asker = Asker(read_takings(table), shop.regions, shop.categories, keys.rng(f"{part}/queries"))
        if part == "sample":
            (public / "sales.csv").write_bytes(table)
            examples = ",\n".join(json.dumps(example, ensure_ascii=False) for example in make_examples(asker))
            (public / "examples.json").write_text(f"[\n{examples}\n]\n", encoding="utf-8")
            draw_preview(public / "preview.png", asker.takings)
        else:
            np.savez_compressed(hidden / f"sales_{part}.npz", csv=np.frombuffer(table, dtype=np.uint8))
            rows += [asdict(check) | {"side": part} for check in make_checks(part, asker)]
    save_sample(public / "sample_submission.zip")
    answers = pl.DataFrame(rows).insert_column(0, pl.Series("id", keys.ids(len(rows))))
    answers.sort("id").write_parquet(hidden / "answers.parquet")


@dataclass(frozen=True, eq=False)
class Asker:
    """Draws queries to a table; none is drawn twice."""

    takings: Takings
    regions: list[str]
    categories: list[str]
    rng: np.random.Generator
    drawn: set[Query] = field(default_factory=set)

    def draw(self, count: int, fewest: int) -> list[Query]:
        """Different queries that each select that many lines, with refunds, and no doubt who sells best."""
        found: list[Query] = []
        for named in cycle(PATTERNS):
            if len(found) == count:
                break
            query = self._draw_one(*named)
            if query not in self.drawn and self._is_clear(query, fewest):
                self.drawn.add(query)
                found.append(query)
        return found

    def _draw_one(self, *named: str) -> Query:
        first = int(self.rng.integers(0, DAYS - 60))
        last = min(DAYS - 1, first + int(self.rng.integers(20, 500)))
        drawn = {
            "start": write_day(first),
            "end": write_day(last),
            "region": self.pick(self.regions),
            "category": self.pick(self.categories),
        }
        return Query(**{name: drawn[name] for name in named})

    def _is_clear(self, query: Query, fewest: int) -> bool:
        if self.takings.select(query).sum() < fewest:
            return False
        summary = self.takings.summarise(query)
        amounts = [row["revenue"] for row in summary["top_products"]]
        return summary["refund_rate"] > 0 and len(set(amounts)) == len(amounts) and amounts[-1] > 0

    def pick(self, names: list[str]) -> str:
        """One of the names."""
        return names[int(self.rng.integers(0, len(names)))]


def write_day(day: int) -> str:
    """A day since the first one, as `YYYY-MM-DD`."""
    return (FIRST_DAY + timedelta(days=day)).isoformat()


def address(query: Query, path: str = "/api/summary", *, plus: bool = False) -> str:
    """Path and query, percent-encoded; parameters that are empty are left out."""
    given = {name: value for name, value in asdict(query).items() if value}
    return path + ("?" + urlencode(given, quote_via=quote_plus if plus else quote) if given else "")


def make_examples(asker: Asker) -> list[dict[str, Any]]:
    """Requests for the public table, with what must come back."""
    queries = asker.draw(EXAMPLES, FEWEST_LINES // 10)
    told = [{"request": address(query), "status": 200, "json": asker.takings.summarise(query)} for query in queries]
    none = {"request": address(Query(region="Atlantis")), "status": 200}
    return [
        {"request": "/api/quality", "status": 200, "json": asker.takings.quality},
        *told,
        none | {"json": asker.takings.summarise(Query(region="Atlantis"))},
        {"request": "/api/summary?start=2025-02-30", "status": 400},
        {"request": "/nowhere", "status": 404},
    ]


def make_checks(side: str, asker: Asker) -> Iterator[Check]:
    """All checks of one side: numbers and pages in any order, then edge cases; times in a life of their own."""
    queries = [Query(), *asker.draw(QUERIES[side] - 1, FEWEST_LINES)]
    pages = queries[: PAGES[side]]
    order = asker.rng.permutation(len(queries) + len(pages)).tolist()
    for place, query in zip(order, queries, strict=False):
        yield from check_numbers(asker.takings, query, place)
    for place, query in zip(order[len(queries) :], pages, strict=True):
        yield from check_page(asker.takings, query, place)
    for name, value in asker.takings.quality.items():
        yield Check("numbers", FIRST_LIFE, len(order), "/api/quality", "GET", name, json.dumps(value))
    for place, check in enumerate(check_edges(side, asker), len(order) + 1):
        yield replace(check, place=place)
    yield Check("speed", SPEED_LIFE, 0, "", "GET", "p95", json.dumps(list(time_queries(asker))))


def time_queries(asker: Asker) -> Iterator[tuple[str, float | None]]:
    """Requests to time, each with its revenue; pages between them, so that nothing tells this life from the other."""
    for place, query in enumerate(asker.draw(SPEED_QUERIES, FEWEST_LINES)):
        yield address(query), asker.takings.summarise(query)["revenue"]
        if place % 5 == 0:
            yield address(query, "/"), None


def check_numbers(takings: Takings, query: Query, place: int) -> Iterator[Check]:
    """Each field of one answer."""
    summary = takings.summarise(query)
    for name in FIELDS:
        yield Check(
            "numbers", FIRST_LIFE, place, address(query), "GET", name, json.dumps(summary[name], ensure_ascii=False)
        )


def check_page(takings: Takings, query: Query, place: int) -> Iterator[Check]:
    """What the page must have, and the numbers that it must show."""
    summary = takings.summarise(query)
    expected: dict[str, Any] = dict.fromkeys(PAGE_FIELDS) | {name: summary[name] for name in KPIS}
    for name, value in expected.items():
        yield Check("page", FIRST_LIFE, place, address(query, "/"), "GET", name, json.dumps(value))


def check_edges(side: str, asker: Asker) -> Iterator[Check]:
    """What services stumble over, once for the public side and twice for the private one."""
    number = 0 if side == "public" else 1
    for turn in range(number, 2 * number + 1):
        day = write_day(int(asker.rng.integers(30, DAYS - 30)))
        region = asker.pick([name for name in asker.regions if name.upper() != name and not name.isascii()])
        category = asker.pick([name for name in asker.categories if " " in name])
        empty = ("start=", "end=", "region=", "category=", "colour=blue")
        yield _edge("nothing", address(Query(start=day, end=write_day(turn))))
        yield _edge("nothing", address(Query(start=f"{1990 + turn}-01-01", end=f"{1991 + turn}-12-31")))
        yield _edge("nothing", address(Query(region=("Atlantis", "unknown", "' OR '1'='1")[turn])))
        yield _edge("nothing", address(Query(category=("Moon rocks", "%", "z" * 1500)[turn])))
        yield _edge("refusal", "/api/summary?" + ("start=2025-02-30", "end=2024-13-01", "start=2025-02-29")[turn])
        yield _edge("refusal", "/api/summary?" + ("end=07/03/2025", "start=20250307", "start=yesterday")[turn])
        yield _edge("absent", ("/nowhere", "/api/summary/all", "/api")[turn])
        yield _edge("refused method", "/api/summary", method=("POST", "DELETE", "PUT")[turn])
        yield _selection(asker, "/api/summary?region=" + quote(spell(region, turn)), Query(region=region))
        yield _selection(asker, address(Query(category=category), plus=True), Query(category=category))
        yield _selection(asker, address(Query(start=day, end=day)), Query(start=day, end=day))
        yield _selection(asker, "/api/summary?" + "&".join((*empty[turn:], *empty[:turn])), Query())


def spell(word: str, turn: int) -> str:
    """The same word in another spelling: large letters, small ones with spaces, accents as characters of their own."""
    return (word.upper(), f" {word.lower()} ", unicodedata.normalize("NFD", word))[turn]


def _edge(field: str, request: str, expected: Any = None, method: str = "GET") -> Check:
    return Check("edges", FIRST_LIFE, 0, request, method, field, json.dumps(expected))


def _selection(asker: Asker, request: str, query: Query) -> Check:
    summary = asker.takings.summarise(query)
    return _edge("selection", request, {name: summary[name] for name in ("revenue", "orders")})


def draw_preview(path: Path, takings: Takings) -> None:
    """Revenue of each day; weekends in another colour."""
    daily = takings.summarise(Query())["daily"]
    days = [date.fromisoformat(row["date"]) for row in daily]
    colours = np.array([PALETTE[day.weekday() >= SATURDAY] for day in days], dtype=np.uint8)
    place, amount = np.array([day.toordinal() for day in days]), np.array([row["revenue"] for row in daily])
    save_scatter(path, place, amount, colours, size=(640, 320))


def save_sample(path: Path) -> None:
    """Write a service that says hello to everybody."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("app.py", (1980, 1, 1, 0, 0, 0)), SAMPLE_APP)
