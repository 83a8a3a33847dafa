"""Charts and diagnostics: the same facts as a drawing, as data for the browser, and as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import arena
from arena.charts import (
    board_chart,
    chart_json,
    chart_svg,
    curve_chart,
    scatter_chart,
    score_chart,
    slices_chart,
)
from arena.rendering import environment
from arena.translations import CHINESE, ENGLISH, LANGUAGES
from arena.vega import bundle
from tests.markup_laws import check_page

TIMES = [f"2026-05-0{day}T10:00:00Z" for day in (1, 2, 3)]
SCORES = [{"at": at, "score": 0.1 * n, "best": 0.1 * n} for n, at in enumerate(TIMES)]
TEAMS = [{"team": team, "at": at, "score": 0.5} for team in ("ada", "grace", "</script>") for at in TIMES]
TITLE = {"en": "A title", "zh": "标题"}
CELLS = [{"x": 1.0, "y": 2.0, "rows": 9, "value": 0.5}, {"x": 2.0, "y": 1.0, "rows": 7, "value": 1.0}]
PLAIN = [{"x": 1.0, "y": 2.0, "rows": 9}, {"x": 2.0, "y": 1.0, "rows": 7}]
DIAGNOSTICS: list[dict[str, Any]] = [
    {"kind": "confusion", "labels": ["a", "b"], "matrix": [[5, 1], [0, 0]]},
    {"kind": "slices", "rows": [{"name": "thin", "rows": 5, "score": 0.5}, {"name": "粗", "rows": 1, "score": 1.0}]},
    {"kind": "worst_rows", "columns": ["area", "kind"], "rows": [[1.5, "<b>"], [None, TITLE]]},
    {"kind": "scatter", "x_label": "length", "y_label": "width", "points": CELLS},
    {"kind": "scatter", "x_label": "price", "y_label": "error / answer", "points": PLAIN},
    {"kind": "scatter", "x_label": TITLE, "y_label": TITLE, "points": [{"x": 0.5, "y": 0.25, "rows": 1}]},
    {"kind": "images", "items": [{"png": "aGk=", "caption": "7"}]},
    {"kind": "positions", "rows": [{"name": "17–32", "rows": 1920, "score": 1.2}]},
    {"kind": "token_classes", "rows": [{"name": "punctuation", "rows": 100, "score": 0.9}]},
    {
        "kind": "costly_tokens",
        "rows": [
            {"name": "\n", "rows": 100, "score": 0.9, "share": 1.25},
            {"name": "<b>", "rows": 900, "score": 2.5, "share": 60.0},
        ],
    },
    *(
        {
            "kind": "bleu_parts",
            "rows": [{"order": 1, "matches": 7, "rows": 9, "score": 77.78}],
            "penalty": 1.0 if length > 9 else 0.9,
            "length": length,
            "expected": 10,
            "signature": "nrefs:1|<b>",
        }
        for length in (9, 11)
    ),
    {"kind": "token_groups", "rows": [{"name": TITLE, "rows": 100, "score": 0.9}]},
    {"kind": "passage", "text": ["A ", "<b>", "\n"], "bits": [None, 0.02, 9.25]},
    {"kind": "passage", "text": "A <b>\nc", "bits": [None, 0.02, 1.5, 9.25, 3.0, 0.1, 2.2]},
    {
        "kind": "text_sample",
        "text": "A <b>",
        "distinct": 1.0,
        "train_distinct": None,
        "copied": 1,
        "copied_text": "<b>",
    },
    {
        "kind": "text_sample",
        "unit": "word",
        "text": "A A",
        "distinct": 1.0,
        "train_distinct": 1.0,
        "copied": 0,
        "copied_text": "",
    },
    {"kind": "text_sample", "text": "A", "distinct": 1.0, "train_distinct": 0.4, "copied": 0, "copied_text": ""},
    {
        "kind": "continuations",
        "texts": 1,
        "prompts": 50,
        "faults": [{"line": 1, "what": TITLE}],
        "fault_count": 7,
        "distinct": 0.5,
        "train_distinct": 0.25,
        "self_bleu": 20.5,
        "train_self_bleu": 49.96,
        "copied": 3,
        "copied_text": "<b>",
        "marks": {"right": 1, "wrong": 1, "strange": 1},
        "rows": [
            {
                "id": "p01",
                "prompt": "It was <b>",
                "sentences": [
                    {"text": "Anna sat .", "mark": "right", "why": None},
                    {"text": "<b> .", "mark": "wrong", "why": TITLE},
                    {"text": "?", "mark": "strange", "why": None},
                ],
            }
        ],
    },
    {
        "kind": "continuations",
        "texts": 1,
        "prompts": 1,
        "faults": [],
        "fault_count": 0,
        "distinct": 1.0,
        "train_distinct": None,
        "self_bleu": None,
        "train_self_bleu": None,
        "copied": 0,
        "copied_text": "",
        "marks": None,
        "rows": [{"id": "<b>", "prompt": "x", "sentences": [{"text": "<b>", "mark": "", "why": None}]}],
    },
    {
        "kind": "curve",
        "x_label": TITLE,
        "y_label": {"en": "variance", "zh": "方差"},
        "lines": [{"name": TITLE, "points": [[1, 0.2], [2, 0.4]]}, {"name": "b", "points": [[1, 0.3]]}],
    },
    {"kind": "values", "label": TITLE, "rows": [{"name": TITLE, "value": 1.5}, {"name": "<b>", "value": -0.25}]},
    {
        "kind": "checks",
        "groups": [{"name": TITLE, "share": 0.5}],
        "passed": 1,
        "total": 2,
        "rows": [
            {"group": TITLE, "request": "GET /?a=<b>", "what": "<b>", "wrong": TITLE},
            {"group": TITLE, "request": "GET /", "what": "b", "form": TITLE, "given": TITLE, "wrong": TITLE},
            {"group": TITLE, "request": "GET /", "what": "b", "form": TITLE, "given": None, "wrong": TITLE},
        ],
    },
    {"kind": "checks", "groups": [{"name": "b", "share": 1.0}], "passed": 2, "total": 2, "rows": []},
    {"kind": "gallery", "columns": [TITLE, "b"], "rows": [{"pictures": ["aGk=", "aGk="], "caption": "pair <1>"}]},
    {
        "kind": "boxes",
        "note": TITLE,
        "pictures": [
            {
                "jpeg": "aGk=",
                "width": 640,
                "height": 480,
                "boxes": [
                    {"name": TITLE, "kind": 1, "score": 0.912, "box": [0.0, 2.5, 30.0, 40.0]},
                    {"name": "<b>", "kind": 11, "score": -1e300, "box": [600.0, 400.0, 40.0, 80.0]},
                ],
            },
            {"jpeg": "aGk=", "width": 640, "height": 480, "boxes": []},
        ],
    },
    {"kind": "contingency", "true": ["A", "B"], "clusters": ["7", "-2"], "matrix": [[9, 0], [1, 3]], "others": [0, 2]},
    {"kind": "contingency", "true": ["A"], "clusters": ["7"], "matrix": [[9]], "others": [0]},
    {
        "kind": "calibration",
        "column": "p",
        "points": [{"x": 0.1, "y": 0.2, "rows": 30}, {"x": 0.9, "y": 0.8, "rows": 40}],
    },
    {"kind": "calibration", "column": "p", "points": [{"x": 0.1, "y": 0.2, "rows": 30}]},
    {"kind": "each_column", "rows": [{"name": "close_1", "rows": 9, "score": 0.2}]},
    {"kind": "silhouettes", "rows": [{"name": "7", "rows": 9, "score": -0.2}, {"name": "1", "rows": 5, "score": 0.4}]},
    {"kind": "silhouettes", "rows": [{"name": "7", "rows": 9, "score": -0.2}], "clusters": 2, "mean": 0.125},
    {"kind": "from the future", "anything": 1},
]
LINES = [{"name": name, "points": [[1, 0.2], [2, 0.4]]} for name in ("one", "</script>")]
CHARTS = {
    "curve": curve_chart(LINES, "x", "y"),
    "ten lines": curve_chart([{**LINES[0], "name": str(number)} for number in range(10)], "x", "y"),
    "one line": curve_chart(LINES[:1], "x", "y"),
    "score": score_chart(SCORES, "Score", "Best", "Time"),
    "board": board_chart(TEAMS, "ada", "Score", "Team", "Time"),
    "slices": slices_chart(DIAGNOSTICS[1]),
    "scatter": scatter_chart(DIAGNOSTICS[3], "length", "width", "Rows", "Right"),
}
PAGE = """{% extends "layout.html" %}{% import "parts.html" as ui with context %}
{% block title %}x{% endblock %}
{% block content %}<h1>x</h1><h2>y</h2>{{ ui.diagnostic(diagnostic) }}{% endblock %}"""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_drawn_in_the_colours_of_the_style_sheet(name: str, language: str):
    root = ET.fromstring(chart_svg(CHARTS[name], language=language))  # noqa: S314 - our own drawing
    assert root.get("viewBox")
    assert root.get("width") is None
    colours = {part.get(kind, "none") for part in root.iter() for kind in ("fill", "stroke")}
    assert not {colour for colour in colours if colour.startswith(("#", "rgb"))}
    assert any(colour.startswith("var(--") for colour in colours)


def test_of_many_lines_no_two_look_alike():
    encoding = CHARTS["ten lines"]["encoding"]
    assert len(set(encoding["color"]["scale"]["range"])) == 10
    assert [
        len(set(map(tuple, CHARTS[name]["encoding"].get("strokeDash", {}).get("scale", {}).get("range", []))))
        for name in ("curve", "ten lines")
    ] == [0, 2]


def test_the_colours_of_charts_are_in_the_style_sheet():
    styles = (Path(arena.__file__).parent / "static" / "arena.css").read_text(encoding="utf-8")
    used = CHARTS["ten lines"]["encoding"]["color"]["scale"]["range"]
    assert [name for name in used if f"{name.removeprefix('var(').removesuffix(')')}:" not in styles] == []


def test_boxes_keep_their_class_and_say_that_true_ones_stay_hidden():
    told = next(each for each in DIAGNOSTICS if each["kind"] == "boxes")
    html = environment(ENGLISH).get_template("diagnostics/boxes.html").render(d=told)
    assert "A title True boxes stay hidden." in html
    assert html.count('class="box-1"') == 2  # the eleventh kind begins again
    assert "A title 0.912 · &lt;b&gt; -1e+300" in html


def test_axes_name_days_in_the_language():
    assert "周" in chart_svg(CHARTS["score"], language=CHINESE)
    assert "周" not in chart_svg(CHARTS["score"], language=ENGLISH)


def test_a_team_cannot_break_out_of_the_data():
    text = chart_json(CHARTS["board"], language=CHINESE)
    assert "</script>" not in text
    assert json.loads(text)["usermeta"]["embedOptions"]["timeFormatLocale"]["days"][0] == "星期日"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("diagnostic", DIAGNOSTICS, ids=lambda each: f"{each['kind']} {len(each)}")
def test_a_diagnostic_is_a_well_formed_part_of_a_page(diagnostic: dict[str, Any], language: str):
    values: dict[str, Any] = {
        "user": None,
        "csrf_token": "",
        "is_admin": False,
        "language": language,
        "theme": "auto",
        "notice": "",
    }
    values |= {"here": "/", "request": type("R", (), {"url": type("U", (), {"path": "/"})})}
    html = environment(language).from_string(PAGE).render(values, diagnostic={**diagnostic, "title": TITLE})
    page = check_page(html)
    assert TITLE["zh" if language == CHINESE else "en"] in page.words
    assert "<b>" not in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_groups_and_labels_are_in_the_readers_language(language: str):
    name, other = {"en": "much blurred", "zh": "非常模糊"}, {"en": "ship", "zh": "船"}
    told: list[dict[str, Any]] = [
        {"kind": "confusion", "labels": [name, other], "matrix": [[5, 1], [0, 0]]},
        {"kind": "slices", "rows": [{"name": each, "rows": 20, "score": 0.5} for each in (name, other)]},
        {"kind": "images", "items": [{"png": "aGk=", "caption": each} for each in (name, other)]},
        {"kind": "worst_rows", "columns": ["kind"], "rows": [[name], [other]]},
    ]
    key, absent = ("zh", "en") if language == CHINESE else ("en", "zh")
    template = environment(language).from_string('{% import "parts.html" as ui with context %}{{ ui.diagnostic(d) }}')
    for diagnostic in told:
        html = template.render(d={**diagnostic, "title": TITLE}, language=language)
        assert all(each[key] in html and each[absent] not in html for each in (name, other)), diagnostic["kind"]


def test_mistakes_and_hits_are_shaded_by_their_share_of_the_row():
    cells = environment(ENGLISH).get_template("diagnostics/confusion.html").render(d={**DIAGNOSTICS[0], "title": TITLE})
    assert 'class="num heat-8 right">5<' in cells
    assert 'class="num heat-2 wrong">1<' in cells
    assert 'class="num heat-0 right">0<' in cells


class TestVega:
    """The script that makes charts answer."""

    def test_it_is_unpacked_once_and_compressed_beside(self, tmp_path: Path):
        first = bundle(tmp_path / "cache")
        assert b"vegaEmbed" in first.read_bytes()
        assert first.with_suffix(".js.gz").stat().st_size < first.stat().st_size / 2
        bundle.cache_clear()
        at = first.stat().st_mtime_ns
        assert bundle(tmp_path / "cache") == first
        assert first.stat().st_mtime_ns == at
        assert {path.suffix for path in first.parent.iterdir()} == {".js", ".gz"}

    def test_a_folder_that_cannot_be_made_does_not_stop_it(self, tmp_path: Path):
        (tmp_path / "file").write_text("in the way")
        assert bundle(tmp_path / "file" / "cache").exists()
