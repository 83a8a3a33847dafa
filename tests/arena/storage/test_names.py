"""File names from strangers become one harmless step of a path, and stay recognisable."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arena.storage import LONGEST_NAME_BYTES, clean_name

HOSTILE = [
    ("../../etc/passwd", "passwd"),
    ("..\\..\\windows\\system32\\config", "config"),
    ("C:\\Users\\me\\mine.csv", "mine.csv"),
    ("/etc/shadow", "shadow"),
    ("..", "submission"),
    (".", "submission"),
    ("...", "submission"),
    ("", "submission"),
    ("   ", "submission"),
    ("///", "submission"),
    (".htaccess", "htaccess"),
    ("a\0b.csv", "ab.csv"),
    ("a\r\nSet-Cookie: x=1.csv", "aSet-Cookie_ x_1.csv"),
    ("mine.csv#1", "mine.csv_1"),
    ("%2e%2e%2fmine.csv", "_2e_2e_2fmine.csv"),
    ("a;rm -rf $HOME`x`.csv", "a_rm -rf _HOME_x_.csv"),
    ('say "hi".csv', "say _hi_.csv"),
    ("evil\u202efdp.csv", "evilfdp.csv"),
    ("half\ud800.csv", "half.csv"),
]


@pytest.mark.parametrize(("name", "clean"), HOSTILE)
def test_a_hostile_name_is_made_harmless(name: str, clean: str):
    assert clean_name(name) == clean


@pytest.mark.parametrize(
    "name", ["mine.csv", "预测结果.parquet", "prédictions (2).csv", "résumé.jsonl", "a b.npz", "ответ.csv"]
)
def test_an_honest_name_is_kept(name: str):
    assert clean_name(name) == name


def test_one_name_has_one_form():
    assert clean_name("re\u0301sume\u0301.csv") == "résumé.csv"


def test_a_long_name_keeps_its_suffix():
    clean = clean_name("预" * 300 + ".parquet")
    assert clean.endswith("预.parquet")
    assert len(clean.encode()) <= LONGEST_NAME_BYTES
    assert len(clean_name("x" * 300)) == LONGEST_NAME_BYTES
    assert len(clean_name("x." + "y" * 300).encode()) <= LONGEST_NAME_BYTES


@given(st.text())
def test_every_name_is_one_plain_step(name: str):
    clean = clean_name(name)
    assert clean
    assert clean == Path(clean).name == clean_name(clean)
    assert clean not in (".", "..")
    assert len(clean.encode()) <= LONGEST_NAME_BYTES
    assert clean.isprintable()
