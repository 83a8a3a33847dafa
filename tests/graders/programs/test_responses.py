"""HTTP responses and HTML pages as the sandbox reads them, and frames that nobody believes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenges._generators.programs import Page, Response
from graders.programs.pages import MOST, read_page
from graders.programs.responses import dump_responses, load_responses, read_response
from graders.sandbox.frames import BrokenFrame, Frame

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"


def test_a_body_with_a_length_and_one_in_chunks_say_the_same():
    plain = read_response(HEAD + b'Content-Length: 8\r\n\r\n{"a": 1}')
    chunked = read_response(HEAD + b'Transfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n5;x=y\r\n": 1}\r\n0\r\n\r\n')
    assert plain == chunked == Response(200, content_type="application/json", json={"a": 1})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 xyz OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"garbage\r\n\r\n",
        HEAD + b'Content-Length: 80\r\n\r\n{"a": 1}',
        HEAD + b'Content-Length: -8\r\n\r\n{"a": 1}',
        HEAD + b'Content-Length: \xb2\r\n\r\n{"a": 1}',
        HEAD + b'Transfer-Encoding: chunked\r\n\r\nffffffff\r\n{"a": 1}',
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-3\r\n{}",
        HEAD + b"x: y\r\n" * 20_000 + b"\r\n{}",
    ],
)
def test_what_is_no_whole_response_has_no_status(content: bytes):
    assert read_response(content) == Response()


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(content: bytes):
    for start in (b"", HEAD + b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"):
        dump_responses([read_response(start + content)])


def test_a_page_is_told_by_what_it_holds():
    page = read_page(
        """<!doctype html><html lang="zh-CN"><head><title> Sales
        2025 </title><link rel=stylesheet href="/static/a.css"><style>p { background: url(/x.png) }</style></head>
        <body><a href="https://example.com">read</a><svg role="img" aria-label="Revenue"><path d=""/></svg>
        <svg xmlns="http://www.w3.org/2000/svg"><title>By day</title><text>12</text></svg><svg><text>no</text></svg>
        <canvas aria-label="Orders"></canvas><img src="a.png" alt="Map"><img src="b.png">
        <table><tr><th scope="col">Day</th><th>x</th></tr><tr><td>1</td></tr></table>
        <p><b data-kpi="revenue">1 <i>234</i>.50</b> <span data-kpi="orders">7</span></p></body></html>"""
    )
    assert (page.title, page.language, page.external) == ("Sales 2025", "zh-CN", [])
    assert page.charts == [
        ["svg", "Revenue"],
        ["svg", "By day"],
        ["svg", ""],
        ["canvas", "Orders"],
        ["img", "Map"],
        ["img", ""],
    ]
    assert page.tables == [[2, 1]]
    assert page.marked == {"revenue": "1 234.50", "orders": "7"}


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//cdn.example/x.css">',
        '<img srcset="/a.png, https://cdn.example/b.png 2x">',
        "<p style=\"background: url('http://cdn.example/x.png')\">",
        "<style>@import 'https://cdn.example/x.css';</style>",
        '<form action="https://example.com/steal"></form>',
        '<iframe src="http://[broken"></iframe>',
    ],
)
def test_what_is_loaded_from_elsewhere_is_found(html: str):
    assert read_page(html).external


def test_a_page_of_thousands_is_cut():
    page = read_page("<table></table><svg></svg><b data-kpi=x>1</b>" * 5000 + "<div>" * 100_000)
    assert (len(page.charts), len(page.tables), len(page.marked)) == (MOST, MOST, 1)


def frame(told: Any) -> Frame:
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    return Frame({}, {"told": np.frombuffer(text, dtype=np.uint8)})


def test_what_is_sent_is_what_arrives():
    page = Page("t", "en", [["svg", "x"]], [[2, 3]], {"a": "1"}, ["//x"])
    sent = [Response(200, 0.0, "application/json", {"a": [1, None, "é"]}), Response(404, page=page), Response()]
    arrays = dump_responses(sent)
    back = load_responses(Frame({}, arrays), [0.5, 0.25, 1.0])
    assert [r.seconds for r in back] == [0.5, 0.25, 1.0]
    assert [(r.status, r.content_type, r.json, r.page) for r in back] == [
        (r.status, r.content_type, r.json, r.page) for r in sent
    ]


def test_what_does_not_fit_is_told_as_read_by_nobody():
    large = Response(200, content_type="application/json", json=["x" * 900_000])
    back = load_responses(Frame({}, dump_responses([large] * 30)), [0.0] * 30)
    assert [r.status for r in back] == [200] * 30
    assert back[0].json == large.json
    assert back[-1].json is None


GOOD = {"status": 200, "content_type": "", "page": None, "json": None}


@pytest.mark.parametrize(
    "told",
    [
        Frame(),
        Frame({}, {"told": np.zeros(3)}),
        frame(b"not JSON"),
        frame(b"[" * 100_000),
        frame([]),
        frame([GOOD, GOOD]),
        frame(["x"]),
        frame([{**GOOD, "status": "200"}]),
        frame([{**GOOD, "more": 1}]),
        frame([{**GOOD, "page": {"title": 7}}]),
        frame(b'[{"status": 200, "content_type": "", "page": null, "json": NaN}]'),
        frame(b'[{"status": 200, "content_type": "", "page": null, "json": 1e999}]'),
        frame([{**GOOD, "json": [[[[[[[[[[[[1]]]]]]]]]]]]}]),
        frame([{"status": 200}]),
    ],
)
def test_a_forged_frame_is_no_list_of_responses(told: Frame):
    with pytest.raises(BrokenFrame):
        load_responses(told, [0.0])
