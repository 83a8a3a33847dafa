"""The laws of `solution.py`: script and notebook are one, the cells run in order, a score is told."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from challenges.catalogue import NOTEBOOK_FILE, SOLUTION_FILE, Package, find_packages
from challenges.manifest import Baseline, Direction
from tests.challenges.workshop import CHALLENGES, Prepared, Workshop
from tests.factories import thresholds_of

PACKAGES = find_packages(CHALLENGES)
SOLVED = {slug: package for slug, package in PACKAGES.items() if (package.folder / SOLUTION_FILE).is_file()}
STEPS = 20
MOST_CELL_LINES = 60
"""A cell is read in one look."""
RUN_CELLS = """
import json, sys
notebook, sys.argv = sys.argv[1], ["ipykernel_launcher.py", "-f", "kernel.json", *sys.argv[2:]]
space = {"__name__": "__main__", "__doc__": "Automatically created module for IPython interactive environment"}
cells = json.load(open(notebook, encoding="utf-8"))["cells"]
for number, cell in enumerate(cells):
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), f"cell {number}", "exec", dont_inherit=True), space)
"""
"""Runs the cells of a notebook in order, in one namespace, with the arguments that a kernel is started with."""


def solutions_of(package: Package) -> list[Baseline]:
    return [baseline for baseline in package.manifest.baselines if baseline.is_solution]


@pytest.fixture(params=SOLVED)
def solved(request: pytest.FixtureRequest, workshop: Workshop) -> Prepared:
    """Each challenge with a solution."""
    return workshop.prepare(request.param)


def test_each_kind_of_network_has_a_solution():
    tags = {tag for package in SOLVED.values() for tag in package.manifest.tags}
    assert {"convolution", "recurrent networks", "attention"} <= tags


@pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
def test_a_solution_tells_a_score_that_is_good(package: Package):
    told = solutions_of(package)
    assert len(told) == (package.slug in SOLVED)
    for baseline in told:
        sign = 1 if package.manifest.metric.direction is Direction.MAX else -1
        script = next(known for known in package.manifest.baselines if known.is_script)
        assert sign * baseline.score >= sign * thresholds_of(package.manifest).good
        assert sign * baseline.score > sign * script.score
        assert SOLUTION_FILE in baseline.name.en
        assert SOLUTION_FILE in baseline.name.zh


def test_script_and_notebook_are_one(solved: Prepared):
    script = (solved.public / SOLUTION_FILE).read_text(encoding="utf-8")
    assert script == (solved.package.folder / SOLUTION_FILE).read_text(encoding="utf-8")
    text = (solved.public / NOTEBOOK_FILE).read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook, relax_add_props=False)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    statements = ast.parse(script).body
    assert [ast.dump(node) for node in ast.parse(code).body] == [ast.dump(node) for node in statements[1:]]


def test_a_learner_has_all_that_a_solution_imports(solved: Prepared):
    nodes = list(ast.walk(ast.parse((solved.public / SOLUTION_FILE).read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    learners = {"numpy", "PIL", "polars", "sklearn", "torch", "onnx"}
    assert {name.partition(".")[0] for name in names} <= learners | sys.stdlib_module_names


def test_a_notebook_explains_each_step(solved: Prepared):
    cells = json.loads((solved.public / NOTEBOOK_FILE).read_text(encoding="utf-8"))["cells"]
    kinds = [cell["cell_type"] for cell in cells]
    assert kinds[0] == "markdown"
    assert kinds.count("markdown") > kinds.count("code") / 2
    assert all(len(cell["source"]) <= MOST_CELL_LINES for cell in cells)


def test_the_cells_run_in_order_beside_the_data_and_what_they_write_is_scored(solved: Prepared, tmp_path: Path):
    for path in solved.public.iterdir():
        (tmp_path / path.name).symlink_to(path)
    out = tmp_path / f"mine{solved.suffix}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_CELLS, NOTEBOOK_FILE, "--steps", str(STEPS), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert f"step {STEPS} of {STEPS}" in done.stdout
    verdict = solved.grade(out)
    assert verdict.public is not None, verdict.faults
