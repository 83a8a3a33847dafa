"""A dashboard that keeps every rule of the challenge: the table as columns, cleaned once, and summed by polars."""

from __future__ import annotations

import datetime as dt
import html
import json
import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import polars as pl

NO_REGION = ["", "n/a", "-", "unknown", "null"]
STYLES = {
    r"^\d{4}-\d{2}-\d{2}$": "%Y-%m-%d",
    r"^\d{2}/\d{2}/\d{4}$": "%d/%m/%Y",
    r"^\d{1,2} [A-Z][a-z]{2} \d{4}$": "%d %b %Y",
    r"^\d{4}年\d{1,2}月\d{1,2}日$": "%Y年%m月%d日",
}


def tidy(column: str) -> pl.Expr:
    return pl.col(column).fill_null("").str.normalize("NFC").str.strip_chars(" ")


def read_dates() -> pl.Expr:
    text = tidy("date")
    found = [
        pl.when(text.str.contains(shape)).then(text.str.to_date(style, strict=False)) for shape, style in STYLES.items()
    ]
    return pl.coalesce([each.otherwise(None) for each in found])


def load(path: Path) -> tuple[pl.DataFrame, dict[str, int]]:
    table = pl.read_csv(path, infer_schema=False)
    kept = table.unique("line_id", keep="first", maintain_order=True)
    price = pl.col("unit_price").str.replace_all("[¥, ]", "").cast(pl.Float64)
    region = tidy("region").str.to_lowercase()
    sales = kept.select(
        order=pl.col("order_id").cast(pl.Categorical).to_physical(),
        day=read_dates(),
        region=pl.when(region.is_in(NO_REGION)).then(None).otherwise(region).cast(pl.Categorical),
        category=tidy("category").str.to_lowercase().cast(pl.Categorical),
        product=tidy("product").cast(pl.Categorical),
        cents=(pl.col("quantity").cast(pl.Int64) * (price * 100).round().cast(pl.Int64)),
    )
    return sales, {
        "rows": table.height,
        "duplicates": table.height - kept.height,
        "bad_dates": sales["day"].null_count(),
        "missing_region": sales["region"].null_count(),
    }


SALES, QUALITY = load(Path(os.environ["DATA_CSV"]))


class Refused(Exception):
    """The request is not one that can be answered."""


def read_day(text: str) -> dt.date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise Refused(f"{text!r} is no date such as 2025-03-07")


def summarise(asked: dict[str, str]) -> dict[str, Any]:
    wanted = []
    if asked.get("start"):
        wanted.append(pl.col("day") >= read_day(asked["start"]))
    if asked.get("end"):
        wanted.append(pl.col("day") <= read_day(asked["end"]))
    words = {name: unicodedata.normalize("NFC", asked.get(name, "")).strip().lower() for name in ("region", "category")}
    wanted += [pl.col(name) == word for name, word in words.items() if word]
    chosen = SALES.filter(wanted) if wanted else SALES
    sold = chosen.filter(pl.col("cents") > 0)
    gross, net, orders = int(sold["cents"].sum()), int(chosen["cents"].sum()), sold["order"].n_unique()
    products = chosen.group_by(pl.col("product").cast(pl.String)).agg(pl.col("cents").sum())
    best = products.sort(["cents", "product"], descending=[True, False]).head(5)
    days = chosen.drop_nulls("day").group_by("day").agg(pl.col("cents").sum()).sort("day")
    return {
        "revenue": net / 100,
        "orders": orders,
        "aov": net / 100 / orders if orders else 0,
        "refund_rate": (gross - net) / gross if gross else 0,
        "top_products": [{"name": name, "revenue": cents / 100} for name, cents in best.iter_rows()],
        "daily": [{"date": day.isoformat(), "revenue": cents / 100} for day, cents in days.iter_rows()],
    }


def draw_chart(name: str, heights: list[float]) -> str:
    top = max([*heights, 1])
    sizes = [100 * max(0, height) / top for height in heights]
    bars = "".join(
        f'<rect x="{5 * place}" y="{100 - size:.1f}" width="4" height="{size:.1f}"/>'
        for place, size in enumerate(sizes)
    )
    return f'<svg role="img" aria-label="{html.escape(name)}" viewBox="0 0 {5 * len(heights)} 100">{bars}</svg>'


def draw_page(told: dict[str, Any]) -> str:
    daily = [row["revenue"] for row in told["daily"]]
    months: dict[str, float] = {}
    for row in told["daily"]:
        months[row["date"][:7]] = months.get(row["date"][:7], 0) + row["revenue"]
    kpis = "".join(
        f'<dt>{name}<dd data-kpi="{name}">{text}</dd>'
        for name, text in (
            ("revenue", f"¥{told['revenue']:,.2f}"),
            ("orders", f"{told['orders']:,}"),
            ("aov", f"¥{told['aov']:,.2f}"),
            ("refund_rate", f"{told['refund_rate']:.3%}"),
        )
    )
    rows = "".join(
        f'<tr><th scope="row">{html.escape(row["name"])}</th><td>{row["revenue"]:,.2f}</td></tr>'
        for row in told["top_products"]
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sales</title></head><body><h1>Sales</h1>'
        f"<dl>{kpis}</dl>{draw_chart('Revenue by day', daily)}{draw_chart('Revenue by month', list(months.values()))}"
        f"{draw_chart('Revenue of the best products', [row['revenue'] for row in told['top_products']])}"
        f'<table><tr><th scope="col">Product</th><th scope="col">Revenue</th></tr>{rows}</table></body></html>'
    )


def answer(method: str, path: str, asked: dict[str, str]) -> tuple[str, str, str]:
    if path not in ("/", "/api/summary", "/api/quality"):
        return "404 Not Found", "application/json", json.dumps({"error": "there is no such page"})
    if method != "GET":
        return "405 Method Not Allowed", "application/json", json.dumps({"error": "only GET is served"})
    try:
        if path == "/":
            return "200 OK", "text/html; charset=utf-8", draw_page(summarise(asked))
        return "200 OK", "application/json", json.dumps(summarise(asked) if path == "/api/summary" else QUALITY)
    except Refused as refused:
        return "400 Bad Request", "application/json", json.dumps({"error": str(refused)})


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    query = parse_qs(environ.get("QUERY_STRING", ""))
    asked = {name: values[0] for name, values in query.items()}
    status, kind, text = answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], asked)
    start_response(status, [("Content-Type", kind)])
    return [text.encode()]
