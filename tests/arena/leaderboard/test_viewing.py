"""What a leaderboard's page shows between and beside the rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from uuid import uuid4

from arena.leaderboard.models import Board
from arena.leaderboard.service import BoardPage, Point, RankedRow, TeamHistory
from arena.leaderboard.viewing import Marker, curves_of, followed, lines_of, markers_of
from challenges.manifest import Baseline, Direction, Manifest
from challenges.texts import Text
from tests.factories import NOON, make_manifest, thresholds_of

MANIFEST = make_manifest()
BELOW = replace(
    MANIFEST,
    metric=replace(MANIFEST.metric, direction=Direction.MIN),
    thresholds=replace(thresholds_of(MANIFEST), passing=0.9, good=0.5, excellent=0.2),
    baselines=[Baseline(Text("a", "b"), 0.5)],
)


def make_page(*scores: float, page: int = 1, pages: int = 1, mine: int | None = None) -> BoardPage:
    rows = [RankedRow(rank, uuid4(), f"t{rank}", [], score, 1, NOON) for rank, score in enumerate(scores, 1)]
    own = rows[mine] if mine is not None else None
    return BoardPage(Board.PUBLIC, uuid4(), page, pages, len(rows), rows, own)


def told(page: BoardPage, manifest: Manifest) -> list[str]:
    lines = lines_of(page, manifest, {})
    return [
        (str(line.level) if line.level else "baseline") if isinstance(line, Marker) else line.ranked.team
        for line in lines
    ]


def test_a_marker_stands_above_the_first_row_that_does_not_reach_it():
    assert told(make_page(0.95, 0.9, 0.5, 0.1), MANIFEST) == [
        "t1",
        "excellent",
        "t2",
        "good",
        "t3",
        "passing",
        "baseline",
        "t4",
    ]


def test_smaller_is_better_where_the_metric_says_so():
    assert told(make_page(0.1, 0.4, 2.0), BELOW) == ["t1", "excellent", "t2", "good", "baseline", "passing", "t3"]


def test_markers_above_all_rows_are_told_on_the_first_page_and_below_all_on_the_last():
    assert told(make_page(0.6, page=1, pages=2), MANIFEST) == ["excellent", "good", "t1"]
    assert told(make_page(0.6, page=2, pages=2), MANIFEST) == ["t1", "passing", "baseline"]


def test_an_empty_board_still_tells_what_to_reach():
    assert told(make_page(), MANIFEST) == ["excellent", "good", "passing", "baseline"]


def test_of_equal_markers_the_level_stands_higher():
    assert [marker.level is not None for marker in markers_of(BELOW)] == [True, True, False, True]


def test_the_chart_follows_the_leaders_and_ones_own_team_once():
    page = make_page(*[1 - n / 10 for n in range(8)], mine=7)
    assert len(followed(page)) == 6
    assert len(followed(replace(page, mine=page.rows[0]))) == 5
    assert len(followed(replace(page, mine=None))) == 5


def test_a_line_reaches_the_present_minute():
    history = TeamHistory(uuid4(), "ada", [Point(NOON, 0.5), Point(NOON + dt.timedelta(hours=1), 0.6)])
    points = curves_of([history], NOON + dt.timedelta(hours=2, seconds=30))
    assert [point["score"] for point in points] == [0.5, 0.6, 0.6]
    assert points[-1]["at"] == "2026-05-04T14:00:00Z"


def test_a_score_of_this_very_minute_is_the_end_of_its_line():
    history = TeamHistory(uuid4(), "ada", [Point(NOON + dt.timedelta(seconds=20), 0.5)])
    assert len(curves_of([history], NOON + dt.timedelta(seconds=40))) == 1
