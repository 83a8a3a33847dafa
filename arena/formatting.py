"""How values are written for people: numbers, sizes, times and texts in the reader's language; the template filters."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

from arena.translations import CHINESE, locale_of, translate

KILO = 1000
_BROWSERS = (("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
"""In this order: each of them also calls itself by the names that follow."""
_SYSTEMS = (("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Windows", "Windows"), ("Mac OS", "macOS"))
UNITS = ("B", "kB", "MB", "GB", "TB")


def filters(language: str) -> dict[str, Callable[..., Any]]:
    """The filters of the templates in one language."""
    locale = locale_of(language)
    return {
        "local": partial(format_local, language=language),
        "sentence": partial(translate, language),
        "number": partial(format_number, locale=locale),
        "score": format_score,
        "percent": partial(format_share, locale=locale),
        "size": partial(format_size, locale=locale),
        "at": partial(format_at, locale=locale),
        "iso": format_iso,
        "moment": dt.datetime.fromisoformat,
        "short": lambda digest: digest[:12],
        "json": format_json,
        "coded": format_coded,
        "browser": format_browser,
    }


def format_local(text: Any, *, language: str) -> str:
    """One of the two languages of a `Text`, or of its JSON `{"en", "zh"}`; None is the empty text."""
    key = "zh" if language == CHINESE else "en"
    if text is None:
        return ""
    if isinstance(text, str):
        return text
    if isinstance(text, Mapping):
        return str(text.get(key) or text.get("en") or "")
    return str(getattr(text, key))


def format_number(value: float, decimals: int | None = None, *, locale: Locale) -> str:
    """A number with thousands separated."""
    pattern = None if decimals is None else "#,##0." + "0" * decimals if decimals else "#,##0"
    return format_decimal(value, format=pattern, locale=locale)


def format_score(value: float | None, decimals: int = 4) -> str:
    """A score with a fixed number of digits, so that columns line up; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.{decimals}f}".replace("-", "−")  # a true minus sign


def format_share(value: float, decimals: int = 0, *, locale: Locale) -> str:
    """A share between 0 and 1 as per cent."""
    return format_percent(value, format="0." + "0" * decimals + "%" if decimals else "0%", locale=locale)


def format_size(size_bytes: float, *, locale: Locale) -> str:
    """A size in decimal units: `12.3 MB`."""
    value, unit = float(size_bytes), 0
    while round(value, 1) >= KILO and unit < len(UNITS) - 1:
        value, unit = value / KILO, unit + 1
    return f"{format_decimal(value, format='#,##0' if unit == 0 else '#,##0.#', locale=locale)} {UNITS[unit]}"


def format_at(at: dt.datetime, form: str = "medium", *, locale: Locale) -> str:
    """A moment in UTC, as the language writes it, without the zone."""
    return format_datetime(at.astimezone(dt.UTC), format=_forms(locale, form), locale=locale)


def _forms(locale: Locale, form: str) -> str:
    if form == "date":
        return "y年M月d日" if locale.language == "zh" else "d MMM y"
    return "y年M月d日 HH:mm" if locale.language == "zh" else "d MMM y, HH:mm"


def format_iso(at: dt.datetime) -> str:
    """A moment for programs."""
    return at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def format_coded(sentence: str) -> Markup:
    """A sentence whose parts between backticks are code."""
    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(sentence))))  # noqa: S704 - escaped before


def format_browser(agent: str) -> str:
    """A browser's long description as `Firefox, Linux`; empty when it is none of the usual ones."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "Linux" if "Linux" in agent else "")
    return ", ".join(filter(None, (browser, system)))


def format_json(value: Any) -> Markup:
    """JSON that is safe inside a `<script type="application/json">`."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026").replace("\u2028", "\\u2028"))  # noqa: S704
