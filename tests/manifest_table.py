"""Writes the tables of manifest fields into `challenges/README.md`, from the dataclasses and their sentences.

`make docs` runs it; `tests/challenges/test_reference.py` fails while the file on disk says something else.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from challenges import artefacts, manifest, model, programs, texts

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "challenges" / "README.md"
MODULES = (manifest, model, artefacts, programs, texts)
"""Where the dataclasses of a manifest are."""
START, END = "<!-- fields: written by `make docs` -->", "<!-- end of fields -->"
TABLES = {
    "Manifest": "top level",
    "Text": "any text: `{ en = …, zh = … }`",
    "Metric": "`[metric]`, `[[secondary]]`",
    "Table": "`[submission]`",
    "Column": "`[[submission.columns]]`",
    "Split": "`[split]`",
    "Thresholds": "`[thresholds]`",
    "SecondaryThresholds": "`[thresholds.secondary.NAME]`",
    "Limits": "`[limits]`",
    "Baseline": "`[[baselines]]`",
    "ModelSpec": "`[model]`",
    "Tensor": "`[[model.inputs]]`, `[model.output]`",
    "Caps": "`[model.caps]`",
    "Artefacts": "`[artefacts]`",
    "ArraySpec": "`[[artefacts.arrays]]`",
    "FileSpec": "`[[artefacts.files]]`",
    "ProgramSpec": "`[program]`",
    "ProgramFile": "`[[program.files]]`",
    "Diagnostic": "`[[diagnostics]]`",
    "Source": "`[sources.NAME]`",
    "SourceFile": "`[[sources.NAME.files]]`",
}
"""Dataclass → where it stands in challenge.toml, in the order to explain them."""


def field_rows(cls: ast.ClassDef) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, default and sentence of each field of a dataclass."""
    for number, node in enumerate(cls.body):
        if not isinstance(node, ast.AnnAssign):
            continue
        after = cls.body[number + 1] if number + 1 < len(cls.body) else None
        is_sentence = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        sentence = str(after.value.value) if is_sentence else ""  # type: ignore[union-attr]
        yield f"`{ast.unparse(node.target)}`", f"`{ast.unparse(node.annotation)}`", show_default(node.value), sentence


def show_default(value: ast.expr | None) -> str:
    """A default as it would stand in TOML; empty for a required field."""
    if value is None:
        return "required"
    if isinstance(value, ast.Call):
        factory = value.keywords[0].value
        value = factory.body if isinstance(factory, ast.Lambda) else ast.List(elts=[])
    text = ast.unparse(value)
    return {"None": "none", "''": "empty", "[]": "none", "False": "`false`", "True": "`true`"}.get(text, f"`{text}`")


def compose() -> str:
    """All tables, as Markdown."""
    trees = [ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")) for module in MODULES]
    classes = {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    parts = []
    for name, place in TABLES.items():
        lines = ["| field | type | default | meaning |", "|---|---|---|---|"]
        lines += [join_cells(row) for row in field_rows(classes[name])]
        document = (ast.get_docstring(classes[name]) or "").splitlines()[0]
        parts += [f"### {place}", document, "\n".join(lines)]
    return "\n\n".join(parts)


def join_cells(row: tuple[str, ...]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |"


def described() -> set[str]:
    """Dataclasses of a manifest, all of which need a table."""
    return {name for module in MODULES for name, value in vars(module).items() if dataclasses.is_dataclass(value)}


def insert(text: str) -> str:
    """The README with the tables between its two marks."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{compose()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(insert(README.read_text(encoding="utf-8")), encoding="utf-8")
