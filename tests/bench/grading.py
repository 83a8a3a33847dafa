"""Grading prediction files beside pandas and scikit-learn: CPU time, peak memory, a warm small file, a fresh start.

The reference is MLE-bench's way: read both CSV files with pandas, merge by id, call scikit-learn once. Ours is the
whole of `grading.grade`: the file parsed in the sandbox, strict checks of every cell and id, both sides' scores and
their standard errors. Each is measured in a process of its own, warm; CPU time counts all its threads and the guest,
memory what the grader and the guest grow by.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from graders.sandbox import Bounds, Outcome, Run
from graders.sandbox.forkserver import ForkServer

ROOT = Path(__file__).resolve().parents[2]
MILLION = 1_000_000
SMALL = 10_000
RATIO_TARGET, MEMORY_TARGET = 10.0, 3.0
SMALL_TARGET_MS, FRESH_TARGET_SECONDS = 40.0, 1.0

CASES: dict[str, dict[str, Any]] = {
    "accuracy, integer ids": {"metric": "accuracy", "ids": "integer"},
    "macro-F1, integer ids": {"metric": "macro_f1", "ids": "integer"},
    "log loss, one column": {"metric": "log_loss", "ids": "integer", "classes": 2, "columns": ["p1"]},
    "ROC-AUC, integer ids": {"metric": "roc_auc", "ids": "integer", "classes": 2, "columns": ["p1"]},
    "RMSE, integer ids": {"metric": "rmse", "ids": "integer", "classes": 0, "columns": ["price"]},
    "ROC-AUC, text ids": {"metric": "roc_auc", "ids": "text", "classes": 2, "columns": ["p1"]},
    "log loss, three columns, text ids": {
        "metric": "log_loss",
        "ids": "text",
        "classes": 3,
        "columns": ["p0", "p1", "p2"],
    },
}


def run(*, quick: bool) -> list[dict[str, Any]]:
    """Measure all cases; a row for each, then the mean and the two latencies."""
    rows = MILLION // 10 if quick else MILLION
    with tempfile.TemporaryDirectory(prefix="arena-bench-") as name:
        folder = Path(name)
        told = [_compare(case, rows, folder) for case in CASES]
        told.append(_summary(told))
        told.append(_small(folder))
        told.append(_fresh(folder))
    return told


def _compare(case: str, rows: int, folder: Path) -> dict[str, Any]:
    make_files(CASES[case], rows, folder)
    ours, theirs = (_measure(side, case, folder) for side in ("ours", "reference"))
    # Ours is the score of the public rows, theirs that of all; the laws of metrics compare exactly.
    if not math.isclose(ours["score"], theirs["score"], rel_tol=0.05):
        raise AssertionError(f"{case}: {ours['score']} is not {theirs['score']}")
    return {
        "what": f"{case}, {rows:,} rows",
        "ours": ours["cpu_seconds"],
        "reference": theirs["cpu_seconds"],
        "unit": "CPU s",
        "ratio": theirs["cpu_seconds"] / ours["cpu_seconds"],
        "MB": ours["peak_bytes"] / 1e6,
        "reference MB": theirs["peak_bytes"] / 1e6,
        "less memory": theirs["peak_bytes"] / ours["peak_bytes"],
    }


def _summary(told: list[dict[str, Any]]) -> dict[str, Any]:
    ratio = math.exp(sum(math.log(row["ratio"]) for row in told) / len(told))
    memory = math.exp(sum(math.log(row["less memory"]) for row in told) / len(told))
    return {
        "what": "geometric mean",
        "ratio": ratio,
        "less memory": memory,
        "target": f"CPU ≥ {RATIO_TARGET:g}×, memory ≥ {MEMORY_TARGET:g}×",
        "reached": ratio >= RATIO_TARGET and memory >= MEMORY_TARGET,
    }


def _small(folder: Path) -> dict[str, Any]:
    case = "accuracy, integer ids"
    make_files(CASES[case], SMALL, folder)
    ours, theirs = (
        _measure(side, case, folder, repetitions=200)["wall_seconds"] * 1e3 for side in ("ours", "reference")
    )
    return {
        "what": f"a warm submission of {SMALL:,} rows, median",
        "ours": ours,
        "reference": theirs,
        "unit": "ms",
        "ratio": theirs / ours,
        "target": f"≤ {SMALL_TARGET_MS:g} ms",
        "reached": ours <= SMALL_TARGET_MS,
    }


def _fresh(folder: Path) -> dict[str, Any]:
    """From starting Python to the first verdict."""
    seconds = {}
    for side in ("ours", "reference"):
        times = []
        for _ in range(3):
            began = time.perf_counter()
            _measure(side, "accuracy, integer ids", folder, repetitions=0)
            times.append(time.perf_counter() - began)
        seconds[side] = min(times)
    return {
        "what": f"fresh process to the first grade, {SMALL:,} rows",
        "ours": seconds["ours"],
        "reference": seconds["reference"],
        "unit": "s",
        "ratio": seconds["reference"] / seconds["ours"],
        "target": f"≤ {FRESH_TARGET_SECONDS:g} s",
        "reached": seconds["ours"] <= FRESH_TARGET_SECONDS,
    }


def _measure(side: str, case: str, folder: Path, repetitions: int = 7) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.grading", side, case, str(folder), str(repetitions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def make_files(case: dict[str, Any], rows: int, folder: Path) -> None:
    """Hidden answers (Parquet for us, CSV for the reference), and a submission in another order."""
    rng = np.random.default_rng(0)
    classes = case.get("classes", 10)
    numbers = np.arange(rows)
    ids = numbers if case["ids"] == "integer" else [f"{i * 2_654_435_761 % 2**32:08x}" for i in range(rows)]
    answers = pl.DataFrame({"id": ids})
    submission = answers
    if classes == 0:
        truth = rng.lognormal(5, 0.5, rows)
        answers = answers.with_columns(answer=truth)
        submission = submission.with_columns(price=np.round(truth * rng.lognormal(0, 0.2, rows), 4))
    else:
        labels = rng.integers(0, classes, rows)
        answers = answers.with_columns(answer=labels)
        if "columns" in case:
            chances = rng.dirichlet(np.ones(classes), rows)
            wanted = {name: chances[:, int(name[1:])] for name in case["columns"]}
            submission = submission.with_columns(**wanted)
        else:
            submission = submission.with_columns(
                label=np.where(rng.random(rows) < 0.8, labels, rng.integers(0, classes, rows))
            )
    answers.write_csv(folder / "answers.csv")
    answers.with_columns(side=np.where(rng.random(rows) < 0.3, "public", "private")).write_parquet(
        folder / "answers.parquet"
    )
    submission[rng.permutation(rows)].write_csv(folder / "submission.csv")


def _our_grader(case: dict[str, Any], folder: Path) -> Callable[[], float]:
    from challenges.messages import DataFile, GradeJob  # noqa: PLC0415 - what is imported is part of what is measured
    from graders.boxing import Box  # noqa: PLC0415
    from graders.grading import grade  # noqa: PLC0415
    from graders.loading import make_challenge  # noqa: PLC0415
    from tests.graders.examples import DIGEST, make_manifest  # noqa: PLC0415

    columns = case.get("columns", ["label"])
    labels = [str(i) for i in range(10)]
    declared: list[dict[str, Any]] = [
        {"name": n, "type": "label", "labels": labels} if n == "label" else {"name": n, "type": "number"}
        for n in columns
    ]
    direction = "max" if case["metric"] in ("accuracy", "macro_f1", "roc_auc") else "min"
    metric = {"name": case["metric"], "direction": direction, "columns": columns, "answer": "answer"}
    manifest = make_manifest(declared, metric, limits={"upload_bytes": 10**9})
    challenge = make_challenge(manifest, pl.read_parquet(folder / "answers.parquet"), dataset_digest=DIGEST)
    path = folder / "submission.csv"
    box = Box(COUNTED, tried={"predictions"})
    job = GradeJob("s", 1, "bench", "d", DIGEST, "p", path.as_uri(), DataFile("submission.csv", 1, "0"))

    def judge() -> float:
        verdict = grade(job, path, challenge, box)
        if verdict.public is None:
            raise AssertionError(verdict)
        return verdict.public.score

    return judge


def _reference_grader(case: dict[str, Any], folder: Path) -> Callable[[], float]:
    import pandas as pd  # noqa: PLC0415 - what is imported is part of what is measured
    from sklearn import metrics  # noqa: PLC0415

    columns = case.get("columns", ["label"])
    functions: dict[str, Callable[[Any, Any], float]] = {
        "accuracy": metrics.accuracy_score,
        "macro_f1": lambda t, p: metrics.f1_score(t, p, average="macro"),
        "log_loss": metrics.log_loss,
        "roc_auc": metrics.roc_auc_score,
        "rmse": metrics.root_mean_squared_error,
    }

    def judge() -> float:
        answers = pd.read_csv(folder / "answers.csv")
        submission = pd.read_csv(folder / "submission.csv")
        if set(submission["id"]) != set(answers["id"]) or submission["id"].duplicated().any():
            raise AssertionError
        merged = answers.merge(submission, on="id")
        given = merged[columns[0]] if len(columns) == 1 else merged[columns]
        return float(functions[case["metric"]](merged["answer"].to_numpy(), given.to_numpy()))

    return judge


@dataclass
class Counted:
    """The fork server, and what its guests took."""

    server: ForkServer = field(default_factory=ForkServer)
    cpu_seconds: float = 0.0
    peak_bytes: int = 0

    def run(self, run: Run) -> Outcome:
        """Run a guest, and count."""
        outcome = self.server.run(run)
        self.cpu_seconds += outcome.cpu_seconds
        self.peak_bytes = max(self.peak_bytes, outcome.peak_bytes)
        return outcome

    def close(self) -> None:
        """End the fork server."""
        self.server.close()


COUNTED = Counted()


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime + COUNTED.cpu_seconds


def _least_guest_bytes() -> int:
    """What a guest has that opens nothing: what the libraries take, which every guest shares."""
    nothing = Run("tables", {}, Bounds(10, 10, 1 << 30, 1 << 20))
    return COUNTED.server.run(nothing).peak_bytes


def _memory_bytes(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def _main() -> None:
    side, case, folder, repetitions = sys.argv[1], CASES[sys.argv[2]], Path(sys.argv[3]), int(sys.argv[4])
    judge = (_our_grader if side == "ours" else _reference_grader)(case, folder)
    least = _least_guest_bytes() if side == "ours" else 0
    before = _memory_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    score = judge()
    peak_bytes = _memory_bytes("VmHWM") - before + max(COUNTED.peak_bytes - least, 0)
    cpu, wall = [], []
    for _ in range(repetitions):
        began, used = time.perf_counter(), _cpu_seconds()
        judge()
        wall.append(time.perf_counter() - began)
        cpu.append(_cpu_seconds() - used)
    measured = {"score": score, "peak_bytes": max(peak_bytes, 1)}
    if cpu:
        measured |= {"cpu_seconds": min(cpu), "wall_seconds": float(np.median(wall))}
    COUNTED.close()
    print(json.dumps(measured))  # noqa: T201 - the answer to the process that started this one


if __name__ == "__main__":
    _main()
