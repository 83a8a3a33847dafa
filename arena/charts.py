"""Charts: altair builds a Vega-Lite spec, `vl-convert` draws it as the SVG that every page holds.

Colours are the CSS variables of the style sheet, so one drawing follows light and dark. With JavaScript the same spec
is drawn again by the Vega that ships inside `vl-convert`, with tooltips (static/charts.js).
"""

from __future__ import annotations

import atexit
import json
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Literal

import altair as alt
import structlog
import vl_convert
from markupsafe import Markup

from arena.drawing import Drawer, DrawingFailed
from arena.formatting import format_json
from arena.translations import CHINESE, ENGLISH

WIDTH, HEIGHT = 520, 240
SPEC_VERSION = "6.4"
MOST_KEPT = 512
"""How many specs, and how many drawings, a process keeps."""

_DIGITS = ".5~g"
_MOMENT = "%Y-%m-%d %H:%M"

Spec = dict[str, Any]

_TEXT = {"labelColor": "var(--muted)", "titleColor": "var(--muted)", "labelFontSize": 12, "titleFontSize": 12}
_CONFIG: Spec = {
    "aria": False,
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        **_TEXT,
        "titleFontWeight": 500,
        "titlePadding": 8,
        "labelPadding": 5,
        "domainColor": "var(--edge)",
        "gridColor": "var(--line)",
        "ticks": False,
    },
    "text": {"color": "var(--muted)", "fontSize": 12},
    "legend": {**_TEXT, "orient": "top", "titleFontWeight": 500, "gradientStrokeColor": "var(--line)"},
}
Dates = Literal["en-US", "zh-CN"]
log = structlog.get_logger(__name__)
drawer = Drawer()
atexit.register(drawer.stop)
_DATES: dict[str, Dates] = {ENGLISH: "en-US", CHINESE: "zh-CN"}
"""How each language writes dates on an axis."""
_FIRST, _SECOND = "var(--chart-1)", "var(--chart-2)"
_OTHERS = (_FIRST, "var(--chart-3)", "var(--chart-4)", "var(--chart-5)", "var(--chart-6)")

_MORE = ("var(--chart-7)", "var(--chart-8)", "var(--chart-9)", "var(--chart-10)")
"""Where there are more lines than colours that are told apart at a glance; these lines are dashed too."""
_FEW_LINES = 1 + len(_OTHERS)
_LEGEND_COLUMNS = 5


def _kept(build: Callable[..., Spec]) -> Callable[..., Spec]:
    """Build a spec once for the same arguments: altair takes longer over one than the rest of the page together."""

    @lru_cache(MOST_KEPT)
    def build_from(arguments: str) -> Spec:
        return build(*json.loads(arguments))

    @wraps(build)
    def build_or_find(*arguments: Any) -> Spec:
        return build_from(json.dumps(arguments))

    return build_or_find


@_kept
def score_chart(points: list[Spec], score: str, best: str, time: str) -> Spec:
    """Scores over time: a dot for each submission, a stepped line for the best so far.

    Args:
        points: `{"at": ISO time, "score": number, "best": number}` in the order of time.
        score: Name of the score's axis.
        best: Name of the line, in the tooltip.
        time: Name of the time's axis.
    """
    origin = _chart(points)
    x = alt.X("at:T", title=time, axis=alt.Axis(grid=False, tickCount=5))
    y_scale = alt.Scale(zero=False, nice=True)
    line = origin.mark_line(interpolate="step-after", color=_FIRST, strokeWidth=2.5)
    dots = origin.mark_point(color=_SECOND, filled=True, size=55, opacity=0.85)
    tips = [
        alt.Tooltip("at:T", title=time, format=_MOMENT),
        alt.Tooltip("score:Q", title=score, format=_DIGITS),
    ]
    return _finish(
        alt.layer(
            line.encode(x=x, y=alt.Y("best:Q", title=score, scale=y_scale)),
            dots.encode(
                x=x, y=alt.Y("score:Q", title=score), tooltip=[*tips, alt.Tooltip("best:Q", title=best, format=_DIGITS)]
            ),
        )
    )


