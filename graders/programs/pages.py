"""What stands in an HTML page: read by the standard library's parser, in the sandbox."""

from __future__ import annotations

import re
from contextlib import suppress
from html.parser import HTMLParser
from urllib.parse import urlsplit

from challenges._generators.programs import Page

CHARTS = ("svg", "canvas", "img")
MOST = 200
"""Charts, tables and marked texts that are told."""
_MOST_EXTERNAL = 10
_DEEPEST = 500
"""Elements within each other that are told apart."""
_CHARACTERS = 200
_LOADING = {"src", "href", "srcset", "poster", "data", "action"}
"""Attributes by which a page loads something, or sends something away; links to read are no loading."""
_STYLE_ADDRESS = re.compile(r"""(?:url\(|@import)\s*["']?\s*([^"')\s;]+)""", re.IGNORECASE)
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def read_page(text: str) -> Page:
    """Read a page; what is broken in it is read as far as it goes."""
    reader = _Reader()
    # the parser of the standard library raises whatever it likes on what is no HTML
    with suppress(Exception):
        reader.feed(text)
        reader.close()
    return Page(
        title=" ".join(reader.title.split())[:_CHARACTERS],
        language=reader.language[:_CHARACTERS],
        charts=[[tag, " ".join(name.split())[:_CHARACTERS]] for tag, name in reader.charts[:MOST]],
        tables=reader.tables[:MOST],
        marked={k[:_CHARACTERS]: " ".join(v.split())[:_CHARACTERS] for k, v in list(reader.marked.items())[:MOST]},
        external=[address[:_CHARACTERS] for address in reader.external[:_MOST_EXTERNAL]],
    )


class _Reader(HTMLParser):
    """Goes through a page once."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title, self.language = "", ""
        self.charts: list[list[str]] = []
        self.tables: list[list[int]] = []
        self.marked: dict[str, str] = {}
        self.external: list[str] = []
        self.labels: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        """Elements that are open, with what their text belongs to: `title`, `chart`, or `kpi NAME`."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in an element."""
        given = {name: value or "" for name, value in attrs}
        self._find_external(tag, given)
        takes = self._open[-1][1] if self._open else ""
        if tag == "html":
            self.language = given.get("lang", "")
        elif takes == "inside":
            takes = "chart" if tag in ("title", "desc") else takes
        elif tag == "title":
            takes = "title"
        elif tag in CHARTS:
            self.charts.append([tag, given.get("aria-label", "") or (given.get("alt", "") if tag == "img" else "")])
            takes = "inside"
        elif tag == "table":
            self.tables.append([0, 0])
        elif tag == "tr" and self.tables:
            self.tables[-1][0] += 1
        elif tag == "th" and self.tables and given.get("scope") in ("col", "row", "colgroup", "rowgroup"):
            self.tables[-1][1] += 1
        if given.get("data-kpi"):
            takes = f"kpi {given['data-kpi']}"
            self.marked.setdefault(given["data-kpi"], "")
        if tag not in _VOID and len(self._open) < _DEEPEST:
            self._open.append((tag, takes))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in an element that closes itself."""
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element, and what was left open in it."""
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        """Take in text."""
        takes = self._open[-1][1] if self._open else ""
        if self._open and self._open[-1][0] == "style":
            self._find_in_style(data)
        if takes == "title":
            self.title += data
        elif takes == "chart" and self.charts:
            self.charts[-1][1] = self.charts[-1][1] or data.strip()
        elif takes.startswith("kpi "):
            self.marked[takes.removeprefix("kpi ")] += data

    def _find_external(self, tag: str, given: dict[str, str]) -> None:
        self._find_in_style(given.get("style", ""))
        for name in _LOADING & set(given):
            if tag == "a" and name == "href":
                continue
            for address in given[name].split(",") if name == "srcset" else [given[name]]:
                self._add_external(address.strip())

    def _find_in_style(self, text: str) -> None:
        for found in _STYLE_ADDRESS.finditer(text):
            self._add_external(found[1])

    def _add_external(self, address: str) -> None:
        try:
            parts = urlsplit(address)
        except ValueError:
            parts = urlsplit("//broken")
        if parts.netloc or parts.scheme in ("http", "https", "ws", "wss", "ftp"):
            self.external.append(address)
