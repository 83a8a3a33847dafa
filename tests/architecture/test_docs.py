"""The documentation says what the code does: generated tables are current, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from challenges.catalogue import find_packages
from tests import challenge_table, docs
from tests.bench import prepare

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(path for folder in (".", "docs", "deploy", "challenges") for path in (ROOT / folder).glob("*.md"))


def test_the_reference_is_current():
    assert docs.REFERENCE.read_text(encoding="utf-8") == docs.compose(), "run `make docs`"


def test_the_table_of_challenges_is_current():
    assert challenge_table.PAGE.read_text(encoding="utf-8") == challenge_table.compose(), "run `make docs`"


def test_a_challenge_that_was_not_measured_shows_a_dash():
    text = challenge_table.compose()
    lines = {line.split("](../challenges/")[1].partition("/")[0]: line for line in text.splitlines() if "](.." in line}
    assert list(lines) == list(find_packages(ROOT / "challenges"))
    measured = prepare.load_current()
    assert measured
    assert {slug for slug, line in lines.items() if line.endswith("| – | – |")} == set(lines) - set(measured)


def test_all_data_together_is_made_within_three_minutes_and_two_hundred_megabytes():
    assert all(row["reached"] for row in prepare.sums(prepare.load_current()))
    assert not any(row["reached"] for row in prepare.sums({"large": prepare.Measured(1, 181.0, 201.0)}))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_relative_links_resolve(document: Path):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (document.parent / target).exists(), target
