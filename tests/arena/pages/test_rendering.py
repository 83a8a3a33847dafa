"""How values are written, which theme and language a page has, and where its static files are."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from arena.formatting import (
    filters,
    format_browser,
    format_coded,
    format_json,
    format_local,
    format_score,
)
from arena.rendering import NOTICES, choose_theme, environment, static
from arena.settings import STATIC_DIR, TEMPLATES_DIR
from arena.translations import CHINESE, ENGLISH, LANGUAGES, choose_language
from challenges.texts import Text

AT = dt.datetime(2026, 5, 4, 21, 7, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def ask(cookie: str = "", language: str = "", user: object = None) -> Request:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", language.encode())]
    state = {"identity": SimpleNamespace(user=user)} if user else {}
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "state": state})


def test_the_account_goes_before_the_cookie_and_the_cookie_before_the_browser():
    person = SimpleNamespace(language=CHINESE)
    assert choose_language(ask("arena_language=en", "en", person)) == CHINESE
    assert choose_language(ask("arena_language=zh_Hans", "en")) == CHINESE
    assert choose_language(ask("arena_language=klingon", "zh")) == CHINESE
    assert choose_language(ask(language="en", user=SimpleNamespace(language=None))) == ENGLISH


@pytest.mark.parametrize(("cookie", "theme"), [("dark", "dark"), ("light", "light"), ("", "auto"), ('"><b', "auto")])
def test_only_a_known_theme_reaches_the_page(cookie: str, theme: str):
    assert choose_theme(ask(f"arena_theme={cookie}")) == theme


class TestFilters:
    """The filters of the templates."""

    @pytest.mark.parametrize(
        ("value", "written"),
        [(0.5, "0.5000"), (-0.25, "−0.2500"), (None, "–"), (float("nan"), "–"), (float("inf"), "–")],
    )
    def test_scores_line_up(self, value: float | None, written: str):
        assert format_score(value) == written

    @pytest.mark.parametrize(
        ("size_bytes", "written"),
        [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_234_567, "1.2 MB"), (999_960, "1 MB"), (5e15, "5,000 TB")],
    )
    def test_sizes_have_one_decimal(self, size_bytes: float, written: str):
        assert filters(ENGLISH)["size"](size_bytes) == written

    def test_moments_are_in_utc_and_in_the_language(self):
        assert filters(ENGLISH)["at"](AT) == "4 May 2026, 13:07"
        assert filters(ENGLISH)["at"](AT, "date") == "4 May 2026"
        assert filters(CHINESE)["at"](AT) == "2026年5月4日 13:07"
        assert filters(CHINESE)["at"](AT, "date") == "2026年5月4日"
        assert filters(ENGLISH)["iso"](AT) == "2026-05-04T13:07:00Z"

    def test_numbers_and_shares(self):
        written = filters(ENGLISH)
        assert (written["number"](1234567), written["number"](0.5, 2), written["number"](7.2, 0)) == (
            "1,234,567",
            "0.50",
            "7",
        )
        assert (written["percent"](0.3), written["percent"](0.1234, 1)) == ("30%", "12.3%")

    def test_a_text_is_in_the_language_and_english_where_there_is_no_other(self):
        assert format_local(Text("a", "b"), language=CHINESE) == "b"
        assert format_local({"en": "a"}, language=CHINESE) == "a"
        assert format_local("a", language=CHINESE) == "a"
        assert format_local(None, language=ENGLISH) == ""

    def test_json_cannot_leave_its_script(self):
        assert format_json({"a": "</script><!--&"}) == '{"a":"\\u003c/script>\\u003c!--\\u0026"}'

    def test_code_in_a_sentence_is_marked_and_everything_else_is_text(self):
        assert format_coded("`a` is `<b>`; & more") == "<code>a</code> is <code>&lt;b&gt;</code>; &amp; more"

    @pytest.mark.parametrize(
        ("agent", "name"),
        [
            ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36", "Chrome, Linux"),
            ("Mozilla/5.0 (Windows NT 10.0) Chrome/156.0 Safari/537.36 Edg/156.0", "Edge, Windows"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1", "Safari, iOS"),
            ("curl/8", ""),
        ],
    )
    def test_a_browser_has_a_short_name(self, agent: str, name: str):
        assert format_browser(agent) == name


class TestTemplates:
    """All templates together."""

    def test_every_template_is_used(self):
        names = {path.relative_to(TEMPLATES_DIR).as_posix() for path in TEMPLATES_DIR.rglob("*.html")}
        sources = [path.read_text(encoding="utf-8") for path in TEMPLATES_DIR.rglob("*.html")]
        sources += [path.read_text(encoding="utf-8") for path in (TEMPLATES_DIR.parent / "arena").rglob("*.py")]
        by_kind = {name for name in names if name.startswith("diagnostics/")}
        said = "\n".join(sources)
        by_page = {name for name in names if f'"{name.partition("/")[0]}/{{' in said and f'"{Path(name).stem}"' in said}
        unused = {name for name in names - by_kind - by_page if f'"{name}"' not in said}
        assert not unused

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_template_compiles(self, language: str):
        for name in environment(language).list_templates(extensions=["html"]):
            environment(language).get_template(name)

    @pytest.mark.parametrize("name", sorted(path.name for path in STATIC_DIR.iterdir() if path.is_file()))
    def test_a_static_file_is_named_by_its_content(self, name: str):
        assert static(name).startswith(f"/static/{name}?v=")

    def test_notices_end_as_sentences(self):
        assert all(notice.endswith(".") for notice in NOTICES.values())
