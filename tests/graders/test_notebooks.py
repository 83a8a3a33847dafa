"""Scripts in cells become notebooks: the same code, in the format that Jupyter reads."""

from __future__ import annotations

import doctest
import json

import nbformat
import pytest

from graders import notebooks
from graders.notebooks import BrokenScript, make_notebook, split_cells

SCRIPT = '''"""Counts.

    python solution.py
"""

# %% [markdown]
# ## First
#
# - *one*
#   - two


# %%
def count() -> int:
    """One more."""

    # a comment of the code
    return 1 + 1


# %%

# %% [markdown]
#Tight.
# %%
print(count())
'''


def test_the_example_of_the_documentation_runs():
    assert doctest.testmod(notebooks, raise_on_error=True).attempted > 0


def test_a_notebook_is_what_jupyter_reads():
    notebook = nbformat.reads(make_notebook(SCRIPT), as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook, relax_add_props=False)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert make_notebook(SCRIPT) == make_notebook(SCRIPT)


def test_cells_hold_the_lines_of_the_script():
    cells = json.loads(make_notebook(SCRIPT))["cells"]
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in cells] == [
        ("markdown", "Counts.\n\n    python solution.py"),
        ("markdown", "## First\n\n- *one*\n  - two"),
        ("code", 'def count() -> int:\n    """One more."""\n\n    # a comment of the code\n    return 1 + 1'),
        ("markdown", "Tight."),
        ("code", "print(count())"),
    ]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("# %%\nprint(1)\n", "no docstring"),
        ('"""A."""\n\nimport os\n\n# %%\nprint(1)\n', "line 3 stands in no cell"),
        ('"""A."""\n\n# %% [markdown]\n# Text\nprint(1)\n', "line 5 is code in a Markdown cell"),
        ('"""A."""\n\n# %%\nprint(\n', "line 4: '[(]' was never closed"),
    ],
)
def test_a_script_that_is_not_in_cells_is_refused(script: str, problem: str):
    with pytest.raises(BrokenScript, match=problem):
        split_cells(script)
