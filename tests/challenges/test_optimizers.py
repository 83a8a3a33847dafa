"""optimizers: landscapes and expressions are right, and whatever a program does, the grader computes its score."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.optimize import approx_fprime, minimize  # type: ignore[import-untyped]

from challenges._generators.expressions import LEVELS, draw_expressions
from challenges._generators.landscapes import BUDGET, FAMILIES, Parameters, draw_problems, measure_reduction
from challenges.errors import Reason
from challenges.manifest import Limits
from challenges.messages import Outcome
from challenges.programs import ProgramSpec
from graders.programs.talking import Talking
from tests.challenges import strong_optimizer
from tests.challenges.workshop import CHALLENGES, Prepared, Workshop, load_script
from tests.factories import thresholds_of
from tests.sandboxing import shared_sandbox

FOLDER = CHALLENGES / "optimizers"
GRADE, HARNESS = (load_script(FOLDER, name) for name in ("grade", "harness"))
HEAD = "import gc, os, sys, time\nimport numpy as np\n\nclass Optimizer:\n    def __init__(self, dim, budget, seed):\n"
BASICS = """        self.seed, self.steps, self.dim = seed, 0, dim
    def step(self, x, grad, loss):
        self.steps += 1
"""
DESCENT = "        return x - 0.5 * grad\n"
FORGE = "        from graders.sandbox.frames import write_frame\n"


@pytest.fixture
def made(workshop: Workshop) -> Prepared:
    """The challenge's data."""
    return workshop.prepare("optimizers")


@contextmanager
def running(step: str, seconds: int = 5, members: dict[str, bytes] | None = None) -> Iterator[Talking]:
    """A program in the sandbox: these files, or one whose `step` does something before it descends."""
    members = members or {"solution.py": (HEAD + BASICS + step + DESCENT).encode()}
    limits = Limits(memory_bytes=400_000_000, grade_seconds=100)
    harness = (FOLDER / "harness.py").read_bytes()
    with Talking(members, ProgramSpec(run_seconds=seconds), limits, shared_sandbox(), harness=harness) as program:
        yield program


def draw_bowls(count: int = 3) -> Parameters:
    problems = draw_problems("quadratic", count, np.random.default_rng(5))
    return problems | {"seed": np.arange(count)}


def descend(step: str, seconds: int = 5) -> NDArray[np.float64]:
    with running(step, seconds) as program:
        remainders: NDArray[np.float64] = GRADE.run_family(program, "quadratic", draw_bowls())
    return remainders


