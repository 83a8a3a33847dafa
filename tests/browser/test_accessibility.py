"""Every page passes axe (WCAG 2.2 AA), in both languages, light and dark, phone and desk; nothing overflows."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.test_learner import register
from tests.installation import Installation
from tests.system.test_whole_way import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("installation")]

PUBLIC = (
    "/",
    "/challenges",
    "/challenges/iris",
    "/challenges/iris/data",
    "/challenges/house_prices/leaderboard",
    "/about",
    "/login",
    "/register",
)
OWN = (
    "/challenges/iris/submit",
    "/challenges/iris/submissions",
    "/settings",
    "/settings/tokens",
    "/challenges/iris/leaderboard",
)
ADMIN = ("/admin", "/admin/queue", "/admin/failures", "/admin/datasets")
OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
LOOKS = [("en", 1280, False), ("zh", 1280, True), ("en", 390, True), ("zh", 390, False)]


def problems_of(page: Page) -> list[str]:
    """What axe finds, a line each, and whether the page scrolls sideways."""
    found = [
        f"{violation['id']}: {violation['help']}: {violation['nodes'][0]['html'][:120]}"
        for violation in Axe().run(page, options=OPTIONS).response["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        found.append("the page scrolls sideways")
    return found


def check(page: Page, installation: Installation, paths: tuple[str, ...]) -> None:
    wrong = {}
    for path in paths:
        page.goto(installation.url + path)
        found = problems_of(page)
        if found:
            wrong[path] = found
    assert not wrong, wrong


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_public_pages(installation: Installation, visit: Any, language: str, width: int, dark: bool):
    page = visit(language, width=width, dark=dark)
    check(page, installation, PUBLIC)


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS)
def test_pages_of_a_learner(installation: Installation, visit: Any, language: str, width: int, dark: bool):
    page = visit(language, width=width, dark=dark)
    register(page, installation, f"axe_{language}_{width}")
    check(page, installation, OWN)


@pytest.mark.parametrize(("language", "width", "dark"), LOOKS[:2])
def test_pages_of_the_admin(installation: Installation, visit: Any, language: str, width: int, dark: bool):
    page = visit(language, width=width, dark=dark)
    log_in_as_admin(page, installation)
    check(page, installation, ADMIN)


def log_in_as_admin(page: Page, installation: Installation) -> None:
    """With the one-time password the first time, which the page makes the admin change, with the new one later."""
    for password in (PASSWORD, installation.admin_password):
        page.goto(f"{installation.url}/login")
        page.locator("input[name=username]").fill("admin")
        page.locator("input[name=password]").fill(password)
        page.locator("main form button").first.click()
        if "/login" not in page.url:
            break
    if "/settings/password" in page.url:
        page.locator("input[name=old_password]").fill(installation.admin_password)
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("main form button").first.click()
        page.wait_for_url(lambda url: "/settings/password" not in url)
