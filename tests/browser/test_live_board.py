"""A leaderboard that is looked at: it follows what happens, and its chart answers under a strict policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.test_learner import download, register, submit
from tests.installation import Installation
from tests.system.test_whole_way import make_predictions

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("installation")]


def test_a_board_follows_what_happens_and_its_chart_answers(installation: Installation, visit: Any, tmp_path: Path):
    watching = visit()
    watching.goto(f"{installation.url}/challenges/iris/leaderboard")
    expect(watching.locator(".live")).to_have_attribute("data-live", "on")
    learner = visit()
    register(learner, installation, "board_live")
    download(learner, installation, "iris", tmp_path)
    submit(learner, installation, "iris", make_predictions("iris", tmp_path))
    expect(watching.locator("#live-board tbody").first).to_contain_text("board_live", timeout=30_000)
    expect(watching.locator("tr.fresh").first).to_contain_text("board_live")
    watching.locator("#curves").scroll_into_view_if_needed()
    expect(watching.locator(".chart-drawing .vega-embed")).to_have_count(1, timeout=30_000)
    watching.locator(".chart-drawing .mark-symbol.role-mark path").last.hover(force=True)
    expect(watching.locator("#chart-tip")).to_be_visible()


def test_a_chart_is_there_without_javascript(installation: Installation, visit: Any, tmp_path: Path):
    page = visit(javascript=False)
    register(page, installation, "board_plain")
    download(page, installation, "iris", tmp_path)
    submit(page, installation, "iris", make_predictions("iris", tmp_path))
    for _ in range(50):
        page.goto(f"{installation.url}/challenges/iris/leaderboard")
        if page.locator("tr.mine").count():
            break
    expect(page.locator("tr.mine")).to_contain_text("board_plain")
    assert page.locator(".chart-drawing svg").bounding_box()["height"] > 100
