"""Tiny ONNX models with one thing about them, for the self-test: four numbers in, three classes out."""

from __future__ import annotations

import zipfile
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from graders.models.graph import DATA_FILE, MODEL_FILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUTS, CLASSES = 4, 3
_FLOAT = onnx.TensorProto.FLOAT
_IR_VERSION = 9
"""Old enough for every ONNX Runtime that is in use."""


def linear(*, rows: int | str = "rows", output: str = "logits", opset: int = 18, hidden: int = 0) -> onnx.ModelProto:
    """A linear model, or one with a hidden layer of so many units."""
    sizes = [INPUTS, *([hidden] if hidden else []), CLASSES]
    names = ["x", *(f"hidden {layer}" for layer in range(1, len(sizes) - 1)), output]
    nodes, weights = [], []
    rng = np.random.default_rng(1)
    for layer, (before, after) in enumerate(pairwise(sizes)):
        weights.append(numpy_helper.from_array(rng.random((before, after), dtype=np.float32), f"weight {layer}"))
        nodes.append(helper.make_node("MatMul", [names[layer], f"weight {layer}"], [names[layer + 1]]))
    return assemble(nodes, weights, rows=rows, output=output, opset=opset)


def with_operator(operator: str, *constants: NDArray[Any], domain: str = "", **attributes: Any) -> onnx.ModelProto:
    """A linear model with one more operator, whose output is added to the product.

    Args:
        operator: Its name.
        constants: What it takes beside the product.
        domain: Of the operator.
        attributes: Of the operator.
    """
    weight = numpy_helper.from_array(np.eye(INPUTS, CLASSES, dtype=np.float32) - 0.5, "weight")
    others = [numpy_helper.from_array(array, f"constant {number}") for number, array in enumerate(constants)]
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node(operator, ["product", *(o.name for o in others)], ["changed"], domain=domain, **attributes),
        helper.make_node("Add", ["product", "changed"], ["logits"]),
    ]
    return assemble(nodes, [weight, *others])


def assemble(
    nodes: list[onnx.NodeProto],
    weights: list[onnx.TensorProto],
    *,
    rows: int | str = "rows",
    output: str = "logits",
    opset: int = 18,
) -> onnx.ModelProto:
    """A model of these nodes."""
    given = helper.make_tensor_value_info("x", _FLOAT, [rows, INPUTS])
    returned = helper.make_tensor_value_info(output, _FLOAT, [rows, CLASSES])
    graph = helper.make_graph(nodes, "specimen", [given], [returned], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=_IR_VERSION)


def move_weights(model: onnx.ModelProto, location: str = DATA_FILE, **facts: str) -> bytes:
    """Move the weights of a model to another file, whose bytes are returned; `facts` take the place of honest ones."""
    data = b""
    for tensor in model.graph.initializer:
        honest = {"location": location, "offset": str(len(data)), "length": str(len(tensor.raw_data)), **facts}
        data += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in honest.items():
            tensor.external_data.add(key=key, value=value)
    return data


def zipped(model: onnx.ModelProto, **others: bytes) -> bytes:
    """A zip of a model and other files; `data` is the file of weights."""
    files = {MODEL_FILE: model.SerializeToString(), **{DATA_FILE if n == "data" else n: c for n, c in others.items()}}
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def outside(location: str = DATA_FILE, **facts: str) -> bytes:
    """A zip of a linear model whose weights lie in another file."""
    model = linear()
    data = move_weights(model, location, **facts)
    return zipped(model, data=data)


def without_weights() -> bytes:
    """A linear model alone, whose weights lie in a file that is not there."""
    model = linear()
    move_weights(model)
    return bytes(model.SerializeToString())
