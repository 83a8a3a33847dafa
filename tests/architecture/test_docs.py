"""The documentation says what the code does: generated tables are current, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import docs

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path for folder in (".", "docs", "deploy", "challenges") for path in (ROOT / folder).glob("*.md"))


def test_the_reference_is_current():
    assert docs.REFERENCE.read_text(encoding="utf-8") == docs.compose(), "run `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_relative_links_resolve(document: Path):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (document.parent / target).exists(), target
