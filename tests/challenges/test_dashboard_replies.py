"""What counts as a right answer of a dashboard, and what is said of a wrong one."""

from __future__ import annotations

from typing import Any

import pytest

from challenges._generators.dashboard_replies import repeat, tell_form
from challenges._generators.dashboards import (
    _EDGES,
    _PAGE_FIELDS,
    FIELDS,
    is_near,
    judge,
    judge_page,
    read_number,
    read_shown,
)
from challenges._generators.programs import Page, Response

JSON = "application/json"
TOP = [{"name": "a", "revenue": 20.0}, {"name": "b", "revenue": 10.0}]
NOTHING = {"revenue": 0, "orders": 0, "aov": 0.0, "refund_rate": 0, "top_products": [], "daily": []}
PAGE = Page(
    title="Sales",
    language="zh-Hans",
    charts=[["svg", "a"], ["img", "b"], ["canvas", "c"]],
    tables=[[1, 2], [4, 1]],
    marked={"revenue": "¥1,234.50", "refund_rate": "4.37%"},
)


def wrong(field: str, expected: Any, given: Any, status: int = 200) -> str | None:
    """What is said in English of one answer of JSON; None: right."""
    said = judge(field, expected, Response(status, 0.1, JSON, given))
    assert said is None or set(said) == {"en", "zh"}
    return said["en"] if said else None


@pytest.mark.parametrize(
    ("expected", "given", "said"),
    [
        (100.0, 100.4, None),
        (100.0, 99.6, None),
        (100.0, 101, "too high, by less than 2 %"),
        (100.0, 95, "too low, by 2 to 10 %"),
        (100.0, 1e300, "too high, by more than 50 %"),
        (-100.0, -120, "too low, by 10 to 50 %"),
        (7, 7.0, None),
        (1000, 1001, "not exactly right"),
        (0.04, 0.04001, None),
        (100.0, "100", "not a finite number"),
        (1, True, "not a finite number"),
        (100.0, None, "not a finite number"),
        (100.0, 10**400, "not a finite number"),
        (100.0, float("inf"), "not a finite number"),
        (100.0, float("nan"), "not a finite number"),
    ],
)
def test_numbers_are_right_within_half_a_percent_and_counts_exactly(expected: float, given: Any, said: str | None):
    assert wrong("revenue", expected, {"revenue": given}) == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (TOP, None),
        ([{"name": "a", "revenue": 20.05}, TOP[1]], None),
        (TOP[::-1], "another order"),
        (TOP[:1], "too few entries"),
        (TOP * 2, "too many entries"),
        ([TOP[0], {"name": "c", "revenue": 10.0}], "some name is another one"),
        ([TOP[0], {"name": ["b"], "revenue": 10.0}], "some name is another one"),
        ([TOP[0], {"name": "b"}], "a revenue: not a finite number"),
        ([TOP[0], {"name": "b", "revenue": 11}], "a revenue: too high, by 10 to 50 %"),
        ({"a": 20.0}, "not a list of objects"),
        ([1, 2], "not a list of objects"),
    ],
)
def test_lists_need_the_right_entries_in_the_right_order(given: Any, said: str | None):
    assert wrong("top_products", TOP, {"top_products": given}) == said


def test_what_is_no_answer_is_told_apart():
    for field, expected in (("revenue", 1.0), ("nothing", None), ("absent", None), ("refusal", None)):
        said = judge(field, expected, Response())
        assert said is not None
        assert said["en"] == "no answer, or none in time"
    assert wrong("revenue", 1.0, {"revenue": 1}, status=500) == "status 500"
    assert "no JSON" in (wrong("revenue", 1.0, None) or "")
    assert wrong("revenue", 1.0, {}) == "the field revenue is missing"
    assert wrong("revenue", 1.0, [1.0]) == "the field revenue is missing"


def test_edge_cases():
    assert wrong("nothing", None, NOTHING) is None
    assert wrong("nothing", None, NOTHING | {"orders": 1}) == "orders: too high, by more than 50 %"
    assert wrong("nothing", None, NOTHING | {"daily": [{}]}) == "daily: too many entries"
    for status in (400, 422):
        assert wrong("refusal", None, {"error": "no"}, status) is None
    assert wrong("refusal", None, {"error": "no"}) == "status 200, not 400"
    assert "no JSON object" in (wrong("refusal", None, {}, 400) or "")
    assert "no JSON object" in (wrong("refusal", None, ["no"], 400) or "")
    assert (wrong("absent", None, None, 404), wrong("refused method", None, None, 405)) == (None, None)
    assert wrong("absent", None, None, 302) == "status 302, not 404"
    expected = {"revenue": 10.0, "orders": 10}
    assert wrong("selection", expected, {"revenue": 10.01, "orders": 10}) is None
    assert wrong("selection", expected, {"revenue": 10.0, "orders": 12}) == "orders: too high, by 10 to 50 %"


