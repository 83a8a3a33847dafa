"""A first solution for dashboard: a web app of the standard library alone, in one file.

It cleans what strikes the eye in the first lines of the table, and takes the dates that it understands. Which dates it
does not, what it should refuse, and what its page lacks for people who cannot see it, is where you can do better.

    python baseline.py --out submission.zip               packs this very file as app.py
    python baseline.py --data dashboard --serve 8000      shows it at http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import csv
import html
import json
import os
import unicodedata
import zipfile
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

NO_REGION = {"", "n/a", "-", "unknown", "null"}


class Sale(NamedTuple):
    """One line of the table, cleaned."""

    order: int
    day: str
    """`YYYY-MM-DD`, or empty."""
    region: str
    """In small letters; empty: not told."""
    category: str
    """In small letters."""
    product: str
    amount: float
    """Below 0: given back."""


@lru_cache(10_000)
def clean(text: str) -> str:
    """Text without spaces around it, accents and letters as one character."""
    return unicodedata.normalize("NFC", text).strip()


@lru_cache(10_000)
def read_day(text: str) -> str:
    """A date as `YYYY-MM-DD`; empty where it is none that is understood here."""
    text = text.strip()
    if len(text) == len("31/12/2024") and text[2] == text[5] == "/":
        text = f"{text[6:]}-{text[3:5]}-{text[:2]}"
    looks_right = len(text) == len("2024-12-31") and text[4] == text[7] == "-" and text.replace("-", "").isdigit()
    return text if looks_right else ""


@lru_cache(1)
def load() -> tuple[list[Sale], dict[str, int]]:
    """All sales of the table at `$DATA_CSV`, each once and by day, and what was odd about them."""
    sales: dict[str, Sale] = {}
    rows = 0
    with Path(os.environ["DATA_CSV"]).open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            rows += 1
            region = clean(line["region"]).lower()
            amount = int(line["quantity"]) * float(line["unit_price"].strip("¥ ").replace(",", ""))
            sale = Sale(
                int(line["order_id"]),
                read_day(line["date"]),
                "" if region in NO_REGION else region,
                clean(line["category"]).lower(),
                clean(line["product"]),
                amount,
            )
            sales.setdefault(line["line_id"], sale)
    found = sorted(sales.values(), key=lambda sale: sale.day)
    return found, {
        "rows": rows,
        "duplicates": rows - len(found),
        "bad_dates": sum(not sale.day for sale in found),
        "missing_region": sum(not sale.region for sale in found),
    }


def select(asked: dict[str, str]) -> list[Sale]:
    """The sales that are asked for; dates compare as texts, since the year comes first."""
    sales, start, end = load()[0], asked.get("start", ""), asked.get("end", "")
    if start or end:
        first = bisect_left(sales, start or "0", key=lambda sale: sale.day)
        sales = sales[first : bisect_right(sales, end or "9", key=lambda sale: sale.day)]
    region, category = (clean(asked.get(name, "")).lower() for name in ("region", "category"))
    if region:
        sales = [sale for sale in sales if sale.region == region]
    if category:
        sales = [sale for sale in sales if sale.category == category]
    return sales


def summarise(asked: dict[str, str]) -> dict[str, Any]:
    """The numbers of a selection."""
    sold = back = 0.0
    orders: set[int] = set()
    products: defaultdict[str, float] = defaultdict(float)
    daily: defaultdict[str, float] = defaultdict(float)
    for order, day, _, _, product, amount in select(asked):
        products[product] += amount
        daily[day] += amount
        if amount > 0:
            sold += amount
            orders.add(order)
        else:
            back -= amount
    daily.pop("", None)
    best = sorted(products.items(), key=lambda pair: (-pair[1], pair[0]))[:5]
    return {
        "revenue": round(sold - back, 2),
        "orders": len(orders),
        "aov": round((sold - back) / len(orders), 2) if orders else 0,
        "refund_rate": back / sold if sold else 0,
        "top_products": [{"name": name, "revenue": round(amount, 2)} for name, amount in best],
        "daily": [{"date": day, "revenue": round(amount, 2)} for day, amount in sorted(daily.items())],
    }


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sales</title>
<h1>Sales</h1>
<p>Revenue <b data-kpi="revenue">{revenue:,.2f}</b>, orders <b data-kpi="orders">{orders:,}</b>,
average order <b data-kpi="aov">{aov:,.2f}</b>, given back <b data-kpi="refund_rate">{refund_rate:.3%}</b></p>
<svg viewBox="0 0 720 120"><polyline points="{points}" fill="none" stroke="steelblue"/></svg>
<table>{products}</table>
</html>"""


def draw_page(told: dict[str, Any]) -> str:
    """The page: four numbers, the days as a line, the best products as a table."""
    highest = max((day["revenue"] for day in told["daily"]), default=1) or 1
    points = " ".join(f"{x},{120 - 110 * day['revenue'] / highest:.1f}" for x, day in enumerate(told["daily"]))
    products = "".join(
        f"<tr><td>{html.escape(row['name'])}<td>{row['revenue']:,.2f}</tr>" for row in told["top_products"]
    )
    return PAGE.format(**told | {"points": points, "products": products})


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    """Answer one request: what a WSGI server calls."""
    path, asked = environ["PATH_INFO"], parse_qs(environ.get("QUERY_STRING", ""))
    wanted = {name: values[0] for name, values in asked.items()}
    status, kind = "200 OK", "application/json"
    if path == "/":
        kind, text = "text/html; charset=utf-8", draw_page(summarise(wanted))
    elif path == "/api/summary":
        text = json.dumps(summarise(wanted), ensure_ascii=False)
    elif path == "/api/quality":
        text = json.dumps(load()[1])
    else:
        status, text = "404 Not Found", json.dumps({"error": "there is no such page"})
    start_response(status, [("Content-Type", kind)])
    return [text.encode()]


def main(data: Path, out: Path) -> None:  # noqa: ARG001 - every baseline is called alike
    """Write the submission.

    Args:
        data: Folder of the downloaded files; the app reads its table when it runs.
        out: The zip archive to write.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(__file__, "app.py")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the downloaded files")
    parser.add_argument("--out", type=Path, default=Path("submission.zip"), help="file to write")
    parser.add_argument("--serve", type=int, help="instead: a port to show the app at, with sales.csv")
    given = parser.parse_args()
    if given.serve:
        os.environ.setdefault("DATA_CSV", str(given.data / "sales.csv"))
        make_server("127.0.0.1", given.serve, app).serve_forever()
    main(given.data, given.out)
