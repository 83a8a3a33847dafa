"""Every sentence exists in both languages, and every template asks for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from jinja2 import Environment

from arena.rendering import environment
from arena.settings import TEMPLATES_DIR
from arena.translations import (
    CHINESE,
    ENGLISH,
    LANGUAGES,
    mark,
    negotiate_language,
    translate,
    translations,
)
from tests.locale import catalogue_path, find_messages, updated

OTHERS = [language for language in LANGUAGES if language != ENGLISH]
TEMPLATES = sorted(TEMPLATES_DIR.rglob("*.html"))
PLACES = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
TAGS = re.compile(r"</?\w+[^>]*>")
NOT_WORDS = {"Arena", "UTC", "sha256"}
"""What is the same in every language."""


def read(language: str) -> Catalog:
    with catalogue_path(language).open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def texts(part: str | tuple[str, ...] | list[str] | None) -> list[str]:
    return [part] if isinstance(part, str) else list(part or [""])


def sentences(language: str) -> list[Message]:
    return [message for message in read(language) if message.id]


@pytest.mark.parametrize("language", OTHERS)
def test_the_catalogue_holds_what_the_code_says_now(language: str):
    assert catalogue_path(language).read_bytes() == updated(language), "run `make locale`"


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated(language: str):
    waiting = [message.id for message in sentences(language) if not all(texts(message.string)) or message.fuzzy]
    assert not waiting


@pytest.mark.parametrize("language", OTHERS)
def test_translations_name_the_same_places_and_tags(language: str):
    for message in sentences(language):
        original = texts(message.id)[-1]
        for text in texts(message.string):
            assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(original)), message.id
            assert TAGS.findall(text) == TAGS.findall(original), message.id


def test_chinese_sentences_end_in_chinese():
    for message in sentences(CHINESE):
        for text in texts(message.string):
            assert not re.search(r"[一-鿿][,.;:!?](?!\w)", text), text
            if texts(message.id)[-1].endswith("."):
                assert text.endswith(("。", "！")), text


def test_the_catalogue_finds_sentences_of_every_source():
    found = {name for message in find_messages() for name, _ in message.locations}
    assert {"templates/layout.html", "challenges/errors.py", "arena/errors.py", "arena/problems.py"} <= found


def static_text(environment: Environment, path: Path) -> str:
    """A template without its expressions, comments, scripts, code and translated blocks."""
    kept, is_translated, block = [], False, ""
    for _, kind, value in environment.lex(path.read_text(encoding="utf-8")):
        if kind == "block_begin":
            block = ""
        elif kind == "name" and not block:
            block = value
            is_translated = block == "trans" or (is_translated and block != "endtrans")
        elif kind == "data" and not is_translated:
            kept.append(value)
        elif kind == "variable_begin":
            kept.append(" ")
            block = "-"
    text = re.sub(r"<(script|code|pre|svg)\b.*?</\1>", " ", "".join(kept), flags=re.DOTALL)
    return re.sub(r"<[^>]*>|&\w+;", " ", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(TEMPLATES_DIR).as_posix())
def test_no_template_says_a_word_that_is_not_marked(path: Path):
    words = set(re.findall(r"[A-Za-z]{2,}\w*", static_text(environment(ENGLISH), path)))
    assert not words - NOT_WORDS


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(TEMPLATES_DIR).as_posix())
def test_attributes_that_are_read_aloud_are_marked(path: Path):
    source = path.read_text(encoding="utf-8")
    spoken = re.findall(r'\b(?:aria-label|title|alt|placeholder)="([^"{]*[A-Za-z]{2}[^"{]*)"', source)
    assert not spoken


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("fr,en;q=0.5,zh;q=0.9", CHINESE),
        ("zh;q=0,en", ENGLISH),
        ("de, fr", ENGLISH),
        ("en-GB", ENGLISH),
        ("zh;q=very", ENGLISH),
        ("*", ENGLISH),
    ],
)
def test_a_language_is_chosen_by_the_browsers_wish(header: str, language: str):
    assert negotiate_language(header) == language


def test_a_sentence_is_filled_after_it_is_translated():
    assert translate(CHINESE, mark("There is no {what} here."), what="x") == "这里没有找到x。"
    assert translate(ENGLISH, "There is no {what} here.", what="x") == "There is no x here."
    assert translate(CHINESE, "") == ""


def test_a_language_without_catalogue_speaks_english():
    assert translations("fr").gettext("Saved.") == "Saved."
