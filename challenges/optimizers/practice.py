"""Scores your optimiser on problems like the hidden ones, drawn anew for each seed, and your tensor on 40 expressions.

    python practice.py solution.py
    python practice.py solution.py --seed 7 --problems 12

Score and step limit are those of the server. It needs landscapes.py, harness.py and expressions.json beside it; an
autograd.py beside your solution is tried as well.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HERE = Path(__file__).parent
TOLERANCE = 1e-6


def minimise(make: Any, family: str, problems: dict[str, Floats]) -> Floats:
    """Losses above the least one after each step, shape (problems, steps + 1)."""
    landscapes, harness = import_module("landscapes"), import_module("harness")
    x = problems["start"].copy()
    optimizers = [make(x.shape[1], landscapes.BUDGET, seed) for seed in range(len(x))]
    remainders = []
    for step in range(landscapes.BUDGET + 1):
        with np.errstate(all="ignore"):  # far out, losses may overflow
            losses, gradients = landscapes.FAMILIES[family].evaluate(x, problems)
        remainders.append(losses - problems["least"])
        if step < landscapes.BUDGET:
            pairs = zip(optimizers, x, gradients, losses.tolist(), strict=True)
            x = np.stack([harness.advance(*pair) for pair in pairs])
    return np.stack(remainders, axis=1)


def score_families(make: Any, seed: int, count: int) -> dict[str, float]:
    """Mean score of each family, from -1 to 8."""
    landscapes = import_module("landscapes")
    rng = np.random.default_rng(seed)
    scores = {}
    for family in landscapes.FAMILIES:
        remainders = minimise(make, family, landscapes.draw_problems(family, count, rng))
        scores[family] = float(landscapes.measure_reduction(remainders[:, -1], remainders[:, 0]).mean())
    return scores


def passes(make: Any, expression: dict[str, Any]) -> bool:
    """Whether the gradients of one expression are right; what is wrong is told."""
    leaves, expected = ([np.array(x) for x in expression[name]] for name in ("leaves", "gradients"))
    try:
        found = import_module("harness").differentiate(make, leaves, expression["steps"])
    except Exception as error:  # noqa: BLE001 - whatever a tensor does not know ends here
        print(f"  {expression['steps']}: {type(error).__name__}: {error}")
        return False
    pairs = zip(found, expected, strict=True)
    wrong = [place for place, (x, y) in enumerate(pairs) if not np.linalg.norm(x - y) <= TOLERANCE * np.linalg.norm(y)]
    if wrong:
        print(f"  {expression['steps']}: wrong gradients of leaves {wrong}")
    return not wrong


def main(solution: Path, seed: int, count: int) -> None:
    """Print the scores.

    Args:
        solution: The file with `Optimizer`.
        seed: Of the problems.
        count: Problems of each family.
    """
    sys.path[:0] = [str(HERE), str(solution.resolve().parent)]
    make, started = import_module(solution.stem).Optimizer, time.process_time()
    scores = score_families(make, seed, count)
    taken = time.process_time() - started
    for family, score in scores.items():
        print(f"{family:12} {score:6.3f}")
    print(f"{'score':12} {np.mean(list(scores.values())):6.3f}")
    steps = len(scores) * count * import_module("landscapes").BUDGET
    print(f"{'time':12} {1000 * taken / steps:6.3f} ms of processor time for one step, the problem's share included")
    if (solution.resolve().parent / "autograd.py").exists():
        make = import_module("autograd").Tensor
        expressions = json.loads((HERE / "expressions.json").read_text(encoding="utf-8"))
        passed = sum(passes(make, expression) for expression in expressions)
        print(f"{'autograd':12} {passed} of {len(expressions)} expressions")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("solution", type=Path, help="the file with your Optimizer")
    parser.add_argument("--seed", type=int, default=0, help="other problems for each")
    parser.add_argument("--problems", type=int, default=6, help="problems of each family")
    given = parser.parse_args()
    main(given.solution, given.seed, given.problems)
