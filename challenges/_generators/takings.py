"""What a messy table of sales comes to, by the rules that `dashboard` tells: the reference, written for clearness.

It reads the CSV text as anybody must, line by line, and knows nothing of how the table was made. Money is counted in
whole cents, so that sums are exact in any order.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOP = 5
NO_REGION = frozenset({"", "n/a", "-", "unknown", "null"})
NO_DAY, NO_REGION_CODE = 0, -1
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STYLES = tuple(
    re.compile(style, re.ASCII)
    for style in (
        r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})",
        r"(?P<d>\d{2})/(?P<m>\d{2})/(?P<y>\d{4})",
        rf"(?P<d>\d{{1,2}}) (?P<m>{'|'.join(_MONTHS)}) (?P<y>\d{{4}})",
        r"(?P<y>\d{4})年(?P<m>\d{1,2})月(?P<d>\d{1,2})日",
    )
)


@dataclass(frozen=True)
class Query:
    """What a summary is asked for; an empty text asks for all."""

    start: str = ""
    """First day, `YYYY-MM-DD`."""
    end: str = ""
    """Last day, itself included."""
    region: str = ""
    category: str = ""


@lru_cache(100_000)
def tidy(text: str) -> str:
    """The text composed (NFC), without spaces around it."""
    return unicodedata.normalize("NFC", text).strip(" ")


def fold(text: str) -> str:
    """What two spellings of one word have in common."""
    return tidy(text).casefold()


@lru_cache(100_000)
def read_day(text: str) -> int:
    """A day as its ordinal number; `NO_DAY` where the text is no date in one of the four styles."""
    for style in _STYLES:
        if found := style.fullmatch(text.strip(" ")):
            month = found["m"]
            number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
            try:
                return date(int(found["y"]), number, int(found["d"])).toordinal()
            except ValueError:
                return NO_DAY
    return NO_DAY


@lru_cache(100_000)
def read_cents(text: str) -> int:
    """An amount such as `¥1,299.00` in cents."""
    whole, decimals = text.strip(" ").lstrip("¥").replace(",", "").split(".")
    return 100 * int(whole) + int(decimals)


@dataclass(frozen=True, eq=False)
class Takings:
    """The lines of a table that count, as numbers; arrays of shape (lines,)."""

    quality: dict[str, int]
    """What was odd about the whole table."""
    day: NDArray[np.int64]
    """Ordinal number, or `NO_DAY`."""
    region: NDArray[np.int64]
    """Place in `regions`, or `NO_REGION_CODE`."""
    category: NDArray[np.int64]
    product: NDArray[np.int64]
    order: NDArray[np.int64]
    cents: NDArray[np.int64]
    """Amount of the line; below 0: given back."""
    regions: dict[str, int]
    """Places by folded name."""
    categories: dict[str, int]
    products: list[str]
    """Names by place."""

    def select(self, query: Query) -> NDArray[np.bool_]:
        """Which lines a query asks for."""
        chosen = np.ones(len(self.day), dtype=bool)
        if query.start:
            chosen &= (self.day != NO_DAY) & (self.day >= date.fromisoformat(query.start).toordinal())
        if query.end:
            chosen &= (self.day != NO_DAY) & (self.day <= date.fromisoformat(query.end).toordinal())
        if query.region:
            chosen &= self.region == self.regions.get(fold(query.region), -2)
        if query.category:
            chosen &= self.category == self.categories.get(fold(query.category), -2)
        return chosen

    def summarise(self, query: Query) -> dict[str, Any]:
        """The whole answer of `/api/summary`; amounts to the cent, rates and means in full."""
        chosen = self.select(query)
        cents, day = self.cents[chosen], self.day[chosen]
        sold, back = int(cents[cents > 0].sum()), -int(cents[cents < 0].sum())
        orders = len(np.unique(self.order[chosen][cents > 0]))
        days, places = np.unique(day[day != NO_DAY], return_inverse=True)
        sums = np.zeros(len(days), dtype=np.int64)
        np.add.at(sums, places, cents[day != NO_DAY])
        return {
            "revenue": (sold - back) / 100,
            "orders": orders,
            "aov": (sold - back) / 100 / orders if orders else 0.0,
            "refund_rate": back / sold if sold else 0.0,
            "top_products": self._rank(self.product[chosen], cents),
            "daily": [
                {"date": date.fromordinal(number).isoformat(), "revenue": total / 100}
                for number, total in zip(days.tolist(), sums.tolist(), strict=True)
            ],
        }

    def _rank(self, products: NDArray[np.int64], cents: NDArray[np.int64]) -> list[dict[str, Any]]:
        sums = np.zeros(len(self.products), dtype=np.int64)
        np.add.at(sums, products, cents)
        found = np.unique(products).tolist()
        ranked = sorted((-int(sums[place]), self.products[place]) for place in found)[:TOP]
        return [{"name": name, "revenue": -total / 100} for total, name in ranked]


def read_takings(content: bytes) -> Takings:
    """Read a CSV file: the first line of each `line_id` counts, every later one is a duplicate."""
    seen: set[str] = set()
    rows = duplicates = 0
    codes: dict[str, dict[str, int]] = {name: {} for name in ("region", "category", "product", "order")}
    found: dict[str, list[int]] = {name: [] for name in ("day", "cents", *codes)}
    for line in csv.DictReader(StringIO(content.decode("utf-8"), newline="")):
        rows += 1
        if line["line_id"] in seen:
            duplicates += 1
            continue
        seen.add(line["line_id"])
        region = fold(line["region"])
        names = {"category": fold(line["category"]), "product": tidy(line["product"]), "order": line["order_id"]}
        for name, text in names.items():
            found[name].append(codes[name].setdefault(text, len(codes[name])))
        is_known = region not in NO_REGION
        known = codes["region"]
        found["region"].append(known.setdefault(region, len(known)) if is_known else NO_REGION_CODE)
        found["day"].append(read_day(line["date"]))
        found["cents"].append(int(line["quantity"]) * read_cents(line["unit_price"]))
    arrays = {name: np.array(values, dtype=np.int64) for name, values in found.items()}
    quality = {
        "rows": rows,
        "duplicates": duplicates,
        "bad_dates": int((arrays["day"] == NO_DAY).sum()),
        "missing_region": int((arrays["region"] == NO_REGION_CODE).sum()),
    }
    return Takings(
        quality, **arrays, regions=codes["region"], categories=codes["category"], products=list(codes["product"])
    )