def pack(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.py", text)
    return path


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_those_of_the_losses(family: str):
    problems = draw_problems(family, 2, np.random.default_rng(3))
    places = problems["start"] + 0.1
    found = FAMILIES[family].evaluate(places, problems)[1]
    for number in range(2):
        one = {name: values[number : number + 1] for name, values in problems.items()}
        slope = approx_fprime(places[number], lambda x: FAMILIES[family].evaluate(x[None], one)[0][0], 1e-7)  # noqa: B023
        assert found[number] == pytest.approx(slope, rel=1e-4, abs=1e-4 * np.abs(slope).max())


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_below_the_least_loss_and_it_is_reached(family: str):
    problem = draw_problems(family, 1, np.random.default_rng(8))

    def evaluate(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        losses, gradients = FAMILIES[family].evaluate(x[None], problem)
        return float(losses[0]), gradients[0]

    found = minimize(evaluate, problem["start"][0], jac=True, method="BFGS", options={"maxiter": 5000, "gtol": 1e-9})
    assert -1e-15 < found.fun - problem["least"][0] < 1e-6


def test_the_score_counts_orders_of_magnitude():
    left = np.array([4.0, 0.04, 0.0, 400.0, np.inf, np.nan])
    assert measure_reduction(left, np.full(6, 4.0)) == pytest.approx([0, 2, 8, -1, -1, -1])


def test_expressions_hold_what_their_level_allows_and_every_leaf_matters():
    expressions = draw_expressions(40, HARNESS.apply, np.random.default_rng(4))
    for place, one in enumerate(expressions):
        allowed = {name for level in LEVELS[: place % 4 + 1] for name in level} | {"sum"}
        assert {step[0] for step in one.steps} <= allowed
        assert all(np.linalg.norm(gradient) > 0 for gradient in one.gradients)
    assert {step[0] for one in expressions for step in one.steps} == {name for level in LEVELS for name in level}


def test_gradients_of_expressions_are_those_of_their_values():
    for one in draw_expressions(12, HARNESS.apply, np.random.default_rng(6)):
        for place, leaf in enumerate(one.leaves):
            slopes = [slope_of(one, place, index) for index in np.ndindex(leaf.shape)]
            gradient = one.gradients[place].ravel()
            assert np.abs(gradient - slopes).max() < 1e-4 * max(1.0, float(np.abs(gradient).max()))


def slope_of(expression: Any, place: int, index: tuple[int, ...]) -> float:
    """By central differences."""
    ends = []
    for change in (1e-6, -1e-6):
        values: list[Any] = [strong_optimizer.Tensor(leaf.copy()) for leaf in expression.leaves]
        values[place].data[index] += change
        for step in expression.steps:
            values.append(HARNESS.apply(values, step))
        ends.append(float(values[-1].data))
    return (ends[0] - ends[1]) / 2e-6


def test_sides_hold_their_families_and_no_public_file_names_the_last(made: Prepared):
    counts = made.answers.group_by("family", "side").len().rows()
    named = {(name, side, size) for name in FAMILIES for side, size in (("public", 6), ("private", 12))}
    assert set(counts) == named | {("noisy", "private", 12)}
    assert not any(b"noisy" in path.read_bytes() for path in made.public.iterdir())
    assert made.answers.filter(pl.col("side") == "public").height == 24


def test_the_last_family_tells_parts_of_what_counts(made: Prepared):
    with np.load(made.hidden / "noisy_private.npz") as arrays:
        problems = dict(arrays)
    x = problems["start"] + 1
    looks = [GRADE.look_at_batch(x, problems, step) for step in range(BUDGET)]
    inputs, errors = problems["inputs"], (problems["inputs"] @ x[..., None])[..., 0] - problems["targets"]
    whole = (inputs * errors[..., None]).mean(1)
    spread = np.std([look[2] for look in looks], axis=0)
    assert np.abs(np.mean([look[2] for look in looks], axis=0) - whole).max() < 5 * spread.max() / np.sqrt(BUDGET)
    assert spread.min() > 0
    assert all((look[0] == looks[0][0]).all() for look in looks)
    assert (looks[0][0] > 0).all()


def test_a_strong_solution_is_excellent_and_differentiates_everything(made: Prepared, tmp_path: Path):
    source = Path(strong_optimizer.__file__).read_text(encoding="utf-8")
    path = pack(tmp_path / "s.zip", solution=source, autograd="from solution import Tensor")
    verdict = made.grade(path)
    for side in (verdict.public, verdict.private):
        assert side is not None
        assert side.score > thresholds_of(made.package.manifest).excellent
        assert side.secondary["autograd"] == 1.0
        assert side.secondary["quadratic"] > 7
    operations = verdict.diagnostics[-1]["rows"]
    assert {row["name"] for row in operations} == {name for level in LEVELS for name in level}
    assert {row["value"] for row in operations} == {1.0}


def test_practice_tells_the_score_of_the_server(made: Prepared, tmp_path: Path):
    load_script(made.public, "baseline").main(made.public, tmp_path / "s.zip")
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, str(made.public / "practice.py"), "solution.py", "--seed", "3", "--problems", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    said = [line.split() for line in done.stdout.splitlines() if not line.startswith(" ")]
    rng = np.random.default_rng(3)
    expected = []
    with running("", members={path.name: path.read_bytes() for path in tmp_path.glob("*.py")}) as program:
        for family in FAMILIES:
            problems = draw_problems(family, 2, rng) | {"seed": np.arange(2)}
            left = GRADE.run_family(program, family, problems)
            expected.append(measure_reduction(left[:, -1], left[:, 0]).mean())
    assert [words[0] for words in said] == [*FAMILIES, "score", "time", "autograd"]
    assert [float(words[1]) for words in said[:-2]] == pytest.approx([*expected, np.mean(expected)], abs=6e-4)
    passed = int(said[-1][1])
    assert 10 <= passed < 20
    assert done.stdout.count("\n  [[") == 40 - passed


def test_families_that_fail_or_diverge_are_named_and_the_others_count(made: Prepared, tmp_path: Path):
    """Here as one file, without an archive and without a tensor."""
    path = tmp_path / "solution.py"
    leaving = "        if dim == 10: os._exit(0)\n"
    path.write_text(HEAD + leaving + BASICS + DESCENT, encoding="utf-8")
    verdict = made.grade(path)
    for side in (verdict.public, verdict.private):
        assert side is not None
        assert side.secondary["rosenbrock"] == -1
        assert side.secondary["quadratic"] > 2
        assert "autograd" not in side.secondary
    problems, *curves = verdict.diagnostics
    names = [row["name"]["en"] for row in problems["rows"]]
    assert [name for name in names if name.startswith("Rosenbrock")] == [
        f"Rosenbrock {n} (no answer)" for n in range(1, 7)
    ]
    assert any(name.startswith("network") and name.endswith("(diverged)") for name in names)
    assert "quadratic 1" in names
    assert len(curves) == len(FAMILIES)
    assert all(round(y, 2) == y for curve in curves for line in curve["lines"] for _, y in line["points"])


def test_a_tensor_that_leaves_or_lies_passes_nothing(made: Prepared):
    with np.load(made.hidden / "expressions_public.npz") as arrays:
        expressions = dict(arrays)
    lie = "import numpy as np\nclass Tensor:\n    def __init__(self, data): self.data, self.grad = data, {}\n"
    lie += "    def __getattr__(self, name): return lambda *given, **more: self\n"
    lie += "".join(
        f"    def __{n}__(self, other): return self\n" for n in ("add", "sub", "mul", "truediv", "matmul", "pow")
    )
    for grad in (
        "np.ones(np.shape(data))",
        "np.full(np.shape(data), np.nan)",
        "np.ones(np.shape(data), dtype=complex)",
    ):
        with running("", members={"autograd.py": lie.format(grad).encode()}) as program:
            assert GRADE.pass_expressions(program, expressions) == [False] * 40
    with running(
        "", members={"autograd.py": b"import os\nclass Tensor:\n    def __init__(self, data): os._exit(0)\n"}
    ) as p:
        assert GRADE.pass_expressions(p, expressions) == [False] * 40
    with running("") as program:
        assert GRADE.pass_expressions(program, expressions) == []


# What a program may try


def test_one_problem_that_fails_leaves_the_others_alone():
    faults = "        if self.seed == 1 and self.steps == 9: {}\n"
    honest = descend("")
    assert np.isfinite(honest).all()
    assert measure_reduction(honest[:, -1], honest[:, 0]).min() > 1
    huge = "return np.ones((200_000, 10_000))"
    for fault in (
        "raise KeyError('x')",
        "return x[:3]",
        "return x * np.nan",
        "return 'somewhere'",
        "return None",
        huge,
    ):
        found = descend(faults.format(fault))
        assert np.isnan(found[1, 9:]).all()
        assert (found[[0, 2]] == honest[[0, 2]]).all()
        assert (found[1, :9] == honest[1, :9]).all()


def test_an_optimiser_that_cannot_be_made_fails_its_problem():
    made = f"        if seed == 1: raise ValueError\n{BASICS}{DESCENT}"
    with running("", members={"solution.py": (HEAD + made).encode()}) as program:
        found = GRADE.run_family(program, "quadratic", draw_bowls())
    assert np.isnan(found[1, 1:]).all()
    assert np.isfinite(found[[0, 2]]).all()


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        ("if self.steps == 5: os._exit(0)", 5),
        ("if self.steps == 5: sys.exit(0)", 5),
        ("if self.steps == 5: os.kill(os.getpid(), 9)", 5),
        ("while self.steps == 5: pass", 1),
        ("if self.steps == 5: time.sleep(60)", 1),
        ("if self.steps == 5: os.write(4, b'ARN1' + bytes(60))", 5),
        ("if self.steps == 5: os.close(4)", 5),
        ("if self.steps == 5: sys.stdout.write('x' * (1 << 22))", 5),
    ],
)
def test_a_family_counts_as_failed_where_the_run_ends_early(step: str, seconds: int):
    found = descend(f"        {step}\n", seconds=seconds)
    assert np.isnan(found[:, 1:]).all()
    assert (measure_reduction(found[:, -1], found[:, 0]) == -1).all()
    assert np.isfinite(found[:, 0]).all()


