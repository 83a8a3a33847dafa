"""Levels: which one a score earns, in either direction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from arena.catalogue.levels import Level, level_of, levels_of, share_of_way
from challenges.manifest import Direction, Manifest, Metric, SecondaryThresholds, Source, Thresholds
from challenges.texts import Text
from tests.factories import make_manifest, thresholds_of


def make(direction: Direction, passing: float, good: float, excellent: float) -> Manifest:
    manifest = make_manifest()
    return replace(
        manifest,
        metric=replace(manifest.metric, direction=direction),
        thresholds=Thresholds(passing, good, excellent),
        baselines=[],
    )


UP, DOWN = make(Direction.MAX, 0.5, 0.8, 0.95), make(Direction.MIN, 0.9, 0.5, 0.2)
BOTH = replace(
    DOWN,
    secondary=[Metric("pair_accuracy", Direction.MAX, ["bits"]), Metric("mae", Direction.MIN, ["bits"])],
    thresholds=replace(
        thresholds_of(DOWN),
        secondary={
            "pair_accuracy": SecondaryThresholds(good=0.6, excellent=0.8),
            "mae": SecondaryThresholds(excellent=2.0),
        },
    ),
)


@pytest.mark.parametrize(
    ("manifest", "score", "level"),
    [
        (UP, None, None),
        (UP, 0.4999, None),
        (UP, 0.5, Level.PASSING),
        (UP, 0.8, Level.GOOD),
        (UP, 1.0, Level.EXCELLENT),
        (DOWN, 0.91, None),
        (DOWN, 0.9, Level.PASSING),
        (DOWN, 0.3, Level.GOOD),
        (DOWN, 0.0, Level.EXCELLENT),
    ],
)
def test_a_level_is_reached_at_its_very_score(manifest: Manifest, score: float | None, level: Level | None):
    assert level_of(manifest, score, {}) is level


@pytest.mark.parametrize(
    ("secondary", "level"),
    [
        ({}, Level.PASSING),
        ({"pair_accuracy": 0.59}, Level.PASSING),
        ({"pair_accuracy": 0.6}, Level.GOOD),
        ({"pair_accuracy": 0.8}, Level.GOOD),
        ({"pair_accuracy": 0.8, "mae": 2.1}, Level.GOOD),
        ({"pair_accuracy": 0.8, "mae": 2.0}, Level.EXCELLENT),
        ({"pair_accuracy": 0.1, "mae": 2.0}, Level.PASSING),
    ],
)
def test_a_level_may_ask_for_secondary_metrics_too(secondary: dict[str, float], level: Level):
    assert level_of(BOTH, 0.1, secondary) is level
    assert level_of(BOTH, 0.91, secondary) is None
    assert (share_of_way(BOTH, 0.1, secondary) == 1.0) == (level is Level.EXCELLENT)


def test_what_is_missing_keeps_a_step_from_being_whole():
    ways = [share_of_way(BOTH, 0.1, found) for found in ({}, {"pair_accuracy": 0.7}, {"pair_accuracy": 0.9, "mae": 0})]
    assert ways == pytest.approx([2.8 / 3, 2.9 / 3, 1.0])


def test_levels_are_listed_from_the_top():
    assert [asked.level for asked in levels_of(UP)] == [Level.EXCELLENT, Level.GOOD, Level.PASSING]
    besides = [[(metric.name, value) for metric, value in asked.besides] for asked in levels_of(BOTH)]
    assert besides == [[("pair_accuracy", 0.8), ("mae", 2.0)], [("pair_accuracy", 0.6)], []]


@pytest.mark.parametrize("manifest", [UP, DOWN, make_manifest()])
def test_the_way_rises_with_the_score_from_nothing_to_all(manifest: Manifest):
    asked = [level.score for level in reversed(levels_of(manifest))]
    best, worst = (1.0, -9.0) if manifest.metric.direction is Direction.MAX else (0.0, 99.0)
    ways = [share_of_way(manifest, score, {}) for score in (None, worst, *asked, best)]
    assert ways == sorted(ways)
    assert (ways[0], ways[1], ways[-2], ways[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert ways[3] == pytest.approx(2 / 3)


def test_data_of_a_source_has_its_own_levels_or_none():
    own = Thresholds(1.0, 2.0, 3.0)
    sources = {
        "bare": Source(Text("a", "b"), "MIT", "https://example.org", []),
        "real": Source(Text("a", "b"), "MIT", "https://example.org", [], thresholds=own, baselines=UP.baselines),
    }
    manifest = replace(make_manifest(), sources=sources)
    assert levels_of(manifest.of_source("offline")) == levels_of(manifest) != []
    assert [asked.score for asked in levels_of(manifest.of_source("real"))] == [3.0, 2.0, 1.0]
    bare = manifest.of_source("bare")
    assert (levels_of(bare), bare.baselines, level_of(bare, 1.0, {}), share_of_way(bare, 1.0, {})) == (
        [],
        [],
        None,
        0.0,
    )


def test_levels_at_one_score_are_reached_together():
    flat = make(Direction.MAX, 0.5, 0.5, 0.5)
    assert (share_of_way(flat, 0.4, {}), share_of_way(flat, 0.5, {})) == (0.0, 1.0)
