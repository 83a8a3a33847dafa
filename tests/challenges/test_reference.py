"""The tables of challenges/README.md say what the dataclasses say."""

from __future__ import annotations

import ast
from pathlib import Path

from challenges import manifest
from tests import manifest_table


def test_the_tables_are_current():
    text = manifest_table.README.read_text(encoding="utf-8")
    assert manifest_table.insert(text) == text, "run `make docs`"


def test_every_dataclass_has_a_table_and_every_field_a_sentence():
    assert set(manifest_table.TABLES) == manifest_table.described()
    tree = ast.parse(Path(manifest.__file__).read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in manifest_table.TABLES:
            for name, _, _, sentence in manifest_table.field_rows(node):
                assert sentence.endswith("."), f"{node.name}.{name}"