@_kept
def board_chart(points: list[Spec], own: str, score: str, team: str, time: str) -> Spec:
    """The best scores of some teams over time, one stepped line for each.

    Args:
        points: `{"team": name, "at": ISO time, "score": number}`, the teams in the order to list them.
        own: Name of the reader's team, drawn in the second colour and broader; empty: none.
        score: Name of the score's axis.
        team: Name for a team, in the tooltip.
        time: Name of the time's axis.
    """
    teams = list(dict.fromkeys(point["team"] for point in points))
    others = iter(_OTHERS)
    colours = [_SECOND if name == own else next(others, _OTHERS[-1]) for name in teams]
    lines = _chart(points).mark_line(interpolate="step-after", point=alt.OverlayMarkDef(size=28, filled=True))
    return _finish(
        lines.encode(
            x=alt.X("at:T", title=time, axis=alt.Axis(grid=False, tickCount=5)),
            y=alt.Y("score:Q", title=score, scale=alt.Scale(zero=False, nice=True)),
            color=alt.Color("team:N", sort=teams, title=None, scale=alt.Scale(domain=teams, range=colours)),
            strokeWidth=alt.condition(alt.datum.team == own, alt.value(3.5), alt.value(2)),
            tooltip=[
                alt.Tooltip("team:N", title=team),
                alt.Tooltip("score:Q", title=score, format=_DIGITS),
                alt.Tooltip("at:T", title=time, format=_MOMENT),
            ],
        )
    )


@_kept
def slices_chart(diagnostic: Spec) -> Spec:
    """The score on each slice of the public rows, as bars in the order given."""
    room = min(180, 10 + max((_breadth(str(row["name"])) for row in diagnostic["rows"]), default=0))
    bars = _chart(diagnostic["rows"]).mark_bar(color=_FIRST)
    return _finish(
        bars.encode(
            y=alt.Y("name:N", title=None, sort=None, axis=alt.Axis(grid=False, domain=False, minExtent=room)),
            x=alt.X("score:Q", title=None, axis=alt.Axis(tickCount=5)),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("score:Q"), alt.Tooltip("rows:Q")],
        ),
        height=40 + 26 * len(diagnostic["rows"]),
    )


@_kept
def scatter_chart(diagnostic: Spec, x: str, y: str, rows: str, right: str) -> Spec:
    """One dot for each group of rows, larger for more; its colour tells the share of right labels, where there is one.

    Args:
        diagnostic: `points` of `x`, `y`, `rows` and perhaps `value`, the share.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        rows: Name for the number of rows, in the tooltip.
        right: Name for the share of right labels.
    """
    points = diagnostic["points"]
    is_shared = all("value" in point for point in points)
    scale, sizes = alt.Scale(zero=False, padding=14), alt.Scale(range=[30, 320] if is_shared else [45, 45])
    extra: Spec = {"color": _share_colour(right)} if is_shared else {}
    tips = [alt.Tooltip("x:Q", title=x), alt.Tooltip("y:Q", title=y), alt.Tooltip("rows:Q", title=rows)]
    tips += [alt.Tooltip("value:Q", title=right, format=".0%")] if is_shared else []
    return _finish(
        _chart(points)
        .mark_point(filled=True, opacity=0.8, color=_FIRST)
        .encode(
            x=alt.X("x:Q", title=x, scale=scale),
            y=alt.Y("y:Q", title=y, scale=scale),
            size=alt.Size("rows:Q", scale=sizes, legend=None),
            tooltip=tips,
            **extra,
        ),
        height=300,
    )


