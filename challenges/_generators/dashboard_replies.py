"""What an answer of a dashboard must look like, and what of the one that came may be repeated to its author.

A service that is judged has read a hidden table, and could say its lines in place of an answer. So words are never
repeated: only numbers of five digits, how many entries a list has, and the status.
"""

from __future__ import annotations

from typing import Any

from challenges._generators.dashboards import Words, read_number, read_shown, say
from challenges._generators.programs import Response

KPIS = ("revenue", "orders", "aov", "refund_rate")
DIGITS = 5
SMALLEST, LARGEST = 1e-6, 1e12
"""Numbers beyond are not repeated: how many zeros they have could tell something, too."""
MOST_ENTRIES = 9_999
SHOWN_ENTRIES = 3
OK = 200

_WHOLE = say("a whole number", "一个整数")
_FORMS = {
    **dict.fromkeys(("revenue", "aov", "refund_rate"), say("a number", "一个数")),
    **dict.fromkeys(("orders", "rows", "duplicates", "bad_dates", "missing_region"), _WHOLE),
    "top_products": say(
        "a list of at most five objects with name and revenue", "列表，至多五个含 name 和 revenue 的对象"
    ),
    "daily": say("a list of objects with date and revenue", "列表，由含 date 和 revenue 的对象组成"),
    "nothing": say("status 200, zeros and empty lists", "状态码 200，数字为 0，列表为空"),
    "selection": say("status 200, with revenue and orders of the lines", "状态码 200，含这些行的 revenue 和 orders"),
    "refusal": say("status 400, and a JSON object that says why", "状态码 400，以及说明原因的 JSON 对象"),
    "absent": say("status 404", "状态码 404"),
    "refused method": say("status 405", "状态码 405"),
    "title": say("a title element with text", "带文字的 title 元素"),
    "language": say("html with a lang", "带 lang 的 html 元素"),
    "charts": say("three charts with different names", "三个名称不同的图表"),
    "table": say("a table with rows, and th with a scope", "有数据行的表格，th 带 scope"),
    "offline": say("nothing from other hosts", "不从其他主机加载内容"),
    "p95": say("95 % of the answers within 300 ms", "95 % 的响应在 300 毫秒内"),
}


def tell_form(group: str, field: str) -> Words:
    """What a right answer looks like, whatever the table: its form, never its value."""
    if group == "page" and field in KPIS:
        return say(f'a number in data-kpi="{field}"', f'data-kpi="{field}" 中的一个数')
    return _FORMS[field]


def repeat(group: str, field: str, response: Response) -> Words | None:
    """What came back, shortened; None where it is nothing that may be repeated."""
    if response.status != OK:
        return say(f"status {response.status}", f"状态码 {response.status}") if response.status else None
    if group == "page":
        return _repeat_value(read_shown(response.page.marked.get(field, ""))) if response.page else None
    if not isinstance(response.json, dict):
        return say("status 200", "状态码 200") if group == "edges" else None
    if group != "edges":
        return _repeat_value(response.json.get(field))
    told = {name: _repeat_value(response.json.get(name)) for name in KPIS[:2]}
    parts = [(name, words) for name, words in told.items() if words]
    return say(
        ", ".join(["status 200", *(f"{name} {words['en']}" for name, words in parts)]),
        "，".join(["状态码 200", *(f"{name} 为 {words['zh']}" for name, words in parts)]),
    )


def _repeat_value(value: Any) -> Words | None:
    if isinstance(value, list):
        count = min(len(value), MOST_ENTRIES)
        amounts = [read_number(row.get("revenue")) for row in value[:SHOWN_ENTRIES] if isinstance(row, dict)]
        first = "; ".join(_shorten(amount) for amount in amounts if amount is not None)
        if not first:
            return say(f"a list of {count}", f"{count} 条的列表")
        return say(f"a list of {count}, the first: {first}", f"{count} 条的列表，前几条为 {first}")
    number = read_number(value)
    return None if number is None else say(_shorten(number), _shorten(number))


def _shorten(number: float) -> str:
    """A number with five significant digits, as one reads it."""
    if number and not SMALLEST <= abs(number) < LARGEST:
        return "≈ 0" if abs(number) < SMALLEST else "…"
    return f"{float(f'{number:.{DIGITS}g}') + 0.0:,.12g}"
