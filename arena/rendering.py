"""Pages from templates: one Jinja environment per language, and the context and filters that every template has.

Nothing here knows a feature; features call `render` with what their template names.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlencode

from babel.support import Translations
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from arena import charts, formatting, sandboxes
from arena.settings import STATIC_DIR, TEMPLATES_DIR
from arena.translations import LANGUAGES, choose_language, locale_of, mark, translations
from arena.vega import ADDRESS

COOKIE_THEME = "arena_theme"
THEMES = ("auto", "light", "dark")

NOTICES = {
    "welcome": mark("Welcome. Your account is ready."),
    "logged_in": mark("You are logged in."),
    "logged_out": mark("You are logged out."),
    "saved": mark("Saved."),
    "password_changed": mark("Your password is changed."),
    "password_must_change": mark("Choose a password of your own first."),
    "token_revoked": mark("The token is revoked. Programs that used it are locked out."),
    "submitted": mark("Your submission has arrived. This page shows the score as soon as it is there."),
    "cancelled": mark("The submission is cancelled."),
    "opened": mark("The challenge is open."),
    "closed": mark("The challenge is closed."),
    "preparing": mark("The data is being prepared."),
    "regrading": mark("The submission is being graded again."),
}
"""What `?notice=<key>` says after a redirect; an unknown key says nothing."""


def render(request: Request, name: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Answer with a template in the reader's language."""
    language = choose_language(request)
    identity = getattr(request.state, "identity", None)
    values = {
        "request": request,
        "user": getattr(identity, "user", None),
        "csrf_token": getattr(identity, "csrf_token", ""),
        "is_admin": bool(getattr(identity, "is_admin", False)),
        "language": language,
        "theme": choose_theme(request),
        "status_code": status,
        "here": address_of(request),
        "notice": NOTICES.get(request.query_params.get("notice", ""), ""),
        **context,
    }
    headers = {"Content-Language": language.replace("_", "-"), "Vary": "Cookie, Accept-Language"}
    return HTMLResponse(environment(language).get_template(name).render(values), status_code=status, headers=headers)


def address_of(request: Request) -> str:
    """The path and query of a page, to come back to; a notice is told once only."""
    query = urlencode([pair for pair in request.query_params.multi_items() if pair[0] != "notice"])
    return request.url.path + (f"?{query}" if query else "")


def choose_theme(request: Request) -> str:
    """`auto`, `light` or `dark`, as the cookie remembers."""
    wish = request.cookies.get(COOKIE_THEME, "")
    return wish if wish in THEMES else "auto"


@lru_cache
def environment(language: str) -> Environment:
    """The templates as one language sees them."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES_DIR),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    catalogue = translations(language)
    if isinstance(catalogue, Translations):
        found.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    else:
        found.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    found.filters.update(formatting.filters(language))
    found.filters.update(
        chart_svg=partial(charts.chart_svg, language=language), chart_json=partial(charts.chart_json, language=language)
    )
    found.filters.update(slices_chart=charts.slices_chart)
    found.filters.update(sandbox_reason=partial(sandboxes.tell_reason, language=language))
    found.filters.update(sandbox_level=partial(sandboxes.tell_level, language=language))
    found.globals.update(score_chart=charts.score_chart, board_chart=charts.board_chart)
    found.globals.update(scatter_chart=charts.scatter_chart, curve_chart=charts.curve_chart, vega=ADDRESS)
    found.globals.update(static=static, languages=LANGUAGES, themes=THEMES, locale=locale_of(language))
    return found


@lru_cache
def static(name: str) -> str:
    """The address of a static file, with a mark of its content: browsers may keep it for ever."""
    mark_of = hashlib.sha256((STATIC_DIR / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={mark_of}"
