"""Steps a participant's optimiser through landscapes; losses are computed here, the program only says where it goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from challenges._generators.grading import Graded, Hidden, Side, grade_mean
from challenges._generators.landscapes import BUDGET, FAMILIES, LOWEST, Parameters, draw_problems, measure_reduction
from challenges._generators.programs import Dialogue, Message, Program, ProgramFailed, take

Floats = NDArray[np.float64]
Look = tuple[Floats, Floats, Floats]
"""Of each problem: the loss above its least value, and the loss and the gradient that the program is told."""

DIRECTION, BEST = "max", 8.0
TRIAL_PROBLEMS, TRIAL_STEPS = 2, 20
TRIAL_EXPRESSION = {"steps": [["mul", 0, 1], ["sum", 2]]}
TOLERANCE = 1e-6
"""Relative error of a gradient that still passes."""
SHOWN_EVERY = 3
"""Steps between two points of a curve."""
NAMES = {
    "quadratic": {"en": "quadratic", "zh": "二次函数"},
    "rosenbrock": {"en": "Rosenbrock", "zh": "Rosenbrock"},
    "logistic": {"en": "logistic", "zh": "逻辑回归"},
    "network": {"en": "network", "zh": "网络"},
}
"""Families that are named; one more is met on the private side."""


def try_out(program: Program) -> None:
    """Take a few steps on a bowl that everybody can draw, and differentiate one product.

    Raises:
        ProgramFailed: It did not come through; on this side of the hidden problems the harness tells errors.
    """
    problems = draw_problems("quadratic", TRIAL_PROBLEMS, np.random.default_rng(0))
    problems["seed"] = np.arange(TRIAL_PROBLEMS)
    told = {"is_tried_out": True}
    program.talk(descend("quadratic", problems, TRIAL_STEPS), TRIAL_STEPS, told | {"part": "optimise"})
    leaves = {"leaf_0": np.ones((2, 2)), "leaf_1": np.full((2, 2), 3.0)}
    program.talk(ask([Message(TRIAL_EXPRESSION, leaves)]), 1, told | {"part": "derive"})


def grade(program: Program, hidden: Hidden, side: Side) -> Graded:
    """Mean over the side's problems of the orders of magnitude by which the loss fell.

    Args:
        program: Talked with once for each family, and once for the expressions.
        hidden: Problems of each side as `FAMILY_SIDE`, and its `expressions_SIDE`; `answers` with `family` and `place`,
            where a problem stands among those of its family and side.
        side: The problems to score.
    """
    families, places = (hidden["answers"][name][side.rows] for name in ("family", "place"))
    remainders = {
        name: run_family(program, name, hidden[f"{name}_{side.name}"]) for name in sorted(set(families.tolist()))
    }
    reductions = {name: measure_reduction(found, found[:, :1]) for name, found in remainders.items()}
    curves = np.stack([reductions[name][place] for name, place in zip(families, places.astype(int), strict=True)])
    passed = pass_expressions(program, hidden[f"expressions_{side.name}"])
    secondary = {name: float(reductions[name][:, -1].mean()) for name in NAMES}
    secondary |= {"along": float(curves[:, 1:].mean()), "autograd": float(np.mean(passed)) if passed else np.nan}
    shown = show(remainders, hidden[f"expressions_{side.name}"], passed) if side.is_public else {}
    return grade_mean(curves[:, -1], secondary=secondary, shown=shown)


def run_family(program: Program, name: str, problems: Parameters) -> Floats:
    """Losses above the least one after each step, shape (problems, steps + 1); NaN from where a program failed."""
    try:
        return program.talk(descend(name, problems, BUDGET), BUDGET, {"part": "optimise", "is_tried_out": False})
    except ProgramFailed:
        remainders = np.full((len(problems["start"]), BUDGET + 1), np.nan)
        remainders[:, 0] = find_look(name, problems)(problems["start"], 0)[0]
        return remainders


def descend(name: str, problems: Parameters, steps: int) -> Dialogue[Floats]:
    """Tell losses and gradients of all problems of a family at once, and go where the program says.

    Returns:
        Losses above the least one, shape (problems, steps + 1); NaN from where a point was not finite.
    """
    look = find_look(name, problems)
    x = problems["start"].copy()
    is_alive = np.ones(len(x), dtype=bool)
    remainders = np.full((len(x), steps + 1), np.nan)
    for step in range(steps + 1):
        with np.errstate(all="ignore"):  # far out, losses may overflow
            remainder, loss, gradient = look(x, min(step, steps - 1))
        remainders[is_alive, step] = np.where(np.isfinite(remainder), remainder, np.inf)[is_alive]
        if step == steps:
            break
        note = {} if step else {"budget": steps, "seeds": problems["seed"].tolist()}
        reply = yield Message(note, {"loss": loss, "gradient": gradient} | ({} if step else {"x": x}))
        answered = take(reply, "x", x.shape)
        is_alive &= np.isfinite(answered).all(1)
        x = np.where(is_alive[:, None], answered, problems["start"])
    return remainders


def find_look(name: str, problems: Parameters) -> Callable[[Floats, int], Look]:
    """What can be known of a family's problems at a point and a step."""
    if name in FAMILIES:

        def look(x: Floats, step: int) -> Look:  # noqa: ARG001 - the same at every step
            losses, gradients = FAMILIES[name].evaluate(x, problems)
            return losses - problems["least"], losses, gradients

        return look
    return lambda x, step: look_at_batch(x, problems, step)


