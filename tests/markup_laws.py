"""What every page of the site has to be: well formed, ordered, labelled, and without anything the policy refuses."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
OPTIONAL_LABEL = {"hidden", "submit", "button", "reset"}
WITH_ADDRESS = {"a": "href", "form": "action", "img": "src", "script": "src", "link": "href"}


class Page(HTMLParser):
    """Reads a page and collects what is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.named: set[str] = set()
        self.fields: list[tuple[str, str]] = []
        self.levels: list[int] = []
        self.language = ""
        self.words: list[str] = []
        self.addresses: list[str] = []
        if not text.lstrip().lower().startswith("<!doctype html>"):
            self.faults.append("no doctype")
        self.feed(text)
        self.close()
        self._check_whole()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Check one element's attributes and remember where it stands."""
        names = [name for name, _ in attrs]
        given = {name: value or "" for name, value in attrs}
        if len(set(names)) < len(names):
            self.faults.append(f"<{tag}> has an attribute twice")
        self.faults += [f"<{tag} {name}> is inline script" for name in names if name.startswith("on")]
        self.faults += [f"<{tag} style> is an inline style"] * ("style" in given)
        self._check_element(tag, given)
        if "id" in given:
            self.ids.append(given["id"])
        if re.fullmatch("h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that closes itself, as in SVG."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Every end must be the end of what was opened last."""
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-3:]}")
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Text, and scripts that ought not to be there."""
        if self.open and self.open[-1] == "style":
            self.faults.append("<style> in the page")
        if data.strip() and not {"script", "pre", "code", "svg"} & set(self.open):
            self.words.append(data.strip())

    def _check_element(self, tag: str, given: dict[str, str]) -> None:
        if tag == "html":
            self.language = given.get("lang", "")
        if tag == "script" and "src" not in given and given.get("type") != "application/json":
            self.faults.append("an inline script")
        if tag == "img" and "alt" not in given:
            self.faults.append("an image without alt")
        is_field = tag in ("input", "select", "textarea") and given.get("type", "text") not in OPTIONAL_LABEL
        if is_field and "hidden" not in given:
            is_named = "aria-label" in given or "aria-labelledby" in given or "label" in self.open
            self.fields.append((given.get("id", ""), "named" if is_named else ""))
        if tag == "label" and "for" in given:
            self.named.add(given["for"])
        address = given.get(WITH_ADDRESS.get(tag, ""), "")
        self.addresses.append(address)
        if address.strip().lower().startswith(("javascript:", "http://", "//")) and tag != "a":
            self.faults.append(f"<{tag}> leads to {address}")

    def _check_whole(self) -> None:
        if self.open:
            self.faults.append(f"never closed: {self.open}")
        self.faults += [f"id {name} twice" for name in {n for n in self.ids if self.ids.count(n) > 1}]
        self.faults += [
            f"field {name!r} without label" for name, how in self.fields if not how and name not in self.named
        ]
        if self.levels.count(1) != 1:
            self.faults.append(f"{self.levels.count(1)} first-level headings")
        steps = zip(self.levels, self.levels[1:], strict=False)
        self.faults += [f"heading h{low} follows h{high}" for high, low in steps if low > high + 1]
        if "main" not in self.ids:
            self.faults.append("no #main to skip to")


def check_page(text: str) -> Page:
    """Fail with everything that is wrong with a page; else give it back."""
    page = Page(text)
    assert not page.faults, "\n".join(page.faults)
    return page
