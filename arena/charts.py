"""Charts: altair builds a Vega-Lite spec, `vl-convert` draws it as the SVG that every page holds.

Colours are the CSS variables of the style sheet, so one drawing follows light and dark. With JavaScript the same spec
is drawn again by the Vega that ships inside `vl-convert`, with tooltips (static/charts.js).
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup

from arena.formatting import format_json

WIDTH, HEIGHT = 520, 240
SPEC_VERSION = "6.4"
MOST_DRAWINGS = 512
"""How many drawings a process keeps."""

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
    "legend": {**_TEXT, "orient": "top", "title": None},
}
_FIRST, _SECOND = "var(--chart-1)", "var(--chart-2)"
_OTHERS = (_FIRST, "var(--chart-3)", "var(--chart-4)", "var(--chart-5)", "var(--chart-6)")


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
    tips = [alt.Tooltip("at:T", title=time, format="%Y-%m-%d %H:%M"), alt.Tooltip("score:Q", title=score)]
    return _finish(
        alt.layer(
            line.encode(x=x, y=alt.Y("best:Q", title=score, scale=y_scale)),
            dots.encode(x=x, y=alt.Y("score:Q", title=score), tooltip=[*tips, alt.Tooltip("best:Q", title=best)]),
        )
    )


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
            color=alt.Color("team:N", sort=teams, scale=alt.Scale(domain=teams, range=colours)),
            strokeWidth=alt.condition(alt.datum.team == own, alt.value(3.5), alt.value(2)),
            tooltip=[
                alt.Tooltip("team:N", title=team),
                alt.Tooltip("score:Q", title=score),
                alt.Tooltip("at:T", title=time, format="%Y-%m-%d %H:%M"),
            ],
        )
    )


def distribution_chart(bins: list[Spec], score: str, teams: str, own: float | None = None) -> Spec:
    """How many teams have which score, with a rule at one's own.

    Args:
        bins: `{"start": number, "end": number, "count": int}`.
        score: Name of the score's axis.
        teams: Name of the count's axis.
        own: The reader's score; None draws no rule.
    """
    bars = _chart(bins).mark_bar(color=_FIRST)
    layers: list[Any] = [
        bars.encode(
            x=alt.X("start:Q", title=score, bin="binned", axis=alt.Axis(grid=False)),
            x2="end:Q",
            y=alt.Y("count:Q", title=teams, axis=alt.Axis(tickMinStep=1)),
            tooltip=[alt.Tooltip("start:Q", title=score), alt.Tooltip("count:Q", title=teams)],
        )
    ]
    if own is not None:
        rule = _chart([{"own": own}]).mark_rule(color=_SECOND, strokeWidth=2.5)
        layers.append(rule.encode(x="own:Q"))
    return _finish(alt.layer(*layers))


def slices_chart(diagnostic: Spec) -> Spec:
    """The score on each slice of the public rows, as bars in the order given."""
    room = min(180, 10 + max(_breadth(str(row["name"])) for row in diagnostic["rows"]))
    bars = _chart(diagnostic["rows"]).mark_bar(color=_FIRST)
    return _finish(
        bars.encode(
            y=alt.Y("name:N", title=None, sort=None, axis=alt.Axis(grid=False, domain=False, minExtent=room)),
            x=alt.X("score:Q", title=None, axis=alt.Axis(tickCount=5)),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("score:Q"), alt.Tooltip("rows:Q")],
        ),
        height=40 + 26 * len(diagnostic["rows"]),
    )


def scatter_chart(diagnostic: Spec) -> Spec:
    """One dot for each point `[x, y]`."""
    values = [{"x": point[0], "y": point[1]} for point in diagnostic["points"]]
    dots = _chart(values).mark_point(color=_FIRST, filled=True, size=28, opacity=0.55)
    scale = alt.Scale(zero=False)
    return _finish(
        dots.encode(
            x=alt.X("x:Q", title=_plain(diagnostic["x_label"]), scale=scale),
            y=alt.Y("y:Q", title=_plain(diagnostic["y_label"]), scale=scale),
            tooltip=["x:Q", "y:Q"],
        ),
        height=320,
    )


def chart_svg(spec: Spec) -> Markup:
    """The chart as SVG markup that scales with its place."""
    return _draw(json.dumps(spec, sort_keys=True))


def chart_json(spec: Spec) -> Markup:
    """The chart as JSON for `<script type="application/json">`."""
    return format_json(spec)


@lru_cache(MOST_DRAWINGS)
def _draw(text: str) -> Markup:
    svg = vl_convert.vegalite_to_svg(text, vl_version=SPEC_VERSION)
    return Markup(re.sub(r'^<svg([^>]*?) width="[^"]*" height="[^"]*"', r"<svg\1", svg, count=1))  # noqa: S704


def _chart(values: list[Spec]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=values))


def _breadth(text: str) -> int:
    """About how many pixels a label takes: the server does not know the reader's fonts."""
    return sum(13 if unicodedata.east_asian_width(letter) in "WF" else 8 for letter in text)


def _plain(label: Any) -> str:
    return label if isinstance(label, str) else str(label.get("en", ""))


def _finish(chart: Any, height: int = HEIGHT) -> Spec:
    spec: Spec = chart.properties(width=WIDTH, height=height, padding=4).to_dict()
    return {**spec, "config": _CONFIG, "autosize": {"type": "fit", "contains": "padding"}}