@pytest.mark.parametrize(
    "frame",
    [
        "{}, {}",
        "{'score': 8.0, 'x': 0}, {'loss': np.zeros(3)}",
        "{}, {'x': np.zeros((3, 40), dtype=np.float32)}",
        "{}, {'x': np.zeros((2, 40))}",
        "{}, {'x': np.zeros((3, 40, 1))}",
        "{}, {'x': np.zeros((3, 1 << 22))}",
    ],
)
def test_a_forged_answer_of_another_form_fails(frame: str):
    assert np.isnan(descend(f"{FORGE}        write_frame(4, {frame})\n")[:, 1:]).all()


def test_forged_answers_are_points_like_all_others():
    """Whoever answers in the harness's name says where to go, and nothing else."""
    claims = "{'score': 8.0, 'loss': 0.0, 'is_done': True}, {'x': np.ones((3, 40)), 'loss': np.zeros(3)}"
    found = descend(f"{FORGE}        for _ in range(400): write_frame(4, {claims})\n")
    expected = FAMILIES["quadratic"].evaluate(np.ones((3, 40)), draw_bowls())[0]
    assert (found[:, 1:] == expected[:, None]).all()


def test_a_second_answer_to_one_question_is_the_answer_to_the_next():
    found = descend(f"{FORGE}        write_frame(4, {{}}, {{'x': np.tile(x, (3, 1))}})\n")
    assert found.shape == (3, BUDGET + 1)
    assert (measure_reduction(found[:, -1], found[:, 0]) <= 8).all()
    assert measure_reduction(found[:, -1], found[:, 0]).min() < 1


