"""The languages of the site: gettext catalogues read from `.po` at start, and which one a reader gets.

No compiled `.mo` is kept: the text file is the only truth.
"""

from __future__ import annotations

import gettext
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from arena.settings import TEMPLATES_DIR

if TYPE_CHECKING:
    from starlette.requests import Request

ENGLISH = "en"
CHINESE = "zh_Hans"
LANGUAGES = {ENGLISH: "English", CHINESE: "中文"}
"""Each language in its own words, in the order of the switcher."""
COOKIE_LANGUAGE = "arena_language"
LOCALE_DIR = TEMPLATES_DIR / "locale"


@lru_cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of a language; English is the language of the message ids."""
    path = LOCALE_DIR / language / "LC_MESSAGES" / "messages.po"
    if language == ENGLISH or not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


@lru_cache
def locale_of(language: str) -> Locale:
    """How a language writes numbers and dates."""
    return Locale.parse(language)


def translate(language: str, sentence: str, **facts: str | float) -> str:
    """A sentence in a language, with its named places filled in."""
    text = translations(language).gettext(sentence) if sentence else ""
    return text.format_map(facts) if facts else text


def mark(sentence: str) -> str:
    """The sentence itself: marks it for the catalogues where it is not yet known who will read it."""
    return sentence


def choose_language(request: Request) -> str:
    """The language of a reader: of the account, else of the cookie, else what the browser prefers."""
    user = getattr(getattr(request.state, "identity", None), "user", None)
    for wish in (getattr(user, "language", None), request.cookies.get(COOKIE_LANGUAGE)):
        if wish in LANGUAGES:
            return str(wish)
    return negotiate_language(request.headers.get("accept-language", ""))


def negotiate_language(header: str) -> str:
    """The first language of an `Accept-Language` header that we speak; English when there is none."""
    ranked = []
    for position, part in enumerate(header.split(",")[:20]):
        name, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if weight > 0:
            ranked.append((-weight, position, name.lower().partition("-")[0]))
    spoken = {"en": ENGLISH, "zh": CHINESE}
    return next((spoken[name] for _, _, name in sorted(ranked) if name in spoken), ENGLISH)