@_kept
def curve_chart(lines: list[Spec], x: str, y: str) -> Spec:
    """Lines over a quantity.

    Args:
        lines: `{"name": text, "points": [[x, y], …]}`.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
    """
    names = [line["name"] for line in lines]
    points = [{"line": line["name"], "x": at, "y": value} for line in lines for at, value in line["points"]]
    drawn = _chart(points).mark_line(strokeWidth=2.2, point=alt.OverlayMarkDef(size=14, filled=True))
    return _finish(
        drawn.encode(
            x=alt.X("x:Q", title=x, scale=alt.Scale(zero=False, nice=False, padding=8)),
            y=alt.Y("y:Q", title=y, scale=alt.Scale(zero=False, nice=True)),
            tooltip=[alt.Tooltip("line:N", title=None), alt.Tooltip("x:Q", title=x), alt.Tooltip("y:Q", title=y)],
            **_tell_apart(names),
        ),
        height=HEIGHT if len(names) <= _FEW_LINES else HEIGHT + 80,
    )


def _tell_apart(names: list[str]) -> Spec:
    """Colours of lines, and dashes beside them where there are many."""
    if len(names) == 1:
        return {"color": alt.value(_FIRST)}
    colours = [_FIRST, _SECOND, *_OTHERS[1:], *_MORE][: len(names)]
    color = alt.Color("line:N", sort=names, title=None, scale=alt.Scale(domain=names, range=colours))
    if len(names) <= _FEW_LINES:
        return {"color": color}
    dashes = [[1, 0]] * _FEW_LINES + [[6, 3]] * (len(names) - _FEW_LINES)
    return {
        "color": color.legend(columns=_LEGEND_COLUMNS, symbolType="stroke"),
        "strokeDash": alt.StrokeDash(
            "line:N", sort=names, title=None, scale=alt.Scale(domain=names, range=dashes),
            legend=alt.Legend(columns=_LEGEND_COLUMNS, symbolType="stroke"),
        ),
    }  # fmt: skip


def _share_colour(title: str) -> alt.Color:
    """From all right to mostly wrong in four steps; names of variables cannot be mixed, so there is no gradient."""
    steps = ["var(--chart-2)", "var(--chart-5)", "var(--chart-3)", _FIRST]
    scale = alt.Scale(type="threshold", domain=[0.5, 0.7, 0.9], range=steps)
    return alt.Color("value:Q", scale=scale, legend=alt.Legend(title=title, format=".0%"))


def chart_svg(spec: Spec, *, language: str) -> Markup:
    """The chart as SVG markup that scales with its place; nothing when it cannot be drawn."""
    try:
        return _draw(json.dumps(spec, sort_keys=True), _DATES[language])
    except DrawingFailed as error:
        log.warning("a chart is not drawn", problem=str(error))
        return Markup()


def chart_json(spec: Spec, *, language: str) -> Markup:
    """The chart as JSON for `<script type="application/json">`, with how its language writes dates."""
    options = {"timeFormatLocale": _date_words(_DATES[language])}
    return format_json({**spec, "usermeta": {"embedOptions": options}})


@lru_cache(MOST_KEPT)
def _draw(text: str, dates: Dates) -> Markup:
    svg = re.sub(r' (role|aria-roledescription)="[^"]*"', "", drawer.draw(text, SPEC_VERSION, dates))
    scaling = r'<svg\1 aria-hidden="true" focusable="false"'
    return Markup(re.sub(r'^<svg([^>]*?) width="[^"]*" height="[^"]*"', scaling, svg, count=1))  # noqa: S704


@lru_cache
def _date_words(dates: Dates) -> Spec:
    words: Spec = vl_convert.get_time_format_locale(dates)
    return words


def _breadth(text: str) -> int:
    """About how many pixels a label takes: the server does not know the reader's fonts."""
    return sum(13 if unicodedata.east_asian_width(letter) in "WF" else 8 for letter in text)


def _chart(values: list[Spec]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=values))


def _finish(chart: Any, height: int = HEIGHT) -> Spec:
    spec: Spec = chart.properties(width=WIDTH, height=height, padding=4).to_dict()
    return {**spec, "config": _CONFIG, "autosize": {"type": "fit", "contains": "padding"}}
