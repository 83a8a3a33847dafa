"""A script whose cells are marked by comments (`# %%`), as a Jupyter notebook.

Only one of the two is written by hand, so that they never differ. The format is nbformat 4.5, and one script makes the
same bytes each time.
"""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from typing import Any

MARKDOWN, CODE = "markdown", "code"
MARKS = {"# %%": CODE, "# %% [markdown]": MARKDOWN}
"""Lines that begin a cell, and its kind."""
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class BrokenScript(Exception):
    """The script is not divided into cells as a notebook needs it."""


@dataclass
class Cell:
    """A piece of the script."""

    kind: str
    """`markdown` or `code`."""
    lines: list[str]


def make_notebook(script: str) -> str:
    r"""Turn a script in percent format into a notebook without outputs.

    Args:
        script: A docstring, which becomes the first cell; then cells, each begun by a line `# %%` (code) or
            `# %% [markdown]` (comments, whose marks are taken away).

    Returns:
        The JSON text of the notebook.

    Raises:
        BrokenScript: It has no docstring, code stands outside of the cells, or a line in a Markdown cell is no comment.

    >>> import json
    >>> script = "'Adds.'\n\n# %% [markdown]\n# *Both*\n\n# %%\nprint(1 + 1)\n"
    >>> notebook = json.loads(make_notebook(script))
    >>> [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    [('markdown', 'Adds.'), ('markdown', '*Both*'), ('code', 'print(1 + 1)')]
    """
    cells = [_describe(number, cell) for number, cell in enumerate(split_cells(script))]
    notebook = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def split_cells(script: str) -> list[Cell]:
    """The docstring and the cells of a script, without those that are empty.

    Raises:
        BrokenScript: As for `make_notebook`.
    """
    try:
        tree = ast.parse(script)
    except SyntaxError as error:
        raise BrokenScript(f"line {error.lineno}: {error.msg}") from error
    document = ast.get_docstring(tree, clean=False)
    if document is None:
        raise BrokenScript("the script has no docstring, which is the first cell of the notebook")
    cells = [Cell(MARKDOWN, document.splitlines())]
    start = tree.body[0].end_lineno or 0
    for number, line in enumerate(script.splitlines()[start:], start + 1):
        if line.rstrip() in MARKS:
            cells.append(Cell(MARKS[line.rstrip()], []))
        elif line.strip() and len(cells) == 1:
            raise BrokenScript(f"line {number} stands in no cell; a line `# %%` begins one")
        elif cells[-1].kind == CODE:
            cells[-1].lines.append(line)
        elif line.strip():
            if not line.startswith("#"):
                raise BrokenScript(f"line {number} is code in a Markdown cell; a line `# %%` begins a cell of code")
            cells[-1].lines.append(line.removeprefix("#").removeprefix(" "))
    return [cell for cell in map(_stripped, cells) if cell.lines]


def _stripped(cell: Cell) -> Cell:
    """The cell without empty lines at its ends."""
    full = [number for number, line in enumerate(cell.lines) if line.strip()]
    return Cell(cell.kind, cell.lines[full[0] : full[-1] + 1] if full else [])


def _describe(number: int, cell: Cell) -> dict[str, Any]:
    source = [f"{line}\n" for line in cell.lines[:-1]] + cell.lines[-1:]
    told: dict[str, Any] = {"cell_type": cell.kind, "id": f"cell-{number}", "metadata": {}, "source": source}
    return told | {"execution_count": None, "outputs": []} if cell.kind == CODE else told
