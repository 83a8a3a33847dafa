"""Grading models in the sandbox beside the bare inference loop; how soon a sandbox starts; many models, one by one.

The reference is what a script would do: an ONNX Runtime session of one thread, the same images in the same batches,
arg max, accuracy. Ours is the whole of `grading.grade`: sandbox, checks of the graph, trials on random inputs, costs,
the hidden rows, both sides' scores. What the trials and costs take is the same for ten rows and for ten thousand.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from challenges.messages import DataFile, GradeJob, Outcome
from graders.boxing import Box
from graders.grading import grade
from graders.kinds import find_kinds
from graders.limits import read_resident
from graders.loading import LoadedChallenge, make_challenge
from graders.sandbox import Bounds, Run
from graders.sandbox.forkserver import ForkServer
from graders.sandbox.fresh import Fresh
from tests.graders.examples import DIGEST, TEXT, make_manifest

ROWS, BATCH, SIZE, CLASSES = 10_000, 256, 28, 10
OVERHEAD_TARGET = 1.15
OPSET, IR_VERSION = 18, 9
GROWTH_TARGET_BYTES = 20 << 20


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; one record per question."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (ROWS, 1, SIZE, SIZE), dtype=np.uint8)
    model = make_network(rng, 16, 32)
    challenge = make_images(images, rng.integers(0, CLASSES, ROWS))
    server = ForkServer()
    box = Box(server, tried=set(find_kinds()))
    try:
        with tempfile.TemporaryDirectory(prefix="arena-bench-") as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(model)
            rows = [compare(path, images, challenge, box, 3 if quick else 7), *measure_starts(server, quick)]
            rows.append(measure_many(Path(folder), challenge, box, rng, 20 if quick else 100))
    finally:
        server.close()
    return rows


def compare(
    path: Path, images: NDArray[np.uint8], challenge: LoadedChallenge, box: Box, repeats: int
) -> dict[str, Any]:
    """Whole gradings in turn with bare loops, warm."""
    judge(path, challenge, box)
    bare_loop(path, images)
    pairs = [
        (_time(lambda: judge(path, challenge, box)), _time(lambda: bare_loop(path, images))) for _ in range(repeats)
    ]
    ours, bare = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return {
        "what": f"a small CNN on {ROWS:,} images, graded; beside the bare loop",
        "ours": ours,
        "reference": bare,
        "unit": "s",
        "ratio": ours / bare,
        "target": f"≤ {OVERHEAD_TARGET:g} ×",
        "reached": ours / bare <= OVERHEAD_TARGET,
    }


def measure_starts(server: ForkServer, quick: bool) -> list[dict[str, Any]]:
    """From asking for a run to the end of a guest that opens nothing: a fork, and a fresh process."""
    told = []
    for flavour, guest in (("tables", "tables"), ("onnx", "onnx"), ("torch", "weights")):
        nothing = Run(guest, {}, Bounds(60, 60, 4 << 30, 1 << 20), flavour=flavour)
        server.run(nothing)
        warm = statistics.median(_time(lambda nothing=nothing: server.run(nothing)) for _ in range(5 if quick else 20))
        cold = statistics.median(_time(lambda: start_cold(flavour)) for _ in range(2))  # noqa: B023 - called at once
        told.append(
            {
                "what": f"start and end of a guest, {flavour}: forked; beside a new server",
                "ours": 1000 * warm,
                "reference": 1000 * cold,
                "unit": "ms",
                "ratio": warm / cold,
            }
        )
    alone = statistics.median(_time(lambda: Fresh().run(nothing)) for _ in range(3))
    told.append({"what": "the same in a fresh process", "ours": 1000 * alone, "unit": "ms"})
    return told


def start_cold(flavour: str) -> None:
    """A fork server from nothing."""
    server = ForkServer()
    try:
        server.warm(flavour)
    finally:
        server.close()


def measure_many(folder: Path, challenge: LoadedChallenge, box: Box, rng: Any, count: int) -> dict[str, Any]:
    """Different small models one after another: how many a minute, and what the grader grows by."""
    paths = []
    for number in range(count):
        paths.append(folder / f"{number}.onnx")
        paths[-1].write_bytes(make_network(rng, 4, 8))
    for path in paths[: count // 5]:
        judge(path, challenge, box)
    before = read_resident(_own_pid()) or 0
    began = time.perf_counter()
    for path in paths:
        judge(path, challenge, box)
    seconds = time.perf_counter() - began
    grown = (read_resident(_own_pid()) or 0) - before
    return {
        "what": f"{count} small models, one after another; the grader's growth in MB",
        "ours": 60 * count / seconds,
        "unit": "/min",
        "MB": grown / 1e6,
        "target": f"growth ≤ {GROWTH_TARGET_BYTES / 1e6:.0f} MB",
        "reached": grown <= GROWTH_TARGET_BYTES,
    }


def judge(path: Path, challenge: LoadedChallenge, box: Box) -> float:
    """Grade a model as a grader does."""
    job = GradeJob("s", 1, "bench", "d", DIGEST, "p", path.as_uri(), DataFile(path.name, 1, "0"))
    verdict = grade(job, path, challenge, box)
    assert verdict.outcome is Outcome.SCORED, verdict.faults
    assert verdict.public is not None
    return verdict.public.score


def bare_loop(path: Path, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """What a script would do."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    parts = np.split(images, range(BATCH, ROWS, BATCH))
    scale = np.float32(1 / 255)
    return np.concatenate([session.run(None, {"image": part * scale})[0].argmax(1) for part in parts])