def look_at_batch(x: Floats, problems: Parameters, step: int) -> Look:
    """Least squares of which only a few rows are told, others at every step."""
    inputs, batch = problems["inputs"], problems["batches"][:, step]
    errors = (inputs @ x[..., None])[..., 0] - problems["targets"]
    some = np.take_along_axis(errors, batch, axis=1)
    rows = np.take_along_axis(inputs, batch[..., None], axis=1)
    gradients = (rows * some[..., None]).mean(1)
    return (errors**2).mean(1) / 2 - problems["least"], (some**2).mean(1) / 2, gradients


def pass_expressions(program: Program, expressions: dict[str, NDArray[Any]]) -> list[bool]:
    """Which expressions are differentiated as PyTorch does it; empty where no tensor was sent."""
    messages = [
        Message({"steps": json.loads(steps)}, take_leaves(expressions, "leaf", place))
        for place, steps in enumerate(expressions["steps"].tolist())
    ]
    told = {"part": "derive", "is_tried_out": False}
    try:
        replies = program.talk(ask(messages), len(messages), told)
    except ProgramFailed:
        return [False] * len(messages)
    if replies is None:
        return []
    return [agrees(reply.arrays, take_leaves(expressions, "gradient", place)) for place, reply in enumerate(replies)]


def take_leaves(expressions: dict[str, NDArray[Any]], what: str, place: int) -> dict[str, Floats]:
    """Values of one expression's leaves, or gradients with respect to them, under the names that they travel under."""
    start = f"{what}_{place}_"
    return {f"leaf_{name.removeprefix(start)}": x for name, x in expressions.items() if name.startswith(start)}


def ask(messages: Sequence[Message]) -> Dialogue[list[Message] | None]:
    """Tell one expression after the other; None where there is no autograd.py."""
    replies: list[Message] = []
    for message in messages:
        reply = yield message
        if reply.note.get("has_module") is not True:
            if replies:  # it was there a moment ago
                raise ProgramFailed("misbehaved")
            return None
        replies.append(reply)
    return replies


def agrees(found: dict[str, Floats], expected: dict[str, Floats]) -> bool:
    """Whether each gradient is within the tolerance of its norm."""
    for name, gradient in expected.items():
        mine = found.get(name)
        if mine is None or mine.shape != gradient.shape or mine.dtype != np.float64:
            return False
        with np.errstate(all="ignore"):
            error = np.linalg.norm(mine - gradient)
        if not error <= TOLERANCE * np.linalg.norm(gradient):  # not with NaN
            return False
    return True


def show(remainders: dict[str, Floats], expressions: dict[str, NDArray[Any]], passed: list[bool]) -> dict[str, Any]:
    """Curves of each family, what became of each problem, and which operations the tensor knows."""
    told: dict[str, Any] = {
        name: {
            "x_label": {"en": "steps", "zh": "步数"},
            "y_label": {"en": "log10 of the loss, 0 at the start", "zh": "损失的 log10，起点为 0"},
            "lines": [
                {"name": str(number), "points": draw_curve(measure_reduction(line, line[:1]))}
                for number, line in enumerate(remainders[name], 1)
            ],
        }
        for name in NAMES
    }
    told["problems"] = {
        "label": {"en": "orders of magnitude", "zh": "下降的数量级"},
        "rows": [name_problem(name, number, line) for name in NAMES for number, line in enumerate(remainders[name], 1)],
    }
    told["operations"] = {
        "label": {"en": "share of the expressions with this operation that pass", "zh": "含有该运算的表达式的通过率"},
        "rows": count_operations([json.loads(steps) for steps in expressions["steps"].tolist()], passed),
    }
    return told


def draw_curve(reduction: Floats) -> list[tuple[int, float]]:
    """Points of a curve, with two digits."""
    return [(step, -round(float(reduction[step]), 2)) for step in range(0, len(reduction), SHOWN_EVERY)]


def name_problem(family: str, number: int, line: Floats) -> dict[str, Any]:
    """A problem's own score, and in its name what went wrong."""
    score = float(measure_reduction(line[-1:], line[:1])[0])
    name = {language: f"{word} {number}" for language, word in NAMES[family].items()}
    if np.isnan(line[-1]):
        name = {"en": f"{name['en']} (no answer)", "zh": f"{name['zh']}（没有回答）"}
    elif score <= LOWEST:
        name = {"en": f"{name['en']} (diverged)", "zh": f"{name['zh']}（发散）"}
    return {"name": name, "value": score}


def count_operations(programs: list[list[list[Any]]], passed: list[bool]) -> list[dict[str, Any]]:
    """How many of the expressions that hold an operation pass, for each operation."""
    rows = []
    for operation in sorted({step[0] for steps in programs for step in steps}):
        found = [good for steps, good in zip(programs, passed, strict=False) if operation in {s[0] for s in steps}]
        if found:
            rows.append({"name": operation, "value": float(np.mean(found))})
    return rows
