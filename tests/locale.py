"""Collects every sentence a person can read into the catalogues: `make locale`; then translate what is new.

Templates mark theirs with `_()` and `{% trans %}`, Python with `mark()`; errors and reasons are found by their classes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from arena.errors import ArenaError
from arena.problems import THINGS
from arena.settings import TEMPLATES_DIR
from arena.translations import ENGLISH, LANGUAGES, LOCALE_DIR
from challenges.errors import SENTENCES
from challenges.phrases import Phrase

_CODE_DIR = TEMPLATES_DIR.parent / "arena"
_CLIENT_DIR = _CODE_DIR / "cli"
"""The command line has a catalogue of its own."""
_KEYWORDS = {"_": None, "mark": None, "gettext": None, "ngettext": (1, 2)}
_JINJA_OPTIONS = {"extensions": "jinja2.ext.do", "silent": "false"}
_WIDTH = 120


def find_messages() -> Catalog:
    """Every sentence of the site, with the file it comes from."""
    found = Catalog(project="arena", header_comment="", fuzzy=False)
    for name, message, comments in _messages():
        found.add(message, locations=[(name, 0)], auto_comments=comments)
    return found


def updated(language: str) -> bytes:
    """The text of a language's catalogue as it has to be: present translations kept, new sentences without one."""
    path = catalogue_path(language)
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    catalogue.update(find_messages(), no_fuzzy_matching=True, keep_user_comments=True)
    catalogue.obsolete.clear()
    text = BytesIO()
    write_po(text, catalogue, width=_WIDTH, sort_output=True, include_lineno=False, omit_header=True)
    header = f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    header += f'"Plural-Forms: {catalogue.plural_forms}\\n"\n\n'
    return header.encode() + text.getvalue()


def catalogue_path(language: str) -> Path:
    """Where a language's catalogue is."""
    return LOCALE_DIR / language / "LC_MESSAGES" / "messages.po"


def main() -> None:
    """Rewrite all catalogues and tell how many sentences wait for a translation."""
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        path = catalogue_path(language)
        path.write_bytes(updated(language))
        with path.open("rb") as file:
            messages = [message for message in read_po(file, locale=language) if message.id]
        missing = sum(not (all(m.string) if isinstance(m.string, tuple) else m.string) for m in messages)
        sys.stdout.write(f"{path}: {len(messages)} sentences, {missing} without a translation\n")


def _messages() -> Iterator[tuple[str, str | tuple[str, ...], list[str]]]:
    for path in sorted(TEMPLATES_DIR.rglob("*.html")):
        yield from _extract("jinja2", path, f"templates/{path.relative_to(TEMPLATES_DIR).as_posix()}")
    for path in sorted(_CODE_DIR.rglob("*.py")):
        if not path.is_relative_to(_CLIENT_DIR):
            yield from _extract("python", path, f"arena/{path.relative_to(_CODE_DIR).as_posix()}")
    for error in _tree(ArenaError):
        yield error.__module__.replace(".", "/") + ".py", error.sentence, []
    for sentence in SENTENCES.values():
        yield "challenges/errors.py", sentence, []
    for phrase in Phrase:
        yield "challenges/phrases.py", phrase.value, []
    for thing in THINGS:
        yield "arena/problems.py", thing, []


def _extract(method: str, path: Path, name: str) -> Iterator[tuple[str, str | tuple[str, ...], list[str]]]:
    with path.open("rb") as file:
        function = "jinja2.ext:babel_extract" if method == "jinja2" else method
        for _line, message, comments, _context in extract(function, file, _KEYWORDS, options=_JINJA_OPTIONS):
            yield name, message, comments


def _tree(root: type[ArenaError]) -> Iterator[type[ArenaError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


if __name__ == "__main__":
    main()
