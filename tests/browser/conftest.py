"""A real Chromium, headless, with a profile of its own for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Not for the whole session: the event loop that Playwright keeps in this thread lets no later test start one.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield browser
        browser.close()


def is_problem(line: ConsoleMessage) -> bool:
    """Whether the console reports a fault; a log-in that is refused is answered 401, and told on the page."""
    return line.type == "error" and "401 (Unauthorized)" not in line.text


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Any]:
    """A function that opens a page in a fresh profile; every console error of it fails the test."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(language: str = "en", *, width: int = 1280, dark: bool = False, javascript: bool = True) -> Page:
        context = chromium.new_context(
            locale="zh-CN" if language == "zh" else "en-GB",
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if is_problem(line) else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems, problems