def page_wrong(field: str, page: Page | None, expected: Any = None, status: int = 200) -> str | None:
    said = judge_page(field, expected, Response(status, 0.1, "text/html", None, page))
    return said["en"] if said else None


def test_a_page_has_what_everybody_needs():
    for field, expected in (("revenue", 1234.5), ("refund_rate", 0.0437)):
        assert page_wrong(field, PAGE, expected) is None
    for field in ("title", "language", "charts", "table", "offline"):
        assert page_wrong(field, PAGE) is None
        assert page_wrong(field, None) == "no HTML page of content type text/html"
        assert page_wrong(field, PAGE, status=404) == "status 404"
    assert "no title" in (page_wrong("title", Page()) or "")
    assert "no lang" in (page_wrong("language", Page(language="no language")) or "")
    assert "fewer than three" in (page_wrong("charts", Page(charts=[["svg", "a"]] * 3)) or "")
    assert "no name" in (page_wrong("charts", Page(charts=[*PAGE.charts, ["svg", ""]])) or "")
    assert "scope" in (page_wrong("table", Page(tables=[[1, 1], [5, 0]])) or "")
    assert "other hosts" in (page_wrong("offline", Page(external=["https://example.org/x.js"])) or "")
    assert 'data-kpi="aov"' in (page_wrong("aov", PAGE, 5.0) or "")
    assert page_wrong("revenue", PAGE, 1300.0) == "too low, by 2 to 10 %"
    assert page_wrong("revenue", Page(marked={"revenue": "many"}), 1.0) == "what is shown is no number"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.5", 1234.5),
        ("¥ 1\u00a0234.50", 1234.5),
        ("\u2212€12", -12.0),
        ("4.4 %", 0.044),
        ("1e5", None),
        ("nan", None),
        ("", None),
        ("12 12 x", None),
        ("9" * 30, None),
        ("\u0664", None),
    ],
)
def test_shown_numbers_are_read_without_their_decoration(text: str, number: float | None):
    assert read_shown(text) == (number if number is None else pytest.approx(number))


def test_numbers_near_zero():
    assert is_near(0, 0.004)
    assert not is_near(0, 0.006)
    assert not is_near(1e-6, 2e-6)
    assert read_number("1") is None


@pytest.mark.parametrize(
    ("field", "given", "said"),
    [
        ("revenue", 1234567.891, "1,234,600"),
        ("refund_rate", 0.0437261, "0.043726"),
        ("orders", -0.0, "0"),
        ("revenue", 1e-9, "≈ 0"),
        ("revenue", 1e300, "…"),
        ("revenue", "a line of the hidden table", None),
        ("revenue", None, None),
        ("top_products", TOP, "a list of 2, the first: 20; 10"),
        ("top_products", ["a line of the hidden table"], "a list of 1"),
        ("top_products", [{"name": "a", "revenue": "a line"}], "a list of 1"),
        ("daily", [{"date": "x", "revenue": 1.123456}] * 20_000, "a list of 9999, the first: 1.1235; 1.1235; 1.1235"),
    ],
)
def test_of_an_answer_only_short_numbers_are_repeated(field: str, given: Any, said: str | None):
    told = repeat("numbers", field, Response(200, 0.1, JSON, {field: given}))
    assert (told["en"] if told else None) == said


def test_of_edge_cases_and_pages_status_and_numbers_are_repeated():
    def told(group: str, field: str, response: Response) -> str | None:
        words = repeat(group, field, response)
        return words["en"] if words else None

    assert (
        told("edges", "nothing", Response(200, 0.1, JSON, NOTHING | {"orders": 3})) == "status 200, revenue 0, orders 3"
    )
    assert told("edges", "refusal", Response(200, 0.1, JSON, ["a line"])) == "status 200"
    assert told("edges", "absent", Response(302)) == "status 302"
    assert told("numbers", "revenue", Response(200, 0.1, JSON, ["a line"])) is None
    assert told("numbers", "revenue", Response()) is None
    page = Response(200, 0.1, "text/html", None, PAGE)
    assert told("page", "revenue", page) == "1,234.5"
    assert told("page", "title", page) is None
    assert told("page", "revenue", Response(200)) is None


def test_every_check_says_which_form_is_right():
    for field in (*FIELDS, *_EDGES, *_PAGE_FIELDS, "rows", "p95"):
        assert set(tell_form("numbers", field)) == {"en", "zh"}
    assert tell_form("page", "aov")["en"] == 'a number in data-kpi="aov"'
