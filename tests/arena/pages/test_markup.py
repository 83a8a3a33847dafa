"""Markdown: what is refused first, then what is drawn."""

from __future__ import annotations

import pytest

from arena.markup import to_html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "![x](http://example.org/spy.png)",
        '<https://example.org/" onclick=alert(1)>',
        "$\\href{javascript:alert(1)}{x}$",
        "$$\\text{<img src=x onerror=alert(1)>}$$",
        "<style>*{display:none}</style>",
        "<iframe src='//example.org'></iframe>",
        "<form action=/logout><button>",
    ],
)
def test_nothing_of_a_description_runs_loads_or_restyles(hostile: str):
    html = to_html(hostile)
    for word in (
        "<script",
        "<img",
        "<style",
        "<iframe",
        "<form",
        "<button",
        'onclick="',
        'href="javascript',
        'href="data',
    ):
        assert word not in html.lower()


def test_formulas_become_mathml():
    assert '<math display="inline">' in to_html("Of $x_i^2$.")
    assert '<math display="block">' in to_html("$$\\sqrt{x}$$")


def test_a_formula_that_cannot_be_read_is_shown_as_it_is():
    assert "<code>\\frac{</code>" in to_html("$\\frac{$")


def test_prices_are_no_formulas():
    assert "<math" not in to_html("It costs $5 and $6.")


def test_headings_stay_below_the_two_levels_of_the_page():
    html = to_html("# a\n\n## b\n\n#### c\n\n###### d")
    assert [html.count(f"<h{level}>") for level in range(1, 7)] == [0, 0, 2, 1, 1, 0]


def test_tables_scroll_and_align_numbers_to_the_right():
    html = to_html("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<div class="table-scroll" tabindex="0"><table class="table">' in html
    assert '<th scope="col" class="num">b</th>' in html
    assert "style=" not in html


def test_code_is_coloured_where_its_language_is_known():
    assert '<span class="k">if</span>' in to_html("```python\nif x:\n    pass\n```")
    assert "if &lt;x" in to_html("```no-such-language\nif <x\n```")


def test_links_leave_no_trace():
    assert 'rel="noopener noreferrer"' in to_html("[x](https://example.org)")