def make_images(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> LoadedChallenge:
    """A challenge on these images."""
    names = [str(digit) for digit in range(CLASSES)]
    tensor = {"dtype": "float32", "description": TEXT}
    shape = [-1, 1, SIZE, SIZE]
    manifest = make_manifest(
        [{"name": "label", "type": "label", "labels": names}],
        {"name": "accuracy", "direction": "max", "columns": ["label"]},
        kind="onnx",
        model={
            "formats": ["onnx"],
            "inputs": [{**tensor, "name": "image", "shape": shape, "scale": 0.00392156862745098}],
            "output": {**tensor, "name": "logits", "shape": [-1, CLASSES]},
            "reading": "classes",
            "batch_rows": BATCH,
        },
    )
    ids = [f"a{row:07d}" for row in range(ROWS)]
    content = io.BytesIO()
    np.savez(content, id=np.array(ids), image=images)
    sides = ["public" if row % 3 == 0 else "private" for row in range(ROWS)]
    answers = pl.DataFrame({"id": ids, "label": labels, "side": sides})
    return make_challenge(manifest, answers, dataset_digest=DIGEST, read_hidden=lambda _name: content.getvalue())


def make_network(rng: Any, first: int, second: int) -> bytes:
    """Two convolutions with pooling, and a linear layer."""

    def weight(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array((rng.standard_normal(shape) / 10).astype(np.float32), name)

    weights = [
        weight("w1", first, 1, 3, 3),
        weight("w2", second, first, 3, 3),
        weight("w3", second * (SIZE // 4) ** 2, CLASSES),
    ]
    same: dict[str, Any] = {"pads": [1, 1, 1, 1]}
    half: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["a"], **same),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], **half),
        helper.make_node("Conv", ["c", "w2"], ["d"], **same),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("MaxPool", ["e"], ["f"], **half),
        helper.make_node("Flatten", ["f"], ["g"]),
        helper.make_node("MatMul", ["g", "w3"], ["logits"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["rows", 1, SIZE, SIZE])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", CLASSES])
    graph = helper.make_graph(nodes, "network", [image], [logits], weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(made.SerializeToString())


def _time(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _own_pid() -> int:
    return int(Path("/proc/self").resolve().name)
