"""What a learner does, in a real browser: register, download, submit, see the score appear, in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.installation import Installation
from tests.system.test_whole_way import PASSWORD, make_predictions

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("installation")]


def register(page: Page, installation: Installation, name: str) -> None:
    page.goto(f"{installation.url}/register")
    page.locator("input[name=username]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button").first.click()
    page.wait_for_url(lambda url: "/register" not in url)


def download(page: Page, installation: Installation, slug: str, to: Path) -> None:
    """Click every download link of the data page."""
    page.goto(f"{installation.url}/challenges/{slug}/data")
    links = page.locator(f"main a[href*='/api/v1/challenges/{slug}/files/'][download]")
    names = {}
    for index in range(links.count()):
        with page.expect_download() as waiting:
            links.nth(index).click()
        names[waiting.value.suggested_filename] = waiting.value
    for name, item in names.items():
        item.save_as(to / name)


def submit(page: Page, installation: Installation, slug: str, predictions: Path) -> None:
    page.goto(f"{installation.url}/challenges/{slug}/submit")
    page.locator("input[type=file]").set_input_files(str(predictions))
    page.locator("[name=message]").fill("from the browser")
    page.locator("main form[enctype='multipart/form-data'] button[type=submit]").click()
    page.wait_for_url(re.compile("/submissions/"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_learner_registers_downloads_submits_and_sees_the_score(
    installation: Installation, visit: Any, tmp_path: Path, language: str
):
    page = visit(language)
    name = f"browser_{language}"
    register(page, installation, name)
    download(page, installation, "iris", tmp_path)
    submit(page, installation, "iris", make_predictions("iris", tmp_path))
    # the status changes by itself: the page is not loaded again by the test
    expect(page.locator("main")).to_contain_text(re.compile(r"0\.9\d+"), timeout=30_000)
    page.goto(f"{installation.url}/challenges/iris/leaderboard")
    expect(page.locator("main")).to_contain_text(name)
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans" if language == "zh" else "en")


def test_a_learner_without_javascript_can_submit_too(installation: Installation, visit: Any, tmp_path: Path):
    page = visit(javascript=False)
    register(page, installation, "browser_plain")
    download(page, installation, "iris", tmp_path)
    submit(page, installation, "iris", make_predictions("iris", tmp_path))
    for _ in range(50):
        page.reload()
        if re.search(r"0\.9\d+", page.locator("main").inner_text()):
            break
    expect(page.locator("main")).to_contain_text(re.compile(r"0\.9\d+"))


def test_a_wrong_file_is_explained_where_it_is_wrong(installation: Installation, visit: Any, tmp_path: Path):
    page = visit()
    register(page, installation, "browser_wrong")
    download(page, installation, "iris", tmp_path)
    lines = (tmp_path / "sample_submission.csv").read_text(encoding="utf-8").splitlines()
    lines[17] = lines[17].split(",")[0] + ",tulip" + "," * (lines[0].count(",") - 1)
    (tmp_path / "wrong.csv").write_text("\n".join(lines), encoding="utf-8")
    submit(page, installation, "iris", tmp_path / "wrong.csv")
    expect(page.locator("main")).to_contain_text("Row 17", timeout=30_000)
    expect(page.locator("main")).to_contain_text("tulip")


def test_language_and_theme_are_chosen_and_kept(installation: Installation, visit: Any):
    page = visit("en")
    page.goto(f"{installation.url}/challenges")
    page.get_by_role("button", name=re.compile("中文|简体")).click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    page.goto(f"{installation.url}/about")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
