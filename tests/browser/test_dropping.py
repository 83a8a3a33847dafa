"""Sending a file by drag and drop: chosen wherever it falls, shown while it travels, explained when it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.test_learner import download, register
from tests.installation import Installation
from tests.system.test_whole_way import make_predictions

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("installation")]

MAKE_TRANSFER = """([name, text]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([text], name, {type: "text/csv"}));
  return transfer;
}"""


def drop(page: Page, target: str, name: str, text: str) -> None:
    """Let a file fall onto a part of the page."""
    transfer = page.evaluate_handle(MAKE_TRANSFER, [name, text])
    for kind in ("dragenter", "dragover", "drop"):
        page.dispatch_event(target, kind, {"dataTransfer": transfer})


def test_an_empty_file_that_is_dropped_is_explained_before_it_is_sent(installation: Installation, visit: Any):
    page = visit()
    register(page, installation, "drop_empty")
    page.goto(f"{installation.url}/challenges/iris/submit")
    drop(page, "[data-drop]", "empty.csv", "")
    expect(page.locator("#submit-error [role=alert]")).to_contain_text("empty")


@pytest.mark.parametrize("target", ["[data-drop]", "body"])
def test_a_dropped_file_travels_under_a_bar_and_is_scored(
    installation: Installation, visit: Any, tmp_path: Path, target: str
):
    page = visit()
    register(page, installation, f"drop_{len(target)}")
    download(page, installation, "iris", tmp_path)
    predictions = make_predictions("iris", tmp_path).read_text(encoding="utf-8")
    page.goto(f"{installation.url}/challenges/iris/submit")
    drop(page, target, "dropped.csv", predictions)
    expect(page.locator("[data-chosen]")).to_be_visible()
    held: list[Route] = []
    page.route("**/api/v1/challenges/iris/submissions", lambda route: held.append(route))  # noqa: PLW0108 - it marks the function
    page.locator("#submit-form button[type=submit]").click(no_wait_after=True)
    expect(page.locator("#upload-bar")).to_be_visible()
    expect(page.locator("#submit-form button[type=submit]")).to_be_disabled()
    held[0].continue_()
    page.wait_for_url("**/submissions/*")
    expect(page.locator("main")).to_contain_text("dropped.csv")
    expect(page.locator("main")).to_contain_text("0.9", timeout=30_000)
