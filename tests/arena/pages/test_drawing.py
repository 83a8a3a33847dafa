"""The drawing process: what goes wrong first, then that it comes, serves and goes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from arena.charts import SPEC_VERSION, chart_svg, score_chart
from arena.drawing import Drawer, DrawingFailed, answer
from arena.translations import ENGLISH

SPEC = json.dumps(score_chart([{"at": "2026-05-01T10:00:00Z", "score": 1.0, "best": 1.0}], "Score", "Best", "Time"))


@pytest.fixture
def drawer() -> Iterator[Drawer]:
    made = Drawer()
    yield made
    made.stop()


def pid_of(drawer: Drawer) -> int:
    assert drawer.process is not None
    return drawer.process.pid


def has_gone(pid: int) -> bool:
    for _ in range(200):
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.05)
    return False


def test_a_wrong_spec_is_told_and_the_process_lives_on(drawer: Drawer):
    with pytest.raises(DrawingFailed):
        drawer.draw('{"mark": 7}', SPEC_VERSION, "en-US")
    pid = pid_of(drawer)
    assert drawer.draw(SPEC, SPEC_VERSION, "en-US").startswith("<svg")
    assert pid_of(drawer) == pid


@pytest.mark.parametrize("program", ["import time; time.sleep(60)", "", "print('half a line', end='')"])
def test_a_process_that_does_not_answer_is_given_up(program: str):
    drawer = Drawer(patience_seconds=0.3)
    drawer._command = [sys.executable, "-c", program]
    with pytest.raises(DrawingFailed, match="does not answer"):
        drawer.draw(SPEC, SPEC_VERSION, "en-US")
    assert drawer.process is None


def test_a_line_is_answered_by_a_line():
    told = json.loads(answer(json.dumps([SPEC, SPEC_VERSION, "zh-CN"]).encode()))
    assert told["svg"].startswith("<svg")
    assert "problem" in json.loads(answer(json.dumps(['{"mark": 7}', SPEC_VERSION, "zh-CN"]).encode()))


def test_a_page_goes_without_a_drawing_that_fails():
    assert chart_svg({"mark": 7}, language=ENGLISH) == ""


def test_a_killed_process_is_replaced_within_the_same_drawing(drawer: Drawer):
    drawer.draw(SPEC, SPEC_VERSION, "en-US")
    first = pid_of(drawer)
    psutil.Process(first).kill()
    assert drawer.draw(SPEC, SPEC_VERSION, "en-US").startswith("<svg")
    assert pid_of(drawer) != first
    assert has_gone(first)


def test_it_ends_by_itself_when_nothing_is_drawn_and_leaves_no_zombie():
    drawer = Drawer(idle_seconds=0.2)
    assert drawer.draw(SPEC, SPEC_VERSION, "en-US")
    assert has_gone(pid_of(drawer))
    assert drawer.draw(SPEC, SPEC_VERSION, "en-US")
    drawer.stop()


def test_many_at_once_each_get_their_own(drawer: Drawer):
    specs = [SPEC.replace('"Score"', f'"Score {number}"') for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        drawn = list(pool.map(lambda spec: drawer.draw(spec, SPEC_VERSION, "zh-CN"), specs))
    assert [f"Score {number}" in svg for number, svg in enumerate(drawn)] == [True] * 6


def test_stopping_twice_is_harmless(drawer: Drawer):
    drawer.draw(SPEC, SPEC_VERSION, "en-US")
    pid = pid_of(drawer)
    drawer.stop()
    drawer.stop()
    assert has_gone(pid)
