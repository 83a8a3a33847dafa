"""Compares what a dashboard answered with what it must answer: each check passes, or says in a few words why not.

Nothing that is said here shows what is right: how far a number is off is told in four steps, and no more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from challenges._generators.programs import Page, Response

TOLERANCE = 0.005
"""How far a number may be off, relative to the right one."""
CENT = 0.005
"""Amounts of money that are near 0 may be off by half a cent."""
FEWEST_CHARTS = 3
FIELDS = frozenset({"revenue", "orders", "aov", "refund_rate", "top_products", "daily"})

_OK = 200

Words = dict[str, str]
"""A text in both languages."""

_STEPS = ((0.02, "less than 2 %"), (0.1, "2 to 10 %"), (0.5, "10 to 50 %"), (math.inf, "more than 50 %"))
_CHINESE_STEPS = dict(
    zip((step for _, step in _STEPS), ("不到 2 %", "2 到 10 %", "10 到 50 %", "超过 50 %"), strict=True)
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_SHOWN = re.compile(r"[-\u2212]?[0-9]{1,20}(\.[0-9]{1,20})?%?\Z")
_DECORATION = re.compile(r"[\s,'\u2019¥￥$€]")


def say(en: str, zh: str) -> Words:
    """A text in both languages."""
    return {"en": en, "zh": zh}


_NO_ANSWER = say("no answer, or none in time", "没有响应，或未及时响应")
_NO_JSON = say(
    "no JSON: the body, or the content type application/json, is not right",
    "不是 JSON：正文或内容类型 application/json 不对",
)
_NO_PAGE = say("no HTML page of content type text/html", "不是内容类型为 text/html 的网页")


def judge(field: str, expected: Any, response: Response) -> Words | None:
    """Why a check of one answer fails; None where it passes.

    Args:
        field: What is looked at: a field of the summary or of the quality, or a kind of edge case.
        expected: What it must be, where it is a value.
        response: What came back.
    """
    if response.status and field in _EDGES:
        return _EDGES[field](expected, response)
    return _find_json(response) or _compare(field, expected, response.json)


def judge_page(field: str, expected: Any, response: Response) -> Words | None:
    """As `judge`, of the page: `title`, `language`, `charts`, `table`, `offline`, or the number of a `data-kpi`."""
    if response.page is None or response.status != _OK:
        return _find_status(response) or _NO_PAGE
    if field in _PAGE_FIELDS:
        return _PAGE_FIELDS[field](response.page)
    text = response.page.marked.get(field)
    if text is None:
        return say(f'no element with data-kpi="{field}"', f'没有带 data-kpi="{field}" 的元素')
    shown = read_shown(text)
    if shown is None:
        return say("what is shown is no number", "显示的内容不是数字")
    return _compare_number(expected, shown)


def read_shown(text: str) -> float | None:
    """The number that a page shows: separators and currency signs are left out, a percentage is divided by 100."""
    plain = _DECORATION.sub("", text)
    if not _SHOWN.match(plain):
        return None
    number = float(plain.rstrip("%").replace("\u2212", "-"))
    return number / 100 if plain.endswith("%") else number


def read_number(value: Any) -> float | None:
    """A JSON value as a finite number; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def is_near(expected: float, given: float, tolerance: float = TOLERANCE) -> bool:
    """Whether a number is right; where 0 is right, to half a cent."""
    return abs(given - expected) <= max(tolerance * abs(expected), 0 if expected else CENT)


def _compare(field: str, expected: Any, given: Any) -> Words | None:
    """One field of an object."""
    if not isinstance(given, dict) or field not in given:
        return say(f"the field {field} is missing", f"缺少字段 {field}")
    if field == "daily":
        return _compare_rows("date", expected, given[field])
    if field == "top_products":
        return _compare_rows("name", expected, given[field])
    if isinstance(expected, int) and read_number(given[field]) != expected:
        return _compare_number(expected, given[field]) or say("not exactly right", "不完全正确")
    return _compare_number(expected, given[field])


def _compare_number(expected: float, given: Any) -> Words | None:
    number = read_number(given)
    if number is None:
        return say("not a finite number", "不是有限的数")
    if is_near(expected, number):
        return None
    share = abs(number - expected) / abs(expected) if expected else math.inf
    step = next(text for limit, text in _STEPS if share < limit or limit == math.inf)
    if number > expected:
        return say(f"too high, by {step}", f"偏高{_CHINESE_STEPS[step]}")
    return say(f"too low, by {step}", f"偏低{_CHINESE_STEPS[step]}")


