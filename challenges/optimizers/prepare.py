"""Makes the data of optimizers: problems of two sides, expressions with their gradients, and what to practise with."""

from __future__ import annotations

import json
import runpy
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from challenges._generators import landscapes
from challenges._generators.expressions import Expression, draw_expressions
from challenges._generators.keys import Keys
from challenges._generators.landscapes import BUDGET, FAMILIES, Floats, Parameters, draw_problems
from challenges._generators.pictures import save_sheet, shade

PROBLEMS = {"public": 6, "private": 12}
"""Of each family."""
NOISY = "noisy"
"""The family that is met on the private side only."""
ROWS, BATCH, DIMENSIONS = 256, 16, 20
"""Of the noisy problems."""
EXPRESSIONS = 40
"""On each side, and to practise on."""
SAMPLE = '''"""Plain gradient descent with very small steps."""


class Optimizer:
    def __init__(self, dim, budget, seed):
        self.length = 0.003

    def step(self, x, grad, loss):
        return x - self.length * grad
'''
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
PIXELS, BANDS, MARGIN, PAPER = 80, 14, 2, 250
PLANES = {"quadratic": (0, 1, 3.0), "rosenbrock": (-2, -1, 2.0), "logistic": (24, -1, 3.0), "network": (0, 80, 6.0)}
"""Two coordinates that the preview moves, and how far."""


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:  # noqa: ARG001
    """Write what one practises with into `public`, problems and expressions into `hidden`.

    Args:
        raw: Unused: there is nothing to download.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`.
    """
    folder = Path(__file__).parent
    apply = runpy.run_path(str(folder / "harness.py"))["apply"]
    items = []
    for side, count in PROBLEMS.items():
        for name in (*FAMILIES, NOISY) if side == "private" else FAMILIES:
            np.savez(hidden / f"{name}_{side}.npz", **draw(name, side, count, keys))  # type: ignore[arg-type]
            items += [(name, place, side) for place in range(count)]
        expressions = draw_expressions(EXPRESSIONS, apply, keys.rng(f"{side}/expressions"))
        np.savez(hidden / f"expressions_{side}.npz", **pack(expressions))  # type: ignore[arg-type]
    ids = pl.Series("id", keys.ids(len(items)))
    table = pl.DataFrame(items, schema=["family", "place", "side"], orient="row").insert_column(0, ids)
    table.sort("id").write_parquet(hidden / "answers.parquet")
    for path in (folder / "harness.py", folder / "practice.py", Path(landscapes.__file__)):
        shutil.copyfile(path, public / path.name)
    practice = draw_expressions(EXPRESSIONS, apply, keys.rng("practice/expressions"))
    (public / "expressions.json").write_text(json.dumps([tell(one) for one in practice], indent=1), encoding="utf-8")
    with zipfile.ZipFile(public / "sample_submission.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("solution.py", ZIP_TIME), SAMPLE)
    images = [draw_landscape(name, keys.rng(f"preview/{name}")) for name in FAMILIES]
    save_sheet(public / "preview.png", np.stack(images), columns=len(images), enlarge=2)


def draw(name: str, side: str, count: int, keys: Keys) -> Parameters:
    """Problems of one family and side, and a seed for the optimiser of each."""
    rng = keys.rng(f"{side}/{name}")
    problems = draw_noisy(count, rng) if name == NOISY else draw_problems(name, count, rng)
    return problems | {"seed": keys.rng(f"{side}/{name}/seeds").integers(1 << 31, size=count)}


def draw_noisy(count: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Least squares with noise in the targets, of which each step tells a few rows."""
    inputs = rng.normal(size=(count, ROWS, DIMENSIONS)) * np.logspace(0, -0.5, DIMENSIONS)
    targets = (inputs @ rng.normal(size=(count, DIMENSIONS, 1)))[..., 0] + rng.normal(0, 0.5, (count, ROWS))
    best = np.stack([np.linalg.lstsq(a, b)[0] for a, b in zip(inputs, targets, strict=True)])
    errors = (inputs @ best[..., None])[..., 0] - targets
    return {
        "start": np.zeros((count, DIMENSIONS)),
        "least": (errors**2).mean(1) / 2,
        "inputs": inputs,
        "targets": targets,
        "batches": rng.integers(ROWS, size=(count, BUDGET, BATCH)),
    }


def pack(expressions: list[Expression]) -> dict[str, NDArray[Any]]:
    """Expressions as arrays: all steps as JSON, and `leaf_PLACE_NUMBER` and `gradient_PLACE_NUMBER`."""
    arrays: dict[str, NDArray[Any]] = {"steps": np.array([json.dumps(one.steps) for one in expressions])}
    for place, one in enumerate(expressions):
        for what, values in (("leaf", one.leaves), ("gradient", one.gradients)):
            arrays |= {f"{what}_{place}_{number}": value for number, value in enumerate(values)}
    return arrays


def tell(expression: Expression) -> dict[str, Any]:
    """An expression as it is published."""
    return {
        "steps": expression.steps,
        "leaves": [leaf.tolist() for leaf in expression.leaves],
        "gradients": [gradient.tolist() for gradient in expression.gradients],
    }


def draw_landscape(name: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A plane through one problem, in bands of equal loss, low ones blue and high ones orange; with a margin."""
    problem = draw_problems(name, 1, rng)
    middle: Floats = problem.get("middle", problem["start"])
    if name == "rosenbrock":
        middle = problem["shift"] + 1
        middle[0, -2] -= 1  # the bend of the valley
    first, second, reach = PLANES[name]
    across, down = np.meshgrid(np.linspace(-reach, reach, PIXELS), np.linspace(reach, -reach, PIXELS))
    points = np.repeat(middle, PIXELS**2, axis=0)
    points[:, first] += across.ravel()
    points[:, second] += down.ravel()
    losses = FAMILIES[name].evaluate(points, problem)[0]
    bands = np.argsort(np.argsort(losses)) * BANDS // len(losses)
    colours = shade(np.arange(BANDS))[bands].reshape(PIXELS, PIXELS, 3)
    return np.pad(colours, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), constant_values=PAPER)