def test_numpy_and_clocks_that_were_bent_bend_nothing_here():
    bent = "np.isfinite = lambda a: np.ones(np.shape(a), dtype=bool); time.monotonic = time.time = lambda: 0.0"
    found = descend(f"        {bent}\n        if self.seed == 2: return np.full(self.dim, np.nan)\n")
    assert np.isnan(found[2, 1:]).all()
    assert np.isfinite(found[:2]).all()


def test_points_and_gradients_may_be_written_over():
    found = descend("        grad /= 2; x -= grad; grad *= 2; x += grad / 2\n")
    assert found == pytest.approx(descend(""))


def test_the_process_knows_nothing_but_points_losses_and_gradients():
    """Whoever finds anything else in memory, in the settings or on the disk answers NaN."""
    search = """        frame = sys._getframe()
        while frame is not None:
            for names in (frame.f_locals, frame.f_globals, frame.f_globals.get("SETTINGS", {})):
                if {"problems", "middle", "hessian", "least", "hidden", "answers"} & set(names): return x * np.nan
            frame = frame.f_back
        if self.steps == 1:
            kept = [a for a in gc.get_objects() if isinstance(a, np.ndarray) and a.size >= self.dim ** 2]
            for path in ("/", "/tmp", "/var", "/home"):
                try: kept += [open(f"{path}/{name}/answers.parquet") for name in os.listdir(path)]
                except OSError: pass
            if kept: return x * np.nan
"""
    assert np.isfinite(descend(search)).all()


def test_far_out_losses_overflow_and_are_told_as_such():
    found = descend("        return x - 1e200 * np.sign(grad) if self.seed == 0 else x * 1e3\n")
    assert np.isinf(found[0, 1:]).any()
    assert (measure_reduction(found[:, -1], found[:, 0]) == -1).all()


@pytest.mark.parametrize(
    ("solution", "autograd", "said"),
    [
        ("x = 1", "", "Optimizer"),
        ("import nowhere", "", r"nowhere.*solution\.py"),
        ("class Optimizer:\n    def __init__(self): pass", "", "argument"),
        (HEAD + BASICS + "        return x[1:]\n", "", r"\(39,\).*\(40,\)"),
        (HEAD + BASICS + "        return x / 0.0\n", "", "not finite"),
        (HEAD + BASICS + "        return grad.nothing\n", "", r"nothing.*solution\.py"),
        (HEAD + BASICS + DESCENT, "raise OSError('mine')", r"mine.*autograd\.py"),
        (HEAD + BASICS + DESCENT, "class Tensor:\n    def __init__(self, data): pass", "unsupported operand"),
    ],
)
def test_what_goes_wrong_before_anything_is_hidden_is_told(
    made: Prepared, tmp_path: Path, solution: str, autograd: str, said: str
):
    members = {"solution": solution} | ({"autograd": autograd} if autograd else {})
    verdict = made.grade(pack(tmp_path / "s.zip", **members))
    assert verdict.outcome is Outcome.REJECTED
    assert [fault.reason for fault in verdict.faults] == [Reason.PROGRAM_FAILED.value]
    assert re.search(said, str(verdict.faults[0].facts["problem"]))
