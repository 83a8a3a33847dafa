"""ONNX models built node by node, equal bytes each time: sample submissions of challenges that take models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, checker, helper, numpy_helper

OPSET = 17
FORMAT_VERSION = 8
"""Of ONNX's files; the one that opset 17 came with."""


def save_model(
    path: Path, nodes: list[NodeProto], weights: dict[str, NDArray[Any]], image: tuple[int, ...], classes: int
) -> None:
    """Write a model from `image` to `logits`, for any number of rows.

    Args:
        path: The `.onnx` file to write.
        nodes: Its operators, in order.
        weights: Constants by name.
        image: Shape of one image.
        classes: Scores for each image.
    """
    told = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["rows", *image])
    asked = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", classes])
    _save(path, nodes, weights, told, asked)


def save_language_model(path: Path, size: int) -> None:
    """Write a language model that knows nothing: each token looks up a zero, and all logits are that.

    Args:
        path: The `.onnx` file to write.
        size: Number of token ids.
    """
    told = helper.make_tensor_value_info("tokens", TensorProto.INT64, ["rows", "time"])
    asked = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", "time", size])
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["found"]),
        helper.make_node("Add", ["found", "zeros"], ["logits"]),
    ]
    weights = {"table": np.zeros((size, 1), dtype=np.float32), "zeros": np.zeros(size, dtype=np.float32)}
    _save(path, nodes, weights, told, asked)


def _save(
    path: Path, nodes: list[NodeProto], weights: dict[str, NDArray[Any]], told: ValueInfoProto, asked: ValueInfoProto
) -> None:
    constants = [numpy_helper.from_array(np.ascontiguousarray(array), name) for name, array in weights.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "sample", [told], [asked], constants),
        producer_name="arena",
        ir_version=FORMAT_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
