"""Multiplications with additions of an ONNX graph for one row, from the shapes of a run: nothing that a file claims."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import onnx
from onnx import helper

from graders.models.graph import forbid

if TYPE_CHECKING:
    from numpy.typing import NDArray

Shapes = Mapping[str, tuple[int, ...]]
Row = list["NDArray[Any]"]
_PREFIX = "arena shape of "
_CONVOLUTIONS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3, "DeformConv": 1}
_PRODUCTS = {"MatMul": (0, 1), "MatMulInteger": (0, 1), "QLinearMatMul": (0, 3)}
_RECURRENT = ("LSTM", "GRU", "RNN")
_EACH = ("Mul", "Div", "Pow", "PRelu", "BatchNormalization", "QuantizeLinear", "DequantizeLinear")
"""One for each element of the output, unless it is a constant: with a sum they make any product of matrices."""
_SQUARES = ("ReduceSumSquare", "ReduceL2")
"""One for each element of the input."""
COUNTED = {
    *(*_CONVOLUTIONS, *_PRODUCTS, *_RECURRENT, *_EACH, *_SQUARES),
    *("ConvTranspose", "Gemm", "Einsum", "Attention", "GridSample"),
}
_WITH_HEADS = 4
"""Dimensions of queries that have a dimension for the heads."""


def make_counter(
    model: onnx.ModelProto, start: Callable[[onnx.ModelProto, list[str]], Callable[[Row], list[Any]]]
) -> Callable[[Row], float]:
    """The function that counts them for one row.

    Args:
        model: A checked model; it is not changed.
        start: Makes the function that runs a model, without rewriting its graph, and returns the named outputs.

    Raises:
        InvalidSubmission: FORBIDDEN_OPERATOR, when it counts: an Einsum whose sizes cannot be told.
    """
    moving = {value.name for value in model.graph.input} - {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:  # in the order of a run: ONNX Runtime takes no other
        moving.update(node.output if moving.intersection(node.input) else ())
    nodes = [n for n in model.graph.node if n.op_type in COUNTED and (n.op_type not in _EACH or n.output[0] in moving)]
    names = sorted({name for node in nodes for name in (*node.input, *node.output) if name})
    if not nodes:
        return lambda _row: 0.0
    measured = onnx.ModelProto()
    measured.CopyFrom(model)
    del measured.graph.output[:]
    for number, name in enumerate(names):
        measured.graph.node.append(helper.make_node("Shape", [name], [f"{_PREFIX}{number}"], name=f"{_PREFIX}{number}"))
        measured.graph.output.append(helper.make_tensor_value_info(f"{_PREFIX}{number}", onnx.TensorProto.INT64, None))
    run = start(measured, [f"{_PREFIX}{number}" for number in range(len(names))])

    def count(row: Row) -> float:
        shapes = {name: tuple(int(size) for size in value) for name, value in zip(names, run(row), strict=True)}
        return float(sum(_count(node, shapes) for node in nodes))

    return count


def _count(node: onnx.NodeProto, shapes: Shapes) -> int:  # noqa: PLR0911 - one line for each operator
    kind = node.op_type
    out = math.prod(shapes[node.output[0]]) if node.output and node.output[0] else 0
    if kind in _CONVOLUTIONS:
        return out * math.prod(shapes[node.input[_CONVOLUTIONS[kind]]][1:])
    if kind == "ConvTranspose":
        return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])
    if kind == "Gemm":
        is_transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return out * shapes[node.input[0]][0 if is_transposed else 1]
    if kind in _PRODUCTS:
        return out * shapes[node.input[_PRODUCTS[kind][0]]][-1]
    if kind in _RECURRENT:
        steps, rows = shapes[node.input[0]][:2]
        return steps * rows * (math.prod(shapes[node.input[1]]) + math.prod(shapes[node.input[2]]))
    if kind == "Einsum":
        return _count_einsum(node, shapes)
    if kind == "Attention":
        return _count_attention(node, shapes)
    if kind in _SQUARES:
        return math.prod(shapes[node.input[0]])
    # each place of a grid is weighed together from its neighbours
    return out * 2 ** (len(shapes[node.input[0]]) - 2) if kind == "GridSample" else out


def _count_einsum(node: onnx.NodeProto, shapes: Shapes) -> int:
    equation = next((a.s.decode("utf-8", "replace") for a in node.attribute if a.name == "equation"), "")
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, name in zip(terms, node.input, strict=False):
        if len(term) != len(shapes[name]) or not term.isalpha():
            forbid("Einsum with an ellipsis")
        sizes.update(zip(term, shapes[name], strict=True))
    return math.prod(sizes.values()) * max(len(terms) - 1, 0)


def _count_attention(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Queries with keys, and weights with values: every head sees every key."""
    queries, keys, values = (shapes[name] for name in node.input[:3])
    if len(queries) == _WITH_HEADS:
        per_pair = math.prod(queries[:2]) * (queries[3] + values[3])
    else:
        heads = {a.name: a.i for a in node.attribute}
        groups = max(heads.get("q_num_heads", 1) // max(heads.get("kv_num_heads", 1), 1), 1)
        per_pair = queries[0] * (queries[2] + values[2] * groups)
    return per_pair * queries[-2] * keys[-2]