def _compare_rows(key: str, expected: list[dict[str, Any]], given: Any) -> Words | None:
    """A list of names or dates, each with its revenue."""
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        return say("not a list of objects", "不是对象的列表")
    if len(given) != len(expected):
        more = len(given) > len(expected)
        return say("too many entries", "条目过多") if more else say("too few entries", "条目过少")
    if [row.get(key) for row in given] != [row[key] for row in expected]:
        known = {row[key] for row in expected} == {str(row.get(key)) for row in given}
        return say("another order", "顺序不同") if known else say(f"some {key} is another one", f"有的 {key} 不一样")
    for row, right in zip(given, expected, strict=True):
        if wrong := _compare_number(right["revenue"], row.get("revenue")):
            return say(f"a revenue: {wrong['en']}", f"其中一个 revenue：{wrong['zh']}")
    return None


def _find_status(response: Response) -> Words | None:
    if response.status == _OK:
        return None
    return _NO_ANSWER if response.status == 0 else say(f"status {response.status}", f"状态码 {response.status}")


def _find_json(response: Response) -> Words | None:
    return _find_status(response) or (None if response.json is not None else _NO_JSON)


def _is_nothing(_: Any, response: Response) -> Words | None:
    """Zeros and empty lists."""
    if wrong := _find_json(response):
        return wrong
    for field in sorted(FIELDS):
        zero: Any = [] if field in ("top_products", "daily") else 0
        if wrong := _compare(field, zero, response.json):
            return say(f"{field}: {wrong['en']}", f"{field}：{wrong['zh']}")
    return None


def _is_refusal(_: Any, response: Response) -> Words | None:
    if response.status // 100 != 4:  # noqa: PLR2004 - the client's fault
        return say(f"status {response.status}, not 400", f"状态码是 {response.status}，不是 400")
    if not isinstance(response.json, dict) or not response.json:
        return say("no JSON object that says why", "没有说明原因的 JSON 对象")
    return None


def _has_status(status: int) -> Callable[[Any, Response], Words | None]:
    def check(_: Any, response: Response) -> Words | None:
        right = response.status == status
        return (
            None
            if right
            else say(f"status {response.status}, not {status}", f"状态码是 {response.status}，不是 {status}")
        )

    return check


def _is_selection(expected: dict[str, Any], response: Response) -> Words | None:
    if wrong := _find_json(response):
        return wrong
    for field, value in expected.items():
        if wrong := _compare(field, value, response.json):
            return say(f"{field}: {wrong['en']}", f"{field}：{wrong['zh']}")
    return None


_EDGES: dict[str, Callable[[Any, Response], Words | None]] = {
    "nothing": _is_nothing,
    "refusal": _is_refusal,
    "absent": _has_status(404),
    "refused method": _has_status(405),
    "selection": _is_selection,
}


def _has_charts(page: Page) -> Words | None:
    names = [name for _, name in page.charts]
    if not all(names):
        return say("a chart (svg, canvas or img) has no name", "有图表（svg、canvas 或 img）没有名称")
    if len(set(names)) < FEWEST_CHARTS:
        return say("fewer than three charts with different names", "名称不同的图表不足三个")
    return None


def _unless(holds: bool, en: str, zh: str) -> Words | None:
    return None if holds else say(en, zh)


_PAGE_FIELDS: dict[str, Callable[[Page], Words | None]] = {
    "title": lambda page: _unless(bool(page.title), "no title element with text", "没有带文字的 title 元素"),
    "language": lambda page: _unless(
        bool(_LANGUAGE.match(page.language)), "the html element has no lang such as en", "html 元素没有 lang（如 zh）"
    ),
    "charts": _has_charts,
    "table": lambda page: _unless(
        any(rows > 1 and scoped > 0 for rows, scoped in page.tables),
        "no table with rows and with th elements that have a scope",
        "没有既有数据行、又有带 scope 的 th 元素的表格",
    ),
    "offline": lambda page: _unless(not page.external, "the page loads from other hosts", "页面从其他主机加载内容"),
}
