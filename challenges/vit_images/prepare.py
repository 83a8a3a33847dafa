"""Makes the data of vit_images: drawn things (offline), or CIFAR-10, pooled and divided anew (real)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from onnx import NodeProto, helper

from challenges._generators.cifar import ARCHIVE, load_cifar
from challenges._generators.keys import Keys
from challenges._generators.models import save_model
from challenges._generators.pictures import save_sheet
from challenges._generators.sprites import SIDE, Sprites, draw_part, name_occlusion, name_scale

TRAIN_ROWS = 8_000
HIDDEN_ROWS = 3_000
REAL_HIDDEN_SHARE = 1 / 20
CLASSES = 10


def prepare(raw: Path, public: Path, hidden: Path, keys: Keys, source: str) -> None:
    """Write the public files into `public`, the answers and the hidden images into `hidden`.

    Args:
        raw: Verified downloads of a real source.
        public: Folder of what participants get.
        hidden: Folder of what they never get.
        keys: Randomness of this installation.
        source: `offline`, or `real` (CIFAR-10).
    """
    answers: dict[str, NDArray[Any]]
    if source == "real":
        x, y = load_cifar(raw / ARCHIVE)
        learn, ask = keys.divide(len(x), round(REAL_HIDDEN_SHARE * len(x)))
        train, images, answers = (x[learn], y[learn]), x[ask], {"label": y[ask]}
    else:
        sprites, labels = draw_part("train", TRAIN_ROWS, keys)
        train = sprites.images, labels
        sprites, labels = draw_part("test", HIDDEN_ROWS, keys)
        images, answers = sprites.images, {"label": labels, **name_slices(sprites)}
    np.savez_compressed(public / "train.npz", image=train[0], label=train[1])
    save_sample(public / "sample_model.onnx")
    save_sheet(public / "preview.png", train[0][:160].transpose(0, 2, 3, 1), columns=20)
    ids = np.array(keys.ids(len(images)))
    order = np.argsort(ids)
    np.savez(hidden / "inputs.npz", id=ids[order], image=images[order])
    table = pl.DataFrame({"id": ids, **answers}).with_columns(pl.col("label").cast(pl.Int64))
    table[order].write_parquet(hidden / "answers.parquet")


def name_slices(sprites: Sprites) -> dict[str, NDArray[np.str_]]:
    """Groups by which diagnostics tell the score."""
    return {"slice_scale": name_scale(sprites), "slice_occlusion": name_occlusion(sprites)}


def save_sample(path: Path) -> None:
    """Write the sample model: the smallest transformer there is, all its weights 0, so that it calls everything 0."""
    patch, width = 4, 8
    patches = (SIDE // patch) ** 2
    weights: dict[str, NDArray[Any]] = {
        "patch.weight": np.zeros((width, 3, patch, patch), dtype=np.float32),
        "tokens": np.array([0, width, patches], dtype=np.int64),
        "head.weight": np.zeros((width, CLASSES), dtype=np.float32),
        "head.bias": np.zeros(CLASSES, dtype=np.float32),
    }
    nodes = [
        helper.make_node(
            "Conv", ["image", "patch.weight"], ["patches"], kernel_shape=[patch, patch], strides=[patch, patch]
        ),
        helper.make_node("Reshape", ["patches", "tokens"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["x0"], perm=[0, 2, 1]),
        *_attend("x0", "x1"),
        *_attend("x1", "x2"),
        helper.make_node("ReduceMean", ["x2"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("Gemm", ["mean", "head.weight", "head.bias"], ["logits"]),
    ]
    save_model(path, nodes, weights, (3, SIDE, SIDE), CLASSES)


def _attend(x: str, out: str) -> list[NodeProto]:
    """Attention without weights: each token becomes a mean of all, weighed by their likeness."""
    return [
        helper.make_node("Transpose", [x], [f"{x}.keys"], perm=[0, 2, 1]),
        helper.make_node("MatMul", [x, f"{x}.keys"], [f"{x}.likeness"]),
        helper.make_node("Softmax", [f"{x}.likeness"], [f"{x}.attention"], axis=-1),
        helper.make_node("MatMul", [f"{x}.attention", x], [out]),
    ]
